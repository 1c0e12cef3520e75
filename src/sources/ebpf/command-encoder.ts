import type { BehaviourKey, FilterMode } from '../source.ts'
import { ABI, FRAME_MAX, frameTypes, HEAD_SIZE, ID_LENGTH, layout } from './abi.ts'

const KEYS_MAX = Math.floor((FRAME_MAX - layout.snug_known) / 8) - 1

function frame(type: number, size: number): Buffer {
  const bytes = Buffer.alloc(size)
  bytes.writeUInt32LE(size - HEAD_SIZE, layout['snug_head.size'])
  bytes.writeUInt16LE(type, layout['snug_head.type'])
  bytes.writeUInt8(ABI, layout['snug_head.version'])
  return bytes
}

/** `id`: 64 hex digits. `scope`: a whole number from 0. */
export function encodeAssign(id: string, scope: number): Buffer {
  const bytes = frame(frameTypes.assign, layout.snug_assign)
  bytes.write(id.slice(0, ID_LENGTH), layout['snug_assign.id'], 'latin1')
  bytes.writeBigUInt64LE(BigInt(scope), layout['snug_assign.scope'])
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
  bytes.writeUInt32LE(mode === 'off' ? 0 : 1, layout['snug_filter.mode'])
  return bytes
}

export function encodeFlush(): Buffer {
  return frame(frameTypes.flush, HEAD_SIZE)
}

export function encodePing(token: bigint): Buffer {
  const bytes = frame(frameTypes.ping, layout.snug_ping)
  bytes.writeBigUInt64LE(token, layout['snug_ping.token'])
  return bytes
}
