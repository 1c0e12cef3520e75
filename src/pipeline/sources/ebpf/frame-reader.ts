import { SnugError } from '../../../errors.ts'
import { ABI, FRAME_MAX, HEAD_SIZE } from './abi.ts'

export interface Frame {
  readonly type: number
  /** The whole frame, its head included; valid until the next call of `push`. */
  readonly bytes: Buffer
}

/**
 * Cuts a stream of bytes into frames. What is no frame cannot be skipped, since nothing marks where the next
 * one begins: it is a `SENSOR_PROTOCOL` error, and the stream is of no use any more.
 */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0)

  push(chunk: Buffer): readonly Frame[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const frames: Frame[] = []
    let at = 0
    while (bytes.length - at >= HEAD_SIZE) {
      const size = bytes.readUInt32LE(at) + HEAD_SIZE
      const version = bytes[at + 6]
      if (version !== ABI) {
        throw new SnugError(
          'SENSOR_PROTOCOL',
          `a frame of version ${String(version)} where ${ABI} is known`,
        )
      }
      if (size > FRAME_MAX) {
        throw new SnugError('SENSOR_PROTOCOL', `a frame of ${size} bytes: at most ${FRAME_MAX}`)
      }
      if (bytes.length - at < size) break
      frames.push({ type: bytes.readUInt16LE(at + 4), bytes: bytes.subarray(at, at + size) })
      at += size
    }
    this.#rest = at === bytes.length ? Buffer.alloc(0) : Buffer.from(bytes.subarray(at))
    return frames
  }

  /** Bytes of a frame that has not come whole. */
  get pending(): number {
    return this.#rest.length
  }
}
