/** Of a database of the type hash, which rpm before 4.16 writes. */
const magic = 0x061561
const magicAt = 12
const pageHeaderBytes = 26
/** Of pages. */
const hashPages: ReadonlySet<number> = new Set([2, 13])
const overflowPage = 7
/** Of items of a page. */
const [inPage, offPage] = [1, 3] as const
/** An item of another page: its type, the first of its pages, and its length. */
const offPageBytes = 12

/** Whether a file begins as such a database does. */
export function isBerkeley(bytes: Buffer): boolean {
  return bytes.length >= magicAt + 4 && numbersOf(bytes) !== undefined
}

type Read = (at: number) => number

interface Numbers {
  readonly long: Read
  readonly short: Read
}

/** Its numbers have the order of the machine that wrote it. */
function numbersOf(bytes: Buffer): Numbers | undefined {
  if (bytes.readUInt32LE(magicAt) === magic)
    return { long: (at) => bytes.readUInt32LE(at), short: (at) => bytes.readUInt16LE(at) }
  if (bytes.readUInt32BE(magicAt) === magic)
    return { long: (at) => bytes.readUInt32BE(at), short: (at) => bytes.readUInt16BE(at) }
  return undefined
}

/**
 * The headers of packages in `Packages`, a database of Berkeley DB, by its format: pages of hash buckets with pairs of
 * key and value, and chains of pages for longer values. The key 0 has a counter.
 *
 * Throws a `RangeError` where the bytes contradict the format.
 */
export function berkeleyHeaders(bytes: Buffer): readonly Buffer[] {
  const numbers = numbersOf(bytes)
  if (numbers === undefined) throw new RangeError('it is no database of Berkeley DB')
  return [...new BerkeleyFile(bytes, numbers).headers()]
}

class BerkeleyFile {
  readonly #bytes: Buffer
  readonly #numbers: Numbers
  readonly #pageBytes: number
  readonly #count: number
  /** No page is a part of two values, so all of them are no longer than the file. */
  readonly #taken = new Set<number>()

  constructor(bytes: Buffer, numbers: Numbers) {
    this.#bytes = bytes
    this.#numbers = numbers
    const size = numbers.long(20)
    if (size < 512 || size > 1 << 16 || (size & (size - 1)) !== 0)
      throw new RangeError('its pages have no size')
    this.#pageBytes = size
    this.#count = numbers.long(32) + 1
    if (this.#count * size > bytes.length) throw new RangeError('its pages are cut')
  }

  *headers(): Iterable<Buffer> {
    for (let page = 1; page < this.#count; page += 1) {
      if (!hashPages.has(this.#typeOf(page))) continue
      const items = this.#itemsOf(page)
      if (items.length % 2 !== 0) throw new RangeError('a key has no value')
      for (let at = 0; at < items.length; at += 2) {
        const [key, value] = [items[at], items[at + 1]]
        if (key === undefined || value === undefined || isCounter(key)) continue
        yield this.#valueOf(value)
      }
    }
  }

  #typeOf(page: number): number {
    return this.#bytes.readUInt8(this.#at(page) + 25)
  }

  #at(page: number): number {
    if (page < 1 || page >= this.#count) throw new RangeError(`it has no page ${page}`)
    return page * this.#pageBytes
  }

  /** They lie from the end of the page on, the first one last. */
  #itemsOf(page: number): readonly Buffer[] {
    const start = this.#at(page)
    const count = this.#numbers.short(start + 20)
    if (pageHeaderBytes + 2 * count > this.#pageBytes) throw new RangeError('a page has no end')
    const items: Buffer[] = []
    let end = this.#pageBytes
    for (let item = 0; item < count; item += 1) {
      const at = this.#numbers.short(start + pageHeaderBytes + 2 * item)
      if (at >= end) throw new RangeError('an item has no length')
      items.push(this.#bytes.subarray(start + at, start + end))
      end = at
    }
    return items
  }

  #valueOf(item: Buffer): Buffer {
    const [type] = item
    if (type === inPage) return item.subarray(1)
    if (type !== offPage || item.length < offPageBytes) throw new RangeError('a value has no bytes')
    const at = item.byteOffset - this.#bytes.byteOffset
    return this.#chainOf(this.#numbers.long(at + 4), this.#numbers.long(at + 8))
  }

  #chainOf(first: number, length: number): Buffer {
    const parts: Buffer[] = []
    let left = length
    for (let page = first; left > 0; ) {
      const start = this.#at(page)
      if (this.#typeOf(page) !== overflowPage || this.#taken.has(page))
        throw new RangeError('a value goes on in another one')
      this.#taken.add(page)
      const size = this.#numbers.short(start + 22)
      if (size === 0 || size > left || pageHeaderBytes + size > this.#pageBytes)
        throw new RangeError('a page has another length')
      const from = start + pageHeaderBytes
      parts.push(this.#bytes.subarray(from, from + size))
      left -= size
      page = this.#numbers.long(start + 16)
    }
    return Buffer.concat(parts)
  }
}

/** Of the type, and the number of a package. */
function isCounter(key: Buffer): boolean {
  if (key.length !== 5 || key[0] !== inPage) throw new RangeError('a key is no number')
  return key.subarray(1).every((byte) => byte === 0)
}
