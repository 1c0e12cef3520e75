import { z } from 'zod'
import { openObject } from '../view.ts'
import {
  accesses,
  containerRoles,
  devices,
  driftKinds,
  enforcements,
  identityRoutes,
  layers,
  origins,
  survivals,
  unhashedReasons,
} from './event-words.ts'

/**
 * The event, v1, as it is published: `event.ts` has its types. It only describes. The fast parser in `parse-event.ts`
 * validates input, and a contract test compares the two.
 */
export const time = z.iso.datetime({ offset: false }).meta({ description: 'RFC 3339, UTC' })
export const path = z.string().meta({ description: "absolute inside the container's root" })
const id = z.int().min(0).max(4_294_967_295)
const port = z.int().min(0).max(65_535)
const optionalText = z.string().exactOptional()
const flag = z.boolean().exactOptional()

export const imageRef = openObject({
  repository: z.string(),
  tag: optionalText,
  /** `sha256:…`: the repository digest, or the image id where there is none. */
  digest: z.string(),
  scope: optionalText.meta({
    description: 'the namespace or workload whose profile judges it; absent: one profile for all',
  }),
})

export const containerRef = openObject({
  /** 64 hex digits. */
  id: z.string(),
  name: optionalText,
  /** True where the container was already running when the agent first saw it. */
  before: flag,
  role: z
    .enum(containerRoles)
    .exactOptional()
    .meta({ description: "of a pod's container that is not one of its app's" }),
})

export const workloadRef = openObject({
  namespace: optionalText,
  kind: optionalText,
  name: z.string(),
  pod: optionalText,
})

export const processRef = openObject({
  pid: z.int(),
  ppid: z.int().exactOptional(),
  vpid: z.int().exactOptional().meta({
    description: 'what the process is called in its own PID namespace, where it is known',
  }),
  exe: path,
  /** The script that `exe` interprets, where it was started as one. */
  script: path.exactOptional(),
  args: z.array(z.string()).exactOptional(),
  argsCut: flag,
  uid: id,
  /** True where that is the uid that the container was started as, whatever its number: the user that image or pod declare. */
  declaredUser: flag,
  gid: id.exactOptional(),
  parent: optionalText,
  /** Executables (scripts, where started as such) from the parent outwards, nearest first. */
  ancestors: z.array(z.string()).exactOptional(),
  origin: z.enum(origins),
  /** Names one `docker exec` or `kubectl exec`. */
  session: optionalText,
  tty: flag,
  /** True where standard input, output or error is a network or unix socket. */
  socketStdio: flag,
  /** True where the running executable did not come with the image. */
  drift: flag,
})

export const lossSpan = openObject({
  reason: z.string(),
  count: z.number().min(0),
  from: time,
  to: time,
})

/** The file of an execution, as the kernel identified it. */
export const executedFile = openObject({
  /** As `stat` gives it. */
  device: z.int(),
  /** Decimal, as it may have 64 bits. */
  inode: z.string(),
  /** Of the last change of the file. Decimal. No process can set it. */
  changed: z.string().meta({ description: 'nanoseconds since the epoch' }),
  bytes: z.int(),
  /** Names the execution, to ask whether its process still runs it; `0`: it never did. */
  executed: z.string(),
  /** And not that of its interpreter. */
  script: flag.meta({ description: 'it is that of the script' }),
  /** A change through a mapping leaves `changed` as it is. */
  inMemory: flag,
})

export const execAct = openObject({
  path,
  drift: z.boolean(),
  script: path.exactOptional(),
  driftKind: z.enum(driftKinds).exactOptional(),
  /**
   * The program is the image's and the script that it runs is not. Of a script in a volume the
   * operator decides. Set by `identify`.
   */
  scriptDrift: flag,
  file: executedFile
    .exactOptional()
    .meta({ description: 'what the image may not ship, as the kernel identified it' }),
  sha256: optionalText.meta({
    description: 'of the content of a file that was executed and that the image did not ship',
  }),
  unhashed: z.enum(unhashedReasons).exactOptional().meta({ description: 'why there is no hash' }),
})

export const fileAct = openObject({
  path,
  access: z.array(z.enum(accesses)).min(1),
  /** With `create`, the file that a hard link names: `path` is its new name. */
  to: path.exactOptional().meta({ description: 'the new name; required with `rename`' }),
  /** The path was deeper or longer than the sensor carries: it begins with `…`. */
  cut: flag,
  /** The kernel refused it (EACCES, EPERM): an attempt. */
  denied: flag,
  /** The path is the caller's argument, made absolute: the kernel did not report the file itself. */
  unresolved: flag,
  /** The image ships this path. Set by `identify`; such a path is never generalised. */
  shipped: flag,
  toShipped: flag.meta({ description: 'the image ships the path in `to`' }),
  /** Another process opened it and passed it on, over a unix socket for one. */
  received: z.boolean().exactOptional(),
  /** Of a file that was opened only to be read, or mapped as code: whether it lies in the image's layers. Absent: not known. */
  layer: z.enum(layers).exactOptional(),
  /** Of a file that was opened: what it gives access to, a disk or the memory of the machine, whatever its name is. */
  device: z.enum(devices).exactOptional(),
  /**
   * Of a file that was opened, where it is of a file system that controls the kernel: where that is
   * usually mounted. It may be mounted elsewhere: `/host/proc/sysrq-trigger` has `/proc`.
   */
  usualMount: path.exactOptional(),
})

export const connectAct = openObject({
  protocol: z.string(),
  address: z.string(),
  /** 0 where the protocol has no ports. */
  port,
  /** A container or workload; a DNS name ends in a dot. */
  name: optionalText,
  peer: openObject({ image: optionalText, workload: optionalText }).exactOptional(),
  /** In lower case. Absent where the connection is made, and has named no server yet. */
  serverName: optionalText.meta({
    description:
      'the server that the client asked for in TLS, in the first data of the connection; `?`: it hid the name',
  }),
})

export const listenAct = openObject({ protocol: z.string(), address: z.string(), port })

export const userIds = openObject({ uid: id, gid: id })

export const identityAct = openObject({
  from: userIds,
  to: userIds,
  /** Absent where it was gained otherwise, and where the source does not report it. */
  through: z.enum(identityRoutes).exactOptional().meta({
    description:
      'how the identity was there to be taken: it was held as real or saved uid, or a setuid program of the image brought it',
  }),
})

export const capabilityAct = openObject({ name: z.string() })

/**
 * A sensitive system call that no other kind covers: ptrace, mount, unshare, init_module, bpf,
 * io_uring …
 */
export const syscallAct = openObject({
  name: z.string(),
  /** What the call was about, where that is known: the path of a mount, the path of an io_uring open. */
  target: optionalText,
  /** The kernel refused it. */
  denied: flag,
  /** Of a file that was made setuid: mode, owner and content are those that the image ships. */
  asShipped: flag,
})

const base = { v: z.literal(1), time, node: z.string(), source: z.string() }
const act = {
  ...base,
  container: containerRef,
  /** Absent until the container's image is known; an event that stays without it is `unprofiled`. */
  image: imageRef.exactOptional(),
  workload: workloadRef.exactOptional(),
  process: processRef,
  /** Number of repeats, if the source folds them; 1 if absent. */
  count: z.int().min(1).exactOptional(),
  enforced: z.enum(enforcements).exactOptional().meta({
    description:
      'what the kernel did about a deviation that is to be blocked. `killed`: nothing survives that the process obtained. `missed`: it had its effect',
  }),
  survives: z.enum(survivals).exactOptional().meta({
    description:
      'of a `missed` event whose process was killed all the same: why that did not stop it',
  }),
  held: flag.meta({
    description: 'it was stopped because a person holds its container, whatever the profile',
  }),
}

export const execEvent = openObject({ ...act, kind: z.literal('exec'), exec: execAct })
export const fileEvent = openObject({ ...act, kind: z.literal('file'), file: fileAct })
export const connectEvent = openObject({ ...act, kind: z.literal('connect'), connect: connectAct })
export const listenEvent = openObject({ ...act, kind: z.literal('listen'), listen: listenAct })
export const identityEvent = openObject({
  ...act,
  kind: z.literal('identity'),
  identity: identityAct,
})
export const capabilityEvent = openObject({
  ...act,
  kind: z.literal('capability'),
  capability: capabilityAct,
})
export const syscallEvent = openObject({ ...act, kind: z.literal('syscall'), syscall: syscallAct })
/** A loss may be of one container (then it taints that one's evidence) or of the whole node. */
export const lossEvent = openObject({
  ...base,
  kind: z.literal('loss'),
  container: containerRef.exactOptional(),
  image: imageRef.exactOptional(),
  loss: lossSpan,
})

export const event = z
  .discriminatedUnion('kind', [
    execEvent,
    fileEvent,
    connectEvent,
    listenEvent,
    identityEvent,
    capabilityEvent,
    syscallEvent,
    lossEvent,
  ])
  .meta({ title: 'Snug event, v1' })
