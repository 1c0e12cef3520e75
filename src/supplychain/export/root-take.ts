import { runtime } from '../../core/behaviour/behaviour.ts'
import type { Allowed } from './allowed.ts'
import { compareText } from '../../core/compare-text.ts'
import { capabilityTake, nothing, type Take } from './capability-take.ts'
import { globOf, partsOf } from './paths.ts'
import { folderOfPath, isBelow, isEverybodys, writtenPaths } from './written-folders.ts'

/** Facts that only all events together show. */
export interface Together {
  /** Users that root becomes. */
  readonly becomes: readonly number[]
  /** Ports below 1024 that root listens on. */
  readonly ports: readonly number[]
  /** Used capabilities; undefined where they were not observed. */
  readonly capabilities: ReadonlySet<string> | undefined
  /** It was seen to be started as another user, and never as root. */
  readonly startsAsOther: boolean
}

/** @param watchedFor kinds of events */
export function togetherOf(acts: readonly Allowed[], watchedFor: readonly string[]): Together {
  const starts = acts.filter(({ actor }) => actor.exe === runtime.exe)
  const becomes = new Set<number>()
  const ports = new Set<number>()
  const used = new Set<string>()
  for (const { uid, object } of acts) {
    if (object.kind === 'identity' && object.from.uid === 0 && object.to.uid !== 0) {
      becomes.add(object.to.uid)
    }
    if (uid !== 0) continue
    if (object.kind === 'listen' && isLow(object.port)) ports.add(object.port)
    if (object.kind === 'capability') used.add(object.name)
  }
  const inOrder = (set: ReadonlySet<number>): readonly number[] => [...set].sort((a, b) => a - b)
  return {
    becomes: inOrder(becomes),
    ports: inOrder(ports),
    capabilities: watchedFor.includes('capability') ? used : undefined,
    startsAsOther: starts.length > 0 && starts.every(({ uid }) => uid !== 0),
  }
}

/** What another user would need for that event of root: a list, because a pattern can cover several folders. */
export function takesOf(act: Allowed, together: Together): readonly Take[] {
  const { object } = act
  switch (object.kind) {
    case 'exec':
      return [nothing]
    case 'file':
      return fileTakes(act)
    case 'connect':
      return object.protocol === 'unix' && object.peer.startsWith('/')
        ? [{ kind: 'takes', what: `the socket ${object.peer}, made to let the new user in` }]
        : [nothing]
    case 'listen':
      if (object.protocol === 'unix') return writableTakes(act)
      return [isLow(object.port) ? portTake(together) : nothing]
    case 'identity':
      return [object.from.uid === object.to.uid ? nothing : identityTake(together)]
    case 'capability': {
      const take = capabilityTake(object.name)
      if (take === 'identity') return [identityTake(together)]
      return [take === 'port' ? portTake(together) : take]
    }
    case 'syscall':
      return callTakes(act, object.name, together)
  }
}

/** A port that needs privileges, unless the host is configured otherwise. */
export function isLow(port: number): boolean {
  return port > 0 && port < 1024
}

function portTake({ ports }: Together): Take {
  const [lowest] = ports
  if (lowest === undefined) {
    return { kind: 'takes', what: 'another port: it takes one below 1024' }
  }
  const named = ports.join(', ')
  return {
    kind: 'takes',
    what: `another port than ${named}, or the sysctl net.ipv4.ip_unprivileged_port_start at ${lowest}: ports below 1024 are root's where that is not set lower`,
  }
}

function identityTake({ becomes, startsAsOther }: Together): Take {
  const [only] = becomes
  if (startsAsOther) return { kind: 'needs', what: 'to become root, which it was not started as' }
  if (becomes.length > 1) {
    return { kind: 'needs', what: `to become several users: uid ${becomes.join(', ')}` }
  }
  return only === undefined
    ? { kind: 'takes', what: 'the groups and the user that it gives itself, from the start' }
    : { kind: 'takes', what: `to be started as uid ${only}: it becomes that by itself` }
}

/** By convention, and by the checks of common programs. */
const onlyRootReads = [
  '/etc/shadow',
  '/etc/gshadow',
  '/etc/sudoers',
  '/etc/sudoers.d',
  '/etc/ssl/private',
  '/root',
]

/** Devices that all users may use. */
const openDevices =
  /^\/dev\/(?:null|zero|full|random|urandom|tty|ptmx|console|std(?:in|out|err)|fd|pts|shm|mqueue)(?:\/|$)/

function fileTakes(act: Allowed): readonly Take[] {
  const { object, literals } = act
  if (object.kind !== 'file') return [nothing]
  const written = writtenPaths(act)
  if (written.length > 0) return writableTakes(act)
  const paths = literals ?? [globOf(partsOf(object.path))]
  return paths.map((path) => {
    if (onlyRootReads.some((each) => isBelow(path, each)) || /\/ssh_host_[^/]*_key$/.test(path)) {
      return { kind: 'takes', what: `${path}, made readable for the new user` }
    }
    return deviceTake(path) ?? nothing
  })
}

function writableTakes(act: Allowed): readonly Take[] {
  const takes = writtenPaths(act).map((path): Take => {
    if (isBelow(path, '/proc/sys') || path === '/proc/sysrq-trigger' || isBelow(path, '/sys')) {
      return { kind: 'needs', what: `to set what the kernel does, by ${path}` }
    }
    if (isBelow(path, '/proc')) return nothing
    const device = deviceTake(path)
    if (device !== undefined) return device
    const folder = folderOfPath(path)
    if (isBelow(path, '/dev') || isEverybodys(folder)) return nothing
    return { kind: 'takes', what: `${folder}, made writable for the new user` }
  })
  return takes.length === 0 ? [nothing] : takes
}

function deviceTake(path: string): Take | undefined {
  if (!isBelow(path, '/dev') || path === '/dev' || openDevices.test(path)) return undefined
  return { kind: 'takes', what: `the group of ${path}, given to the new user` }
}

/** Only root can make these calls, outside of a user namespace that the process created. */
const rootCalls: Readonly<Record<string, string>> = {
  mount: 'to mount',
  umount2: 'to unmount',
  move_mount: 'to mount',
  fsopen: 'to mount',
  pivot_root: 'to change its root file system',
  init_module: 'to load modules into the kernel',
  finit_module: 'to load modules into the kernel',
  delete_module: 'to unload modules of the kernel',
  kexec_load: 'to load another kernel',
}

/**
 * Each needs root with one of these capabilities. Without, it is allowed in a process's own user namespace and on its
 * own processes.
 */
const byCapability: Readonly<Record<string, readonly string[]>> = {
  ptrace: ['CAP_SYS_PTRACE'],
  process_vm_writev: ['CAP_SYS_PTRACE'],
  open_tree: ['CAP_SYS_ADMIN'],
  unshare: ['CAP_SYS_ADMIN'],
  setns: ['CAP_SYS_ADMIN', 'CAP_SYS_CHROOT'],
  clone: ['CAP_SYS_ADMIN'],
  chroot: ['CAP_SYS_CHROOT'],
  bpf: ['CAP_BPF', 'CAP_SYS_ADMIN'],
  perf_event_open: ['CAP_PERFMON', 'CAP_SYS_ADMIN'],
  setxattr: ['CAP_SETFCAP'],
}

const freeCalls = new Set([
  'memfd_create',
  'io_uring_setup',
  'io_uring',
  'add_key',
  'keyctl',
  'kill',
])
const fileCalls = new Set(['chmod', 'utimensat', 'truncate'])

function callTakes(act: Allowed, name: string, { capabilities }: Together): readonly Take[] {
  const root = rootCalls[name]
  if (root !== undefined) return [{ kind: 'needs', what: root }]
  const asked = byCapability[name]
  if (asked !== undefined) {
    const free = capabilities !== undefined && !asked.some((each) => capabilities.has(each))
    return [free ? nothing : { kind: 'needs', what: `to call ${name}` }]
  }
  if (fileCalls.has(name)) return writableTakes(act)
  if (freeCalls.has(name)) return [nothing]
  return [{ kind: 'takes', what: `a trial: what ${name} asks of a user is not known here` }]
}

/** Report order: by subject. */
export function byWhat(a: { readonly take: string }, b: { readonly take: string }): number {
  return compareText(a.take, b.take)
}
