import { SnugError } from '../../../../errors.ts'
import { ByteQueue } from './mux.ts'

/** Types of messages in ttrpc; others are for streams, which NRI does not use. */
export const messageTypes = { request: 1, response: 2 } as const

/** Bytes: the limit of ttrpc itself. */
const longestMessage = 4 << 20
const headSize = 10
/** The flag of a request whose data is to follow. */
const remoteOpen = 2

export interface TtrpcMessage {
  readonly stream: number
  readonly type: 'request' | 'response'
  readonly data: Buffer
}

/** Length and stream, four bytes each, big endian, then type and flags, then the data. */
export function encodeTtrpc({ stream, type, data }: TtrpcMessage): Buffer {
  const head = Buffer.alloc(headSize)
  head.writeUInt32BE(data.length, 0)
  head.writeUInt32BE(stream, 4)
  head.writeUInt8(messageTypes[type], 8)
  return Buffer.concat([head, data])
}

/** Splits one connection into messages. Errors: `NRI_PROTOCOL`; the connection is unusable afterwards. */
export class TtrpcReader {
  readonly #bytes = new ByteQueue()

  push(chunk: Buffer): readonly TtrpcMessage[] {
    this.#bytes.push(chunk)
    const messages: TtrpcMessage[] = []
    for (;;) {
      const head = this.#bytes.peek(headSize)
      if (head === undefined) return messages
      const size = head.readUInt32BE(0)
      if (size > longestMessage) {
        throw new SnugError('NRI_PROTOCOL', `a message of ${size} bytes: at most ${longestMessage}`)
      }
      const type = typeOf(head)
      const whole = this.#bytes.take(headSize + size)
      if (whole === undefined) return messages
      messages.push({ stream: head.readUInt32BE(4), type, data: whole.subarray(headSize) })
    }
  }
}

function typeOf(head: Buffer): TtrpcMessage['type'] {
  const code = head.readUInt8(8)
  const flags = head.readUInt8(9)
  if (code === messageTypes.response) return 'response'
  if (code === messageTypes.request && (flags & remoteOpen) === 0) return 'request'
  throw new SnugError('NRI_PROTOCOL', `a message of type ${code} with flags ${flags}`)
}
