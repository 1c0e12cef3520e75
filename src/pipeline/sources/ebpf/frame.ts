import { ABI, HEAD_SIZE, layout } from './abi.ts'

/** A command of `size` bytes with its header. */
export function frame(type: number, size: number): Buffer {
  const bytes = Buffer.alloc(size)
  bytes.writeUInt32LE(size - HEAD_SIZE, layout['snug_head.size'])
  bytes.writeUInt16LE(type, layout['snug_head.type'])
  bytes.writeUInt8(ABI, layout['snug_head.version'])
  return bytes
}
