import { SnugError } from '../../../../errors.ts'
import { constants, layout } from './abi.ts'

export interface Frame {
  readonly type: number
  /** The whole frame with its header; valid until the next call of `push`. */
  readonly bytes: Buffer
}

/**
 * Splits a stream of bytes into frames. An invalid frame cannot be skipped, because nothing marks
 * the start of the next one. It is a `SENSOR_PROTOCOL` error, and the stream is unusable
 * afterwards.
 */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0)

  push(chunk: Buffer): readonly Frame[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const frames: Frame[] = []
    let at = 0
    while (bytes.length - at >= layout.snug_head) {
      const size = bytes.readUInt32LE(at) + layout.snug_head
      const version = bytes[at + 6]
      if (version !== constants.abi) {
        throw new SnugError(
          'SENSOR_PROTOCOL',
          `a frame of version ${String(version)} where ${constants.abi} is known`,
        )
      }
      if (size > constants.frameMax) {
        throw new SnugError(
          'SENSOR_PROTOCOL',
          `a frame of ${size} bytes: at most ${constants.frameMax}`,
        )
      }
      if (bytes.length - at < size) break
      frames.push({ type: bytes.readUInt16LE(at + 4), bytes: bytes.subarray(at, at + size) })
      at += size
    }
    this.#rest = at === bytes.length ? Buffer.alloc(0) : Buffer.from(bytes.subarray(at))
    return frames
  }

  /** Bytes of an incomplete frame. */
  get pending(): number {
    return this.#rest.length
  }
}
