/**
 * The event, v1: one observed action. The contract's shape is also the shape in the pipeline, so
 * that recording, replay, judging and delivery use the same data.
 *
 * Paths are absolute inside the container's root and canonical; addresses are canonical; times are
 * RFC 3339 UTC. The source makes them so once (see `canonical.ts`, `parse-event.ts`).
 */
export const eventKinds = [
  'exec',
  'file',
  'connect',
  'listen',
  'identity',
  'capability',
  'syscall',
  'loss',
] as const
export type EventKind = (typeof eventKinds)[number]

export const accesses = ['read', 'write', 'create', 'delete', 'rename', 'setattr', 'exec'] as const
export type Access = (typeof accesses)[number]

export const origins = ['entrypoint', 'init', 'probe', 'exec-in'] as const
/** The process tree of an event. *Drift* is separate, because it can occur in any tree. */
export type Origin = (typeof origins)[number]

export const containerRoles = ['init', 'sidecar', 'ephemeral'] as const
/** What a container is to its pod, where it is not one of its app's; an `ephemeral` one is an operator's, for debugging. */
export type ContainerRole = (typeof containerRoles)[number]

export interface ContainerRef {
  /** 64 hex digits. */
  readonly id: string
  readonly name?: string
  /** True where the container was already running when the agent first saw it. */
  readonly before?: boolean
  readonly role?: ContainerRole
}

export interface ImageRef {
  readonly repository: string
  readonly tag?: string
  /** `sha256:…`: the repository digest, or the image id where there is none. */
  readonly digest: string
  /**
   * Whose profile of the image this is about: a namespace or a workload (see `profiles.scope`). Absent: one
   * profile for all.
   */
  readonly scope?: string
}

export interface WorkloadRef {
  readonly namespace?: string
  readonly kind?: string
  readonly name: string
  readonly pod?: string
}

export interface ProcessRef {
  readonly pid: number
  readonly ppid?: number
  readonly exe: string
  /** The script that `exe` interprets, where it was started as one. */
  readonly script?: string
  readonly args?: readonly string[]
  readonly argsCut?: boolean
  readonly uid: number
  /** True where that is the uid that the container was started as, whatever its number: the user that image or pod declare. */
  readonly declaredUser?: boolean
  readonly gid?: number
  readonly parent?: string
  /** Executables (scripts, where started as such) from the parent outwards, nearest first. */
  readonly ancestors?: readonly string[]
  readonly origin: Origin
  /** Names one `docker exec` or `kubectl exec`. */
  readonly session?: string
  readonly tty?: boolean
  /** True where standard input, output or error is a network or unix socket. */
  readonly socketStdio?: boolean
  /** True where the running executable did not come with the image. */
  readonly drift?: boolean
}

/** The file of an execution, as the kernel identified it. */
export interface ExecutedFile {
  /** As `stat` gives it. */
  readonly device: number
  /** Decimal, as it may have 64 bits. */
  readonly inode: string
  /** When the file was changed last: nanoseconds since the epoch, decimal. No process can set it. */
  readonly changed: string
  readonly bytes: number
  /** Names the execution, to ask whether its process still runs it; `0`: it never did. */
  readonly executed: string
  /** It is that of the script, and not of its interpreter. */
  readonly script?: boolean
  /** A change through a mapping leaves `changed` as it is. */
  readonly inMemory?: boolean
}

export const unhashedReasons = [
  'ended',
  'changed',
  'uncertain',
  'size',
  'budget',
  'queue',
  'file-system',
  'unidentified',
  'unreadable',
  'agent-ended',
] as const
/** Why the hash of a file was not computed. */
export type UnhashedReason = (typeof unhashedReasons)[number]

export interface ExecAct {
  readonly path: string
  readonly drift: boolean
  readonly script?: string
  /** Why it is drift: the upper layer, an anonymous memory file, another mount. */
  readonly driftKind?: 'upper' | 'memfd' | 'mount'
  /**
   * The program is the image's and the script that it runs is not. Of a script in a volume the
   * operator decides. Set by `identify`.
   */
  readonly scriptDrift?: boolean
  /** Of what the image may not ship: the file whose hash can be had. */
  readonly file?: ExecutedFile
  /** Of the content of what the image did not ship: hex digits. */
  readonly sha256?: string
  /** Why that is not known. */
  readonly unhashed?: UnhashedReason
}

export const devices = ['block', 'memory'] as const
export type Device = (typeof devices)[number]

export interface FileAct {
  readonly path: string
  readonly access: readonly Access[]
  /** Of a rename, the new name. With `create`, the file that a hard link names: `path` is its new name. */
  readonly to?: string
  /** The path was deeper or longer than the sensor carries: it begins with `…`. */
  readonly cut?: boolean
  /** The kernel refused it (EACCES, EPERM): an attempt. */
  readonly denied?: boolean
  /**
   * The path is the caller's argument, made absolute: the kernel did not report the file itself.
   */
  readonly unresolved?: boolean
  /** Another process opened it and passed it on, over a unix socket for one. */
  readonly received?: boolean
  /** The image ships this path. Set by `identify`; such a path is never generalised. */
  readonly shipped?: boolean
  /** The same of `to`: the file that a hard link names, or the name that a rename takes. */
  readonly toShipped?: boolean
  /** Of a file that was opened only to be read, or mapped as code: whether it lies in the image's layers. Absent: not known. */
  readonly layer?: 'image' | 'container'
  /** Of a file that was opened: what it gives access to, a disk or the memory of the machine, whatever its name is. */
  readonly device?: Device
  /**
   * Of a file that was opened, where it is of a file system that controls the kernel: where that is
   * usually mounted. It may be mounted elsewhere: `/host/proc/sysrq-trigger` has `/proc`.
   */
  readonly usualMount?: string
}

export interface ConnectAct {
  readonly protocol: string
  readonly address: string
  /** 0 where the protocol has no ports. */
  readonly port: number
  /** A container or workload; a DNS name ends in a dot. */
  readonly name?: string
  readonly peer?: { readonly image?: string; readonly workload?: string }
}

export interface ListenAct {
  readonly protocol: string
  readonly address: string
  readonly port: number
}

export interface UserIds {
  readonly uid: number
  readonly gid: number
}

/** `held-id`: the real or saved uid was root's already. `setuid-program`: a program of the image brought it. */
export const identityRoutes = ['held-id', 'setuid-program'] as const
export type IdentityRoute = (typeof identityRoutes)[number]

export interface IdentityAct {
  readonly from: UserIds
  readonly to: UserIds
  /** Absent where it was gained otherwise, and where the source does not report it. */
  readonly through?: IdentityRoute
}

export interface CapabilityAct {
  readonly name: string
}

/**
 * A sensitive system call that no other kind covers: ptrace, mount, unshare, init_module, bpf,
 * io_uring …
 */
export interface SyscallAct {
  readonly name: string
  /** What the call was about, where that is known: the path of a mount, the path of an io_uring open. */
  readonly target?: string
  /** The kernel refused it. */
  readonly denied?: boolean
  /** Of a file that was made setuid: mode, owner and content are those that the image ships. */
  readonly asShipped?: boolean
}

export interface LossSpan {
  readonly reason: string
  readonly count: number
  /** RFC 3339 */
  readonly from: string
  readonly to: string
}

export const enforcements = ['blocked', 'killed', 'missed'] as const
export type Enforced = (typeof enforcements)[number]

export const survivals = ['held-by-others', 'effect-remains'] as const
/**
 * Why killing the process did not stop the event: another thread or process holds what it obtained,
 * or the call changes something that stays.
 */
export type Survival = (typeof survivals)[number]

interface EventBase {
  readonly v: 1
  readonly time: string
  readonly node: string
  readonly source: string
}

interface ActBase extends EventBase {
  readonly container: ContainerRef
  /**
   * Absent until the container's image is known; an event that stays without it is `unprofiled`.
   */
  readonly image?: ImageRef
  readonly workload?: WorkloadRef
  readonly process: ProcessRef
  /** Number of repeats, if the source folds them; 1 if absent. */
  readonly count?: number
  /**
   * What the kernel did about a deviation that is to be blocked. `killed`: nothing survives that the
   * process obtained. `missed`: it had its effect.
   */
  readonly enforced?: Enforced
  /** Of a `missed` event whose process was killed all the same. */
  readonly survives?: Survival
  /** It was stopped because a person holds its container, whatever the profile. */
  readonly held?: boolean
}

export type ExecEvent = ActBase & { readonly kind: 'exec'; readonly exec: ExecAct }
export type FileEvent = ActBase & { readonly kind: 'file'; readonly file: FileAct }
export type ConnectEvent = ActBase & { readonly kind: 'connect'; readonly connect: ConnectAct }
export type ListenEvent = ActBase & { readonly kind: 'listen'; readonly listen: ListenAct }
export type IdentityEvent = ActBase & { readonly kind: 'identity'; readonly identity: IdentityAct }
export type CapabilityEvent = ActBase & {
  readonly kind: 'capability'
  readonly capability: CapabilityAct
}
export type SyscallEvent = ActBase & { readonly kind: 'syscall'; readonly syscall: SyscallAct }
/** A loss may be of one container (then it taints that one's evidence) or of the whole node. */
export type LossEvent = EventBase & {
  readonly kind: 'loss'
  readonly container?: ContainerRef
  readonly image?: ImageRef
  readonly loss: LossSpan
}

export type ActEvent =
  | ExecEvent
  | FileEvent
  | ConnectEvent
  | ListenEvent
  | IdentityEvent
  | CapabilityEvent
  | SyscallEvent
export type SnugEvent = ActEvent | LossEvent
