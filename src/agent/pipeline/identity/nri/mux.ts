import { SnugError } from '../../../../errors.ts'

/** Connections that share NRI's socket: each side is the server of one of them. */
export const connections = { plugin: 1, runtime: 2 } as const

const headSize = 8
/** Bytes: the limit of NRI's own multiplexer. */
const longestPayload = 1 << 24

export interface MuxFrame {
  readonly connection: number
  readonly payload: Buffer
}

/** A frame of NRI's multiplexer: connection and length, four bytes each, big endian, then the payload. */
export function encodeFrame(connection: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(headSize)
  head.writeUInt32BE(connection, 0)
  head.writeUInt32BE(payload.length, 4)
  return Buffer.concat([head, payload])
}

/** Splits the stream of the socket into frames. Errors: `NRI_PROTOCOL`; the stream is unusable afterwards. */
export class MuxReader {
  readonly #bytes = new ByteQueue()

  push(chunk: Buffer): readonly MuxFrame[] {
    this.#bytes.push(chunk)
    const frames: MuxFrame[] = []
    for (;;) {
      const head = this.#bytes.peek(headSize)
      if (head === undefined) return frames
      const size = head.readUInt32BE(4)
      if (size > longestPayload) {
        throw new SnugError('NRI_PROTOCOL', `a frame of ${size} bytes: at most ${longestPayload}`)
      }
      const whole = this.#bytes.take(headSize + size)
      if (whole === undefined) return frames
      frames.push({ connection: head.readUInt32BE(0), payload: whole.subarray(headSize) })
    }
  }
}

/** Bytes in the order in which they came. What is taken is joined once. */
export class ByteQueue {
  #parts: Buffer[] = []
  #size = 0

  push(part: Buffer): void {
    if (part.length === 0) return
    this.#parts.push(part)
    this.#size += part.length
  }

  /** The next bytes, which stay; undefined where there are not as many yet. */
  peek(size: number): Buffer | undefined {
    if (this.#size < size) return undefined
    let [first = Buffer.alloc(0)] = this.#parts
    if (first.length < size) {
      first = Buffer.concat(this.#parts)
      this.#parts = [first]
    }
    return first.subarray(0, size)
  }

  take(size: number): Buffer | undefined {
    if (this.#size < size) return undefined
    const taken = this.peek(size)
    const [first = Buffer.alloc(0), ...rest] = this.#parts
    this.#parts = first.length === size ? rest : [first.subarray(size), ...rest]
    this.#size -= size
    return taken
  }
}
