import { SnugError } from '../../../../errors.ts'
import { canonicalAddress, canonicalPath } from '../../../../core/event/canonical.ts'
import type {
  ActEvent,
  ContainerRef,
  ExecAct,
  FileAct,
  IdentityAct,
  ProcessRef,
} from '../../../../core/event/event.ts'
import type { Access, Origin } from '../../../../core/event/event-words.ts'
import { actorFlags, constants, eventFlags, fileFlags, kinds, layout, protocols } from './abi.ts'
import { accessBits, capabilityNames, originCodes, usualMounts } from './abi-names.ts'
import { callName, callTarget } from './call-target.ts'
import { nameOfBytes } from './kernel-name.ts'
import { withChanges } from '../../../../core/with-changes.ts'

export interface ActContext {
  readonly time: string
  readonly node: string
  readonly container: ContainerRef
  /** Path of an executable or a script by its hash. */
  name(hash: bigint): string
}

const DRIFT = actorFlags.driftUpper | actorFlags.driftMemfd | actorFlags.driftMount

/** `bytes` is at least as long as a `snug_event`; texts that reach beyond are a `SENSOR_PROTOCOL` error. */
export function decodeAct(bytes: Buffer, context: ActContext): ActEvent {
  const flags = bytes.readUInt32LE(layout['snug_event.event_flags'])
  const actor = bytes.readUInt16LE(layout['snug_event.actor_flags'])
  const process = decodeProcess(bytes, actor, context)
  const base = {
    v: 1,
    time: context.time,
    node: context.node,
    source: 'ebpf',
    container: context.container,
    ...stopOf(flags),
  } as const
  const kind = bytes.readUInt8(layout['snug_event.kind'])
  switch (kind) {
    case kinds.exec:
      return withChanges(base, {
        kind: 'exec' as const,
        process: {
          ...process,
          args: splitArguments(text(bytes)),
          ...((flags & eventFlags.cut) !== 0 && { argsCut: true }),
        },
        exec: {
          path: process.exe,
          drift: (actor & DRIFT) !== 0,
          ...(process.script !== undefined && { script: process.script }),
          ...driftKind(actor),
          ...((actor & actorFlags.driftScript) !== 0 && { scriptDrift: true }),
          ...decodeExecuted(bytes, (actor & DRIFT) !== 0),
        },
      })
    case kinds.file:
      return withChanges(base, {
        kind: 'file' as const,
        process: withNumber(process, bytes.readUInt32LE(layout['snug_event.vpid'])),
        file: decodeFile(bytes, flags),
      })
    case kinds.connect:
      return withChanges(base, {
        kind: 'connect' as const,
        process,
        connect: decodePeer(bytes, flags),
      })
    case kinds.listen:
      return withChanges(base, {
        kind: 'listen' as const,
        process,
        listen: decodePeer(bytes, flags),
      })
    case kinds.identity:
      return withChanges(base, {
        kind: 'identity' as const,
        process,
        identity: {
          from: {
            uid: bytes.readUInt32LE(layout['snug_event.from_uid']),
            gid: bytes.readUInt32LE(layout['snug_event.from_gid']),
          },
          to: {
            uid: bytes.readUInt32LE(layout['snug_event.to_uid']),
            gid: bytes.readUInt32LE(layout['snug_event.to_gid']),
          },
          ...throughOf(bytes, actor, flags),
        },
      })
    case kinds.capability: {
      const code = bytes.readUInt32LE(layout['snug_event.code'])
      return withChanges(base, {
        kind: 'capability' as const,
        process,
        capability: { name: capabilityNames[code] ?? `CAP_${code}` },
      })
    }
    case kinds.syscall: {
      const name = callName(bytes.readUInt32LE(layout['snug_event.code']))
      const argument = bytes.readBigUInt64LE(layout['snug_event.argument'])
      const target = callTarget(name, argument, nameOfBytes(text(bytes)))
      return withChanges(base, {
        kind: 'syscall' as const,
        process,
        syscall: {
          name,
          ...(target !== undefined && { target }),
          ...((flags & eventFlags.denied) !== 0 && { denied: true }),
        },
      })
    }
    default:
      throw new SnugError('SENSOR_PROTOCOL', `an event of unknown kind ${kind}`)
  }
}

/** Code → origin. An unknown code means the container's own origin. */
export function originOf(code: number): Origin {
  const found = Object.entries(originCodes).find(([, known]) => known === code)
  return (found?.[0] as Origin | undefined) ?? 'entrypoint'
}

/** How root was there to be taken; absent: it was gained, or it is not about root. */
function throughOf(bytes: Buffer, actor: number, flags: number): Pick<IdentityAct, 'through'> {
  const from = bytes.readUInt32LE(layout['snug_event.from_uid'])
  const to = bytes.readUInt32LE(layout['snug_event.to_uid'])
  if (to !== 0 || from === 0) return {}
  if ((flags & eventFlags.atExec) !== 0) {
    return (actor & DRIFT) === 0 ? { through: 'setuid-program' } : {}
  }
  return (actor & actorFlags.heldRoot) === 0 ? {} : { through: 'held-id' }
}

function stopOf(flags: number): Pick<ActEvent, 'enforced' | 'survives' | 'held'> {
  const stopped = enforcedOf(flags)
  return (flags & eventFlags.held) === 0 ? stopped : { ...stopped, held: true }
}

function enforcedOf(flags: number): Pick<ActEvent, 'enforced' | 'survives'> {
  if ((flags & eventFlags.refused) !== 0) return { enforced: 'blocked' }
  const isKilled = (flags & eventFlags.killed) !== 0
  if ((flags & eventFlags.missed) === 0) return isKilled ? { enforced: 'killed' } : {}
  if (!isKilled) return { enforced: 'missed' }
  const isHeld = (flags & eventFlags.shared) !== 0
  return { enforced: 'missed', survives: isHeld ? 'held-by-others' : 'effect-remains' }
}

function decodeProcess(bytes: Buffer, flags: number, context: ActContext): ProcessRef {
  const script = bytes.readBigUInt64LE(layout['snug_event.script'])
  const session = bytes.readBigUInt64LE(layout['snug_event.session'])
  const ancestors: string[] = []
  for (let i = 0; i < constants.ancestors; i++) {
    const hash = bytes.readBigUInt64LE(layout['snug_event.ancestors'] + i * 8)
    if (hash === 0n) break
    ancestors.push(context.name(hash))
  }
  return {
    pid: bytes.readUInt32LE(layout['snug_event.pid']),
    ppid: bytes.readUInt32LE(layout['snug_event.ppid']),
    exe: context.name(bytes.readBigUInt64LE(layout['snug_event.exe'])),
    ...(script !== 0n && { script: context.name(script) }),
    uid: bytes.readUInt32LE(layout['snug_event.uid']),
    gid: bytes.readUInt32LE(layout['snug_event.gid']),
    ...(ancestors[0] !== undefined && { parent: ancestors[0], ancestors }),
    origin: originOf(bytes[layout['snug_event.origin']] ?? 0),
    ...(session !== 0n && { session: session.toString(16).padStart(16, '0') }),
    ...((flags & actorFlags.declaredUser) !== 0 && { declaredUser: true }),
    ...((flags & actorFlags.tty) !== 0 && { tty: true }),
    ...((flags & actorFlags.socketStdio) !== 0 && { socketStdio: true }),
    ...((flags & DRIFT) !== 0 && { drift: true }),
  }
}

/** A sensor of an older build does not report it. */
function withNumber(process: ProcessRef, vpid: number): ProcessRef {
  return vpid === 0 ? process : { ...process, vpid }
}

/** `drift`: it is to have a file; where it has none, that is for its file system. */
function decodeExecuted(bytes: Buffer, drift: boolean): Pick<ExecAct, 'file' | 'unhashed'> {
  const inode = bytes.readBigUInt64LE(layout['snug_event.file_inode'])
  if (inode === 0n) return drift ? { unhashed: 'file-system' } : {}
  const flags = bytes.readUInt32LE(layout['snug_event.file_flags'])
  return {
    file: {
      device: deviceNumber(bytes.readUInt32LE(layout['snug_event.file_device'])),
      inode: String(inode),
      changed: String(bytes.readBigUInt64LE(layout['snug_event.file_changed'])),
      bytes: Number(bytes.readBigUInt64LE(layout['snug_event.file_size'])),
      executed: String(bytes.readBigUInt64LE(layout['snug_event.executed'])),
      ...((flags & fileFlags.ofScript) !== 0 && { script: true }),
      ...((flags & fileFlags.inMemory) !== 0 && { inMemory: true }),
    },
  }
}

/** The kernel has 12 bits for the major number and 20 for the minor; `stat` splits the minor. */
function deviceNumber(device: number): number {
  const [major, minor] = [device >>> 20, device & 0xf_ff_ff]
  return (((minor & 0xf_ff_00) << 12) | (major << 8) | (minor & 0xff)) >>> 0
}

function driftKind(flags: number): { readonly driftKind?: 'upper' | 'memfd' | 'mount' } {
  if ((flags & actorFlags.driftMemfd) !== 0) return { driftKind: 'memfd' }
  if ((flags & actorFlags.driftUpper) !== 0) return { driftKind: 'upper' }
  if ((flags & actorFlags.driftMount) !== 0) return { driftKind: 'mount' }
  return {}
}

function decodeFile(bytes: Buffer, flags: number): FileAct {
  const bits = bytes.readUInt32LE(layout['snug_event.code'])
  const access: Access[] = []
  for (const [bit, name] of accessBits) if ((bits & bit) !== 0) access.push(name)
  const to = nameOfBytes(toText(bytes))
  return {
    path: pathOf(nameOfBytes(text(bytes)), (flags & eventFlags.cut) !== 0),
    access,
    ...(to !== '' && { to: pathOf(to, (flags & eventFlags.toCut) !== 0) }),
    ...((flags & (eventFlags.cut | eventFlags.toCut)) !== 0 && { cut: true }),
    ...((flags & eventFlags.denied) !== 0 && { denied: true }),
    ...((flags & eventFlags.unresolved) !== 0 && { unresolved: true }),
    // Of a file that was not reached there is no layer to report.
    ...((bits === accessBits[0][0] || access[0] === 'exec') &&
      (flags & eventFlags.unresolved) === 0 && { layer: layerOf(flags) }),
    ...((flags & eventFlags.received) !== 0 && { received: true }),
    ...deviceOf(flags),
    ...usualMountOf(flags),
  }
}

function deviceOf(flags: number): Pick<FileAct, 'device'> {
  if ((flags & eventFlags.blockDevice) !== 0) return { device: 'block' }
  return (flags & eventFlags.memoryDevice) !== 0 ? { device: 'memory' } : {}
}

function usualMountOf(flags: number): Pick<FileAct, 'usualMount'> {
  const usualMount = usualMounts[flags >>> eventFlags.fileSystemShift]
  return usualMount === undefined ? {} : { usualMount }
}

function layerOf(flags: number): 'image' | 'container' {
  return (flags & eventFlags.fromImage) !== 0 ? 'image' : 'container'
}

function pathOf(path: string, cut: boolean): string {
  return cut ? `…${path}` : canonicalPath(path)
}

interface Peer {
  readonly protocol: string
  readonly address: string
  readonly port: number
  readonly serverName?: string
}

function decodePeer(bytes: Buffer, flags: number): Peer {
  const code = bytes[layout['snug_event.protocol']]
  const port = bytes.readUInt16LE(layout['snug_event.port'])
  if (code === protocols.unix) {
    const path = nameOfBytes(text(bytes))
    return { protocol: 'unix', address: pathOf(path, (flags & eventFlags.cut) !== 0), port: 0 }
  }
  const address = addressAt(
    bytes,
    layout['snug_event.address'],
    bytes[layout['snug_event.family']] === 4,
  )
  return {
    protocol: code === protocols.tcp ? 'tcp' : code === protocols.udp ? 'udp' : 'other',
    address,
    port,
    // The kernel has it as names of peers are, with a final dot.
    ...((flags & eventFlags.serverName) !== 0 && {
      serverName: text(bytes).toString('latin1').slice(0, -1),
    }),
  }
}

/** The canonical address that is at this place, with 4 bytes or 16. */
export function addressAt(bytes: Buffer, at: number, isFour: boolean): string {
  return isFour ? bytes.subarray(at, at + 4).join('.') : sixOf(bytes, at)
}

function sixOf(bytes: Buffer, at: number): string {
  const groups: string[] = []
  for (let i = 0; i < 16; i += 2) groups.push(bytes.readUInt16BE(at + i).toString(16))
  const joined = groups.join(':')
  return canonicalAddress(joined) ?? joined
}

function splitArguments(bytes: Buffer): readonly string[] {
  if (bytes.length === 0) return []
  const args: string[] = []
  let from = 0
  for (let at = bytes.indexOf(0, from); at >= 0; at = bytes.indexOf(0, from)) {
    args.push(nameOfBytes(bytes.subarray(from, at)))
    from = at + 1
  }
  if (from < bytes.length) args.push(nameOfBytes(bytes.subarray(from)))
  return args
}

function text(bytes: Buffer): Buffer {
  return part(bytes, layout.snug_event, bytes.readUInt16LE(layout['snug_event.text_size']))
}

function toText(bytes: Buffer): Buffer {
  const size = bytes.readUInt16LE(layout['snug_event.text_size'])
  return part(bytes, layout.snug_event + size, bytes.readUInt16LE(layout['snug_event.to_size']))
}

function part(bytes: Buffer, at: number, size: number): Buffer {
  if (at + size > bytes.length) {
    throw new SnugError('SENSOR_PROTOCOL', 'an event whose text ends beyond its frame')
  }
  return bytes.subarray(at, at + size)
}
