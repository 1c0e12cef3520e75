import { canonicalAddress } from '../../../../core/event/canonical.ts'

/** An address that an answer gives to the name that was asked for. */
export interface AnsweredAddress {
  /** Canonical. */
  readonly address: string
  /** In seconds. */
  readonly ttl: number
}

/** The answer of a resolver to one question. */
export interface DnsAnswer {
  /** The name that was asked for, in lower case, without the final dot. */
  readonly name: string
  readonly addresses: readonly AnsweredAddress[]
  /** False: the message ends before its last record. */
  readonly whole: boolean
}

const headSize = 12
const types = { a: 1, aaaa: 28 } as const
const internet = 1
/** Records of one answer that are read, of which a message of 64 KiB may have more. */
const mostRecords = 512
/** Letters of a name with its dots, and letters of one label: RFC 1035. */
const longestName = 253
const longestLabel = 63
const pointerFrom = 0xc0

/**
 * Reads a DNS message, which may be anything. Undefined where it is no successful answer to one question for an
 * address. All addresses of an answer belong to the name that was asked for: its server chooses its aliases too.
 *
 * INVARIANT: `agent/bpf/network/naming.bpf.h` reads the same bytes by the same rules.
 */
export function readDnsAnswer(message: Uint8Array): DnsAnswer | undefined {
  const reader = new MessageReader(message)
  const flags = reader.number16(2)
  const questions = reader.number16(4)
  if (flags === undefined || questions !== 1) return undefined
  const isResponse = (flags & 0x8000) !== 0
  const [operation, failure] = [(flags >> 11) & 15, flags & 15]
  if (!isResponse || operation !== 0 || failure !== 0) return undefined
  const question = reader.name(headSize)
  if (question === undefined || question.name === '') return undefined
  const type = reader.number16(question.end)
  if (type !== types.a && type !== types.aaaa) return undefined
  if (reader.number16(question.end + 2) !== internet) return undefined
  return { name: question.name, ...addressesOf(reader, question.end + 4) }
}

function addressesOf(reader: MessageReader, from: number): Omit<DnsAnswer, 'name'> {
  const count = reader.number16(6) ?? 0
  const found = new Map<string, number>()
  let at = from
  let whole = count <= mostRecords
  for (let i = 0; i < Math.min(count, mostRecords); i++) {
    const end = reader.endOfName(at) ?? Infinity
    const type = reader.number16(end)
    const kind = reader.number16(end + 2)
    const ttl = reader.number32(end + 4)
    const size = reader.number16(end + 8)
    const data = end + 10
    if (ttl === undefined || size === undefined || !reader.has(data + size)) {
      whole = false
      break
    }
    const isAddress = (type === types.a && size === 4) || (type === types.aaaa && size === 16)
    if (kind === internet && isAddress) {
      const address = reader.address(data, size)
      // RFC 2181: a time with the highest bit set counts as none.
      found.set(address, Math.max(found.get(address) ?? 0, ttl > 0x7fff_ffff ? 0 : ttl))
    }
    at = data + size
  }
  return { addresses: [...found].map(([address, ttl]) => ({ address, ttl })), whole }
}

/** Reads within the message only; undefined for what lies beyond its end. */
class MessageReader {
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  has(end: number): boolean {
    return end <= this.#bytes.length
  }

  number16(at: number): number | undefined {
    const [high, low] = [this.#bytes[at], this.#bytes[at + 1]]
    return high === undefined || low === undefined ? undefined : high * 256 + low
  }

  number32(at: number): number | undefined {
    const [high, low] = [this.number16(at), this.number16(at + 2)]
    return high === undefined || low === undefined ? undefined : high * 65_536 + low
  }

  /** `size` is 4 or 16, and lies within the message. */
  address(at: number, size: number): string {
    const bytes = [...this.#bytes.subarray(at, at + size)]
    if (size === 4) return bytes.join('.')
    const groups: string[] = []
    for (let i = 0; i < 16; i += 2) groups.push((this.number16(at + i) ?? 0).toString(16))
    const joined = groups.join(':')
    return canonicalAddress(joined) ?? joined
  }

  /** A name, and where what follows it begins. It comes first in the message, so that nothing stands before it. */
  name(from: number): { readonly name: string; readonly end: number } | undefined {
    const labels: string[] = []
    let [at, letters] = [from, 0]
    for (;;) {
      const size = this.#bytes[at]
      if (size === undefined) return undefined
      if (size === 0) return { name: labels.join('.'), end: at + 1 }
      letters += size + 1
      if (size > longestLabel || letters > longestName + 1 || !this.has(at + 1 + size)) {
        return undefined
      }
      labels.push(labelText(this.#bytes.subarray(at + 1, at + 1 + size)))
      at += 1 + size
    }
  }

  /** Where what follows a name begins, which may end in a pointer to an earlier one. */
  endOfName(from: number): number | undefined {
    let at = from
    for (;;) {
      const size = this.#bytes[at]
      if (size === undefined) return undefined
      if (size === 0) return at + 1
      if (size >= pointerFrom) return at + 2
      if (size > longestLabel) return undefined
      at += 1 + size
    }
  }
}

/** Upper case is the same name. Other bytes than those of host names are in decimal, as in zone files. */
function labelText(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) {
    const letter = String.fromCharCode(byte).toLowerCase()
    text += byte < 128 && /[a-z0-9_-]/.test(letter) ? letter : `\\${String(byte).padStart(3, '0')}`
  }
  return text
}
