import { closeSync, fstatSync, readdirSync, readFileSync } from 'node:fs'
import { SnugError } from '../../errors.ts'
import { gatewayAccount, rootKept } from '../server/gateway/gateway-account.ts'
import type { GatewayRights } from '../server/gateway/gateway-protocol.ts'

/**
 * Gives up root for good, where it was started with it: its code may lie where only root can read. Everything that is
 * needed was read before; from here on foreign bytes come in. Else it has no more than its user has.
 *
 * Errors: FRONT_FAILED; nothing is served then.
 */
export function dropRights(): GatewayRights {
  if (process.getuid?.() === 0) {
    const { uid, gid } = gatewayAccount()
    try {
      process.setgroups?.([])
      process.setgid?.(gid)
      // The kernel takes all capabilities with it, of every thread.
      process.setuid?.(uid)
    } catch (error) {
      throw new SnugError('FRONT_FAILED', rootKept, { cause: error })
    }
  }
  return rightsNow()
}

/** The daemon's libraries leave files of the store open to whatever it starts: rights that no user has to be asked for. */
export function closeInherited(after: number): void {
  for (const name of readdirSync('/proc/self/fd')) {
    const fd = Number(name)
    if (fd > after && isFile(fd)) closeSync(fd)
  }
}

function isFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile()
  } catch {
    // The one that the folder itself was read by.
    return false
  }
}

function rightsNow(): GatewayRights {
  const status = readFileSync('/proc/self/status', 'utf8')
  const field = (name: string): string =>
    new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? ''
  const sets = ['CapInh', 'CapPrm', 'CapEff', 'CapAmb'].map(field)
  return {
    pid: process.pid,
    uid: process.getuid?.() ?? 0,
    // All of a kind: none where every set is empty.
    capabilities: sets.every((set) => /^0+$/.test(set)) ? 'none' : sets.join(' '),
    noNewPrivileges: field('NoNewPrivs') === '1',
  }
}
