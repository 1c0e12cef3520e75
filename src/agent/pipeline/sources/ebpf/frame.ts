import { constants, layout } from './abi.ts'

/** A command of `size` bytes with its header. */
export function frame(type: number, size: number): Buffer {
  const bytes = Buffer.alloc(size)
  bytes.writeUInt32LE(size - layout.snug_head, layout['snug_head.size'])
  bytes.writeUInt16LE(type, layout['snug_head.type'])
  bytes.writeUInt8(constants.abi, layout['snug_head.version'])
  return bytes
}
