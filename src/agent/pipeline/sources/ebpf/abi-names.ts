import type { Spare } from '../../../../core/lifecycle/blocking.ts'
import type { Access, Origin } from '../../../../core/event/event-words.ts'
import { accesses, calls, drops, fileSystems, origins, spares } from './abi.ts'

/** What an event calls the numbers of the ABI, where the header calls them otherwise. */

const { serverName, ...sparedByName } = spares
export const sparedFlags: Readonly<Record<Spare, number>> = {
  ...sparedByName,
  'server-name': serverName,
}

export const originCodes: Readonly<Record<Origin, number>> = {
  entrypoint: origins.entrypoint,
  'exec-in': origins.execIn,
  probe: origins.probe,
  init: origins.init,
}

/** Bit → access, in the order in which an event names them. */
export const accessBits = [
  [accesses.read, 'read'],
  [accesses.write, 'write'],
  [accesses.create, 'create'],
  [accesses.delete, 'delete'],
  [accesses.rename, 'rename'],
  [accesses.map, 'exec'],
  [accesses.setattr, 'setattr'],
] as const satisfies readonly (readonly [number, Access])[]

/** Number of a file system → where it is usually mounted. */
export const usualMounts = byNumber(fileSystems, {
  proc: '/proc',
  sys: '/sys',
  debug: '/sys/kernel/debug',
  security: '/sys/kernel/security',
  binfmt: '/proc/sys/fs/binfmt_misc',
})

/** Number → reason of a loss. */
export const dropReasons = byNumber(drops, {
  ring: 'ring-full',
  task: 'no-task-state',
  container: 'too-many-containers',
  file: 'file-gone',
  text: 'path-unreadable',
  answer: 'answers-full',
  leftOut: 'program-left-out',
})

const otherCallNames: Readonly<Record<string, string>> = {
  umount: 'umount2',
  mknod: 'mknod_device',
  openByHandle: 'open_by_handle_at',
}
/** Number → system call. */
export const callNames = byNumber(
  calls,
  Object.fromEntries(
    Object.keys(calls).map((name) => [name, otherCallNames[name] ?? snakeCase(name)]),
  ),
)

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

function byNumber<T extends string>(
  numbers: Readonly<Record<T, number>>,
  names: Readonly<Record<T, string>>,
): readonly string[] {
  const found: string[] = []
  for (const key of Object.keys(numbers) as T[]) found[numbers[key]] = names[key]
  return found
}

/** Number → name, as in `linux/capability.h`. */
export const capabilityNames = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_LINUX_IMMUTABLE',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_BROADCAST',
  'CAP_NET_ADMIN',
  'CAP_NET_RAW',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_SYS_MODULE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_CHROOT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_PACCT',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_NICE',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
  'CAP_MKNOD',
  'CAP_LEASE',
  'CAP_AUDIT_WRITE',
  'CAP_AUDIT_CONTROL',
  'CAP_SETFCAP',
  'CAP_MAC_OVERRIDE',
  'CAP_MAC_ADMIN',
  'CAP_SYSLOG',
  'CAP_WAKE_ALARM',
  'CAP_BLOCK_SUSPEND',
  'CAP_AUDIT_READ',
  'CAP_PERFMON',
  'CAP_BPF',
  'CAP_CHECKPOINT_RESTORE',
] as const
