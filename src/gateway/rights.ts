import { closeSync, fstatSync, readdirSync, readFileSync } from 'node:fs'
import { SnugError } from '../errors.ts'
import { gatewayAccount, rootKept } from '../serve/gateway/gateway-account.ts'
import type { GatewayRights } from '../serve/gateway/gateway-protocol.ts'

/**
 * Drops root for good if the gateway was started with it, because only root can read its code. All required files are
 * already read; untrusted bytes arrive only after this. Otherwise it has the rights of its user.
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

/** The daemon's libraries leave files of the store open in child processes: that access needs no rights of a user. */
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

/** Of this process, as the kernel has them. */
export function rightsNow(): GatewayRights {
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
