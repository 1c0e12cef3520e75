/**
 * What another user would need for an event that root caused: nothing; a preparation, where events with the same `what`
 * are reported together; or root itself.
 */
export type Take =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'takes'; readonly what: string }
  | { readonly kind: 'needs'; readonly what: string }

export const nothing: Take = { kind: 'nothing' }
const takes = (what: string): Take => ({ kind: 'takes', what })
const needs = (what: string): Take => ({ kind: 'needs', what })

/** Where the answer is with other behaviours: whom it becomes, which ports it takes. */
export type ByOthers = 'identity' | 'port'

const ownFiles = takes(
  'files owned by the new user, with modes that give it access: it changes owners or bypasses permissions',
)
const oneUser = takes(
  'all of its processes as one user: it signals or changes processes of another user',
)

/** By the names of `linux/capability.h`. */
const capabilities: Readonly<Record<string, Take | ByOthers>> = {
  CAP_CHOWN: ownFiles,
  CAP_DAC_OVERRIDE: ownFiles,
  CAP_DAC_READ_SEARCH: ownFiles,
  CAP_FOWNER: ownFiles,
  CAP_FSETID: ownFiles,
  CAP_LEASE: ownFiles,
  CAP_KILL: oneUser,
  CAP_IPC_OWNER: oneUser,
  CAP_SETGID: 'identity',
  CAP_SETUID: 'identity',
  // To drop capabilities, or to pass them to its own programs: another user has none.
  CAP_SETPCAP: nothing,
  CAP_NET_BIND_SERVICE: 'port',
  // Nothing in Linux checks it.
  CAP_NET_BROADCAST: nothing,
  CAP_IPC_LOCK: takes('a limit of locked memory that is high enough: it locks memory'),
  CAP_SYS_NICE: takes('the priority that it is started with: it raises its own'),
  CAP_SYS_RESOURCE: takes('limits that are high enough from the start: it goes past them'),
  CAP_BLOCK_SUSPEND: takes('a machine that may suspend meanwhile: it holds that up'),
  CAP_WAKE_ALARM: takes('timers that do not wake the machine: it sets such'),
  CAP_LINUX_IMMUTABLE: needs('to make files immutable'),
  CAP_NET_ADMIN: needs('to change the network'),
  CAP_NET_RAW: needs('to use raw or packet sockets'),
  CAP_SYS_MODULE: needs('to load modules into the kernel'),
  CAP_SYS_RAWIO: needs("to use the machine's ports and memory"),
  CAP_SYS_CHROOT: needs('to change its root directory'),
  CAP_SYS_PTRACE: needs('to look into processes of other users'),
  CAP_SYS_PACCT: needs('to keep account of processes'),
  CAP_SYS_ADMIN: needs('to administer the system: mounts, namespaces and much else'),
  CAP_SYS_BOOT: needs('to restart the machine'),
  CAP_SYS_TIME: needs('to set the clock'),
  CAP_SYS_TTY_CONFIG: needs('to hang up terminals'),
  CAP_MKNOD: needs('to make device files'),
  CAP_AUDIT_WRITE: needs("to write to the kernel's audit log, as logins do"),
  CAP_AUDIT_CONTROL: needs("to control the kernel's audit"),
  CAP_AUDIT_READ: needs("to read the kernel's audit log"),
  CAP_SETFCAP: needs('to give capabilities to files'),
  CAP_MAC_OVERRIDE: needs('to go past mandatory access control'),
  CAP_MAC_ADMIN: needs('to change mandatory access control'),
  CAP_SYSLOG: needs("to read the kernel's log"),
  CAP_PERFMON: needs('to measure other processes'),
  CAP_BPF: needs('to load programs into the kernel'),
  CAP_CHECKPOINT_RESTORE: needs('to freeze processes and restore them'),
}

/** The result for the use of that capability; an unlisted capability counts as needing root. */
export function capabilityTake(name: string): Take | ByOthers {
  return capabilities[name] ?? needs(`to use ${name}, of which nothing is known here`)
}
