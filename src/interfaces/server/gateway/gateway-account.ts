import { readFileSync } from 'node:fs'

export interface Account {
  readonly uid: number
  readonly gid: number
}

export const rootKept = 'the gateway cannot drop root: CAP_SETUID and CAP_SETGID are missing'

/** Everybody's and nobody's: owns no files. */
const nobody: Account = { uid: 65_534, gid: 65_534 }

/** The user of the gateway where the agent is root: `snug` if it exists, else `nobody`. */
export function gatewayAccount(): Account {
  const lines = accounts().split('\n')
  return accountOf('snug', lines) ?? accountOf('nobody', lines) ?? nobody
}

function accountOf(name: string, lines: readonly string[]): Account | undefined {
  for (const line of lines) {
    const [account, , uid, gid] = line.split(':')
    if (account === name && Number(uid) > 0) return { uid: Number(uid), gid: Number(gid) }
  }
  return undefined
}

function accounts(): string {
  try {
    return readFileSync('/etc/passwd', 'utf8')
  } catch {
    return ''
  }
}
