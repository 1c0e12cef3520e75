import { bytesOfName } from '../../../../core/event/name-bytes.ts'
import type {
  BehaviourKey,
  ContainerTraits,
  Enforcement,
  FilterMode,
  FoundName,
  PeerName,
  Run,
  SourceMark,
} from '../source.ts'
import { constants, filterModes, frameTypes, kinds, layout, traits } from './abi.ts'
import { sparedFlags } from './abi-names.ts'
import { frame } from './frame.ts'
import { trieKey } from './profile-encoder.ts'

const KEYS_MAX = Math.floor((constants.frameMax - layout.snug_known) / 8) - 1

/** `id`: 64 hex digits. `scope`: a whole number from 0. */
export function encodeAssign(id: string, scope: number, how: ContainerTraits = {}): Buffer {
  const commands = Buffer.concat((how.probes ?? []).map(encodeCommand))
  const bytes = frame(frameTypes.assign, layout.snug_assign + commands.length)
  bytes.write(id.slice(0, constants.idLen), layout['snug_assign.id'], 'latin1')
  bytes.writeBigUInt64LE(BigInt(scope), layout['snug_assign.scope'])
  const { hold } = how
  const bits =
    (how.enforce === true ? traits.enforced : 0) |
    (how.init === true ? traits.ownInit : 0) |
    (hold?.network === true ? traits.holdNetwork : 0) |
    (hold?.changes === true ? traits.holdChanges : 0)
  bytes.writeUInt32LE(bits, layout['snug_assign.traits'])
  bytes.writeUInt32LE(commands.length, layout['snug_assign.commands_size'])
  bytes.writeUInt32LE(how.user === undefined ? 0 : how.user + 1, layout['snug_assign.user'])
  const heldUntil = BigInt(Math.ceil(hold?.until ?? 0)) * 1_000_000n
  bytes.writeBigUInt64LE(heldUntil, layout['snug_assign.held_until'])
  commands.copy(bytes, layout.snug_assign)
  return bytes
}

/** Its size, then its arguments, each ending in NUL. */
function encodeCommand(command: readonly string[]): Buffer {
  const text = Buffer.from(command.map((argument) => `${argument}\0`).join(''))
  const size = Buffer.alloc(4)
  size.writeUInt32LE(text.length)
  return Buffer.concat([size, text])
}

/** Sets the response to deviations from the scope's profile. */
export function encodeEnforce(scope: number, how: Enforcement): Buffer {
  const bytes = frame(frameTypes.enforce, layout.snug_enforce)
  bytes.writeBigUInt64LE(BigInt(scope), layout['snug_enforce.scope'])
  const until = BigInt(Math.ceil(how.pausedUntil ?? 0)) * 1_000_000n
  bytes.writeBigUInt64LE(until, layout['snug_enforce.paused_until'])
  bytes.writeUInt32LE(how.mode === 'block' ? 1 : 0, layout['snug_enforce.block'])
  bytes.writeUInt32LE(how.budget, layout['snug_enforce.budget'])
  const disarmed = (how.except ?? []).reduce((bits, kind) => bits | (1 << kinds[kind]), 0)
  bytes.writeUInt32LE(disarmed, layout['snug_enforce.disarmed'])
  const spares = (how.spares ?? []).reduce((bits, one) => bits | sparedFlags[one], 0)
  bytes.writeUInt32LE(spares, layout['snug_enforce.spares'])
  return bytes
}

export function encodePeer({ address, name }: PeerName): Buffer {
  const text = name === undefined ? Buffer.alloc(0) : Buffer.from(bytesOfName(name))
  const key = trieKey(address)
  const bytes = frame(frameTypes.peer, layout.snug_peer + text.length)
  bytes.set(key.address, layout['snug_peer.address'])
  bytes.writeUInt32LE(key.bits, layout['snug_peer.bits'])
  bytes.writeUInt32LE(text.length, layout['snug_peer.name_size'])
  text.copy(bytes, layout.snug_peer)
  return bytes
}

/** The only resolvers whose answers count in the container. `addresses`: canonical. */
export function encodeResolve(id: string, addresses: readonly string[]): Buffer {
  const bytes = frame(frameTypes.resolve, layout.snug_resolve)
  const sent = addresses.slice(0, constants.resolvers)
  bytes.write(id.slice(0, constants.idLen), layout['snug_resolve.id'], 'latin1')
  bytes.writeUInt32LE(sent.length, layout['snug_resolve.count'])
  for (const [index, address] of sent.entries()) {
    bytes.set(trieKey(address).address, layout['snug_resolve.addresses'] + index * 16)
  }
  return bytes
}

export function encodeFound(id: string, { address, name }: FoundName): Buffer {
  const text = Buffer.from(bytesOfName(name))
  const bytes = frame(frameTypes.answered, layout.snug_answered_name + text.length)
  bytes.write(id.slice(0, constants.idLen), layout['snug_answered_name.id'], 'latin1')
  bytes.set(trieKey(address).address, layout['snug_answered_name.address'])
  bytes.writeUInt32LE(text.length, layout['snug_answered_name.name_size'])
  text.copy(bytes, layout.snug_answered_name)
  return bytes
}

export function encodeFailClosed(on: boolean): Buffer {
  const bytes = frame(frameTypes.failClosed, layout.snug_fail_closed)
  bytes.writeUInt32LE(on ? 1 : 0, layout['snug_fail_closed.on'])
  return bytes
}

/** As many frames as the keys need. */
export function encodeKnown(scope: number, keys: readonly BehaviourKey[]): Buffer {
  const frames: Buffer[] = []
  for (let from = 0; from < keys.length; from += KEYS_MAX) {
    const part = keys.slice(from, from + KEYS_MAX)
    const bytes = frame(frameTypes.known, layout.snug_known + part.length * 8)
    bytes.writeBigUInt64LE(BigInt(scope), layout['snug_known.scope'])
    for (const [index, key] of part.entries()) {
      bytes.writeBigUInt64LE(BigInt(`0x${key}`), layout.snug_known + index * 8)
    }
    frames.push(bytes)
  }
  return Buffer.concat(frames)
}

export function encodeFilter(mode: FilterMode): Buffer {
  const bytes = frame(frameTypes.filter, layout.snug_filter)
  bytes.writeUInt32LE(filterModes[mode], layout['snug_filter.mode'])
  return bytes
}

export function encodeFlush(): Buffer {
  return frame(frameTypes.flush, layout.snug_head)
}

export function encodeRunsStill(token: bigint, { pid, executed }: Run): Buffer {
  const bytes = frame(frameTypes.runsStill, layout.snug_runs)
  bytes.writeBigUInt64LE(token, layout['snug_runs.token'])
  bytes.writeBigUInt64LE(BigInt(executed), layout['snug_runs.executed'])
  bytes.writeUInt32LE(pid, layout['snug_runs.pid'])
  return bytes
}

export function encodePing(token: bigint): Buffer {
  const bytes = frame(frameTypes.ping, layout.snug_ping)
  bytes.writeBigUInt64LE(token, layout['snug_ping.token'])
  return bytes
}

/** Acknowledges all records before the mark. */
export function encodeAck(mark: SourceMark): Buffer {
  const words = mark.split(',').map(BigInt)
  const bytes = frame(frameTypes.ack, layout['snug_checkpoint.state'] + words.length * 8)
  for (const [index, word] of words.entries()) {
    bytes.writeBigUInt64LE(word, layout['snug_checkpoint.state'] + index * 8)
  }
  return bytes
}
