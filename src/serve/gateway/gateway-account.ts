import { readFileSync } from 'node:fs'

export interface Account {
  readonly uid: number
  readonly gid: number
}

export const rootKept = 'the gateway cannot drop root: CAP_SETUID and CAP_SETGID are missing'

/**
 * In a range that systemd's registry of uids has as unused, so that no other process has it: one with the same uid could
 * trace the gateway, and `nobody` is the user of many services. It needs no line in `/etc/passwd`.
 */
const own: Account = { uid: 1_900_007_684, gid: 1_900_007_684 }
/** Where a user namespace has no such uid. */
const nobody: Account = { uid: 65_534, gid: 65_534 }

/** The user of the gateway where the agent is root: `snug` if there is one, else a uid that nothing else uses. */
export function gatewayAccount(
  passwd: string = textOf('/etc/passwd'),
  uids: string = textOf('/proc/self/uid_map'),
): Account {
  return accountOf('snug', passwd.split('\n')) ?? (isMapped(own.uid, uids) ? own : nobody)
}

function accountOf(name: string, lines: readonly string[]): Account | undefined {
  for (const line of lines) {
    const [account, , uid, gid] = line.split(':')
    if (account === name && Number(uid) > 0) return { uid: Number(uid), gid: Number(gid) }
  }
  return undefined
}

/** By the lines of `uid_map`: first uid here, first uid outside, and their number. */
function isMapped(uid: number, lines: string): boolean {
  return lines.split('\n').some((line) => {
    const [first, , count] = line.trim().split(/\s+/).map(Number)
    return first !== undefined && count !== undefined && uid >= first && uid < first + count
  })
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
