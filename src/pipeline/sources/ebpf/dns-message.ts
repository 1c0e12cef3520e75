import { canonicalAddress } from '../../../core/event/canonical.ts'

/** An address that an answer gives to the name that was asked for. */
export interface AnsweredAddress {
  /** Canonical. */
  readonly address: string
  /** In seconds; of an alias, the shortest time on the way to the address. */
  readonly ttl: number
}

/** The answer of a resolver to one question. */
export interface DnsAnswer {
  /** The name that was asked for, in lower case, without the final dot. */
  readonly name: string
  /** Only those to which the aliases of that name lead. */
  readonly addresses: readonly AnsweredAddress[]
  /** False: the message ends before its last record. */
  readonly whole: boolean
}

interface DnsRecord {
  readonly owner: string
  readonly ttl: number
  readonly value:
    | { readonly kind: 'alias'; readonly target: string }
    | { readonly kind: 'address'; readonly address: string }
}

const headSize = 12
const types = { a: 1, alias: 5, aaaa: 28 } as const
const internet = 1
/** Records of one answer that are read, of which a message of 64 KiB may have more. */
const mostRecords = 512
/** Aliases that are followed from one name to another. */
const mostAliases = 16
/** Letters of a name with its dots, and letters of one label: RFC 1035. */
const longestName = 253
const longestLabel = 63

/**
 * Reads a DNS message, which may be anything. Undefined where it is no successful answer to one question for an
 * address.
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
  const { records, whole } = recordsOf(reader, question.end + 4)
  return { name: question.name, addresses: addressesOf(question.name, records), whole }
}

function recordsOf(
  reader: MessageReader,
  from: number,
): { readonly records: readonly DnsRecord[]; readonly whole: boolean } {
  const count = reader.number16(6) ?? 0
  const records: DnsRecord[] = []
  let at = from
  for (let i = 0; i < Math.min(count, mostRecords); i++) {
    const owner = reader.name(at)
    if (owner === undefined) return { records, whole: false }
    const type = reader.number16(owner.end)
    const kind = reader.number16(owner.end + 2)
    const ttl = reader.number32(owner.end + 4)
    const size = reader.number16(owner.end + 8)
    const data = owner.end + 10
    if (type === undefined || kind === undefined || ttl === undefined || size === undefined) {
      return { records, whole: false }
    }
    if (!reader.has(data + size)) return { records, whole: false }
    const value = kind === internet ? valueOf(reader, type, data, size) : undefined
    // RFC 2181: a time with the highest bit set counts as none.
    if (value !== undefined) {
      records.push({ owner: owner.name, ttl: ttl > 0x7fff_ffff ? 0 : ttl, value })
    }
    at = data + size
  }
  return { records, whole: count <= mostRecords }
}

function valueOf(
  reader: MessageReader,
  type: number,
  at: number,
  size: number,
): DnsRecord['value'] | undefined {
  if (type === types.alias) {
    const target = reader.name(at)
    return target === undefined || target.end !== at + size
      ? undefined
      : { kind: 'alias', target: target.name }
  }
  const isAddress = (type === types.a && size === 4) || (type === types.aaaa && size === 16)
  return isAddress ? { kind: 'address', address: reader.address(at, size) } : undefined
}

/** The addresses that the name leads to, whatever the order of the records. */
function addressesOf(name: string, records: readonly DnsRecord[]): readonly AnsweredAddress[] {
  const found = new Map<string, number>()
  const seen = new Set<string>()
  let names = new Map([[name, Infinity]])
  for (let step = 0; step <= mostAliases && names.size > 0; step++) {
    const next = new Map<string, number>()
    for (const { owner, ttl, value } of records) {
      const limit = names.get(owner)
      if (limit === undefined) continue
      const shortest = Math.min(limit, ttl)
      if (value.kind === 'address') {
        found.set(value.address, Math.max(found.get(value.address) ?? 0, shortest))
      } else next.set(value.target, Math.max(next.get(value.target) ?? 0, shortest))
    }
    for (const done of names.keys()) seen.add(done)
    for (const done of seen) next.delete(done)
    names = next
  }
  return [...found].map(([address, ttl]) => ({ address, ttl }))
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

  /**
   * A name, and where what follows it begins. A pointer must lead to an earlier place than all before it, so that there
   * is no circle.
   */
  name(from: number): { readonly name: string; readonly end: number } | undefined {
    const labels: string[] = []
    let [at, end, bound, letters] = [from, -1, from, 0]
    for (;;) {
      const size = this.#bytes[at]
      if (size === undefined) return undefined
      if (size === 0) return { name: labels.join('.'), end: end < 0 ? at + 1 : end }
      if (size > longestLabel) {
        const pointer = this.number16(at)
        if (pointer === undefined || size < 0xc0) return undefined
        if (end < 0) end = at + 2
        at = pointer & 0x3fff
        if (at >= bound) return undefined
        bound = at
        continue
      }
      if (!this.has(at + 1 + size)) return undefined
      letters += size + 1
      if (letters > longestName + 1) return undefined
      labels.push(labelText(this.#bytes.subarray(at + 1, at + 1 + size)))
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
