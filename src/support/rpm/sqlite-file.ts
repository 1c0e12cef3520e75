/** The pages of a database. The first is number 1. */
export interface SqlitePages {
  /** Of one page. */
  readonly bytes: number
  readonly count: number
  /** Throws a `RangeError` where there is no such page. */
  read(page: number): Buffer
}

/** Texts are bytes: names of files need not be UTF-8. */
export type SqliteValue = number | Buffer | null

export interface SqliteRow {
  readonly id: number
  readonly values: readonly SqliteValue[]
}

export const sqliteHeaderBytes = 100
const magic = 'SQLite format 3\0'
const utf8 = 1
/** SQLite's own limit. */
const mostDepth = 20
/** The header of an honest package has a few MiB. */
const mostRowBytes = 64 << 20

const [indexBranch, tableBranch, indexLeaf, tableLeaf] = [2, 5, 10, 13] as const

/** Of a database that begins so. Throws a `RangeError` where it is none. */
export function pageBytesOf(head: Buffer): number {
  if (head.length < sqliteHeaderBytes || head.toString('latin1', 0, magic.length) !== magic)
    throw new RangeError('it is no database of SQLite')
  if (head.readUInt32BE(56) !== utf8) throw new RangeError('its texts are not UTF-8')
  const bytes = head.readUInt16BE(16) === 1 ? 1 << 16 : head.readUInt16BE(16)
  if (bytes < 512 || (bytes & (bytes - 1)) !== 0) throw new RangeError('its pages have no size')
  return bytes
}

/** The pages of a database in memory. Throws a `RangeError` where it is none. */
export function pagesIn(database: Buffer): SqlitePages {
  const bytes = pageBytesOf(database)
  const count = Math.floor(database.length / bytes)
  const read = (page: number): Buffer => {
    if (page < 1 || page > count) throw new RangeError(`it has no page ${page}`)
    return database.subarray((page - 1) * bytes, page * bytes)
  }
  return { bytes, count, read }
}

type ReadPage = SqlitePages['read']

/** An entry of a tree. On a branch, all entries of the pages below `child` come before it. */
interface Cell {
  readonly child?: number
  readonly id: number
  payload(): Buffer
}

/**
 * Reads the tables and indices of a database of SQLite by its documented format, a page at a time. The content is
 * untrusted: each method throws a `RangeError` where it contradicts the format.
 */
export class SqliteFile {
  readonly #pages: SqlitePages
  /** Bytes of a page without what it reserves for others. */
  readonly #usable: number
  #roots: ReadonlyMap<string, number> | undefined

  constructor(pages: SqlitePages) {
    this.#pages = pages
    this.#usable = pages.bytes - pages.read(1).readUInt8(20)
    if (this.#usable < 480) throw new RangeError('its pages have no content')
  }

  /** All rows of a table, by id. */
  *rows(table: string): Iterable<SqliteRow> {
    for (const cell of this.#walk(this.#rootOf(table))) yield rowOf(cell)
  }

  row(table: string, id: number): SqliteRow | undefined {
    for (const cell of this.#walk(this.#rootOf(table), (other) => other.id < id))
      return cell.id === id ? rowOf(cell) : undefined
    return undefined
  }

  /** Ids of the rows of which the first column of an index has this text. */
  idsOf(index: string, text: string): readonly number[] {
    const wanted = Buffer.from(text)
    const order = (cell: Cell): number => {
      const [value] = valuesOf(cell.payload())
      return value instanceof Buffer ? Buffer.compare(value, wanted) : -1
    }
    const ids: number[] = []
    for (const cell of this.#walk(this.#rootOf(index), (other) => order(other) < 0)) {
      if (order(cell) > 0) break
      const id = valuesOf(cell.payload()).at(-1)
      if (typeof id === 'number') ids.push(id)
    }
    return ids
  }

  #rootOf(name: string): number {
    this.#roots ??= new Map(
      Array.from(this.#walk(1), (cell) => {
        const [, own, , root] = valuesOf(cell.payload())
        return [String(own), Number(root)]
      }),
    )
    const root = this.#roots.get(name)
    if (root === undefined) throw new RangeError(`it has no \`${name}\``)
    return root
  }

  /** The entries of a tree in their order, without those at the beginning that come before what is wanted. */
  #walk(root: number, isBefore: (cell: Cell) => boolean = () => false): Iterable<Cell> {
    // A tree has each page once: one that leads in circles, or to a page twice, is at its end here.
    let left = this.#pages.count
    const read = (page: number): Buffer => {
      if (left === 0) throw new RangeError('a tree has more pages than the database')
      left -= 1
      return this.#pages.read(page)
    }
    return this.#below(read, root, isBefore, 0)
  }

  *#below(
    read: ReadPage,
    number: number,
    isBefore: (cell: Cell) => boolean,
    depth: number,
  ): Generator<Cell> {
    if (depth > mostDepth) throw new RangeError('a tree is too deep')
    const page = read(number)
    const start = number === 1 ? sqliteHeaderBytes : 0
    const kind = page.readUInt8(start)
    const cellOf = this.#reader(kind, read, page)
    const isBranch = kind === indexBranch || kind === tableBranch
    const count = page.readUInt16BE(start + 3)
    const pointers = start + (isBranch ? 12 : 8)
    for (let at = 0; at < count; at += 1) {
      const cell = cellOf(page.readUInt16BE(pointers + 2 * at))
      if (isBefore(cell)) continue
      if (cell.child !== undefined) yield* this.#below(read, cell.child, isBefore, depth + 1)
      if (kind !== tableBranch) yield cell
    }
    if (isBranch) yield* this.#below(read, page.readUInt32BE(start + 8), isBefore, depth + 1)
  }

  #reader(kind: number, read: ReadPage, page: Buffer): (at: number) => Cell {
    const payload = (at: number, size: number): Buffer =>
      this.#payload(read, page, at, size, kind === tableLeaf)
    switch (kind) {
      case tableLeaf:
        return (at) => {
          const size = varint(page, at)
          const id = varint(page, size.end)
          return { id: id.value, payload: () => payload(id.end, size.value) }
        }
      case tableBranch:
        return (at) => {
          const id = varint(page, at + 4).value
          return { child: page.readUInt32BE(at), id, payload: () => Buffer.alloc(0) }
        }
      case indexLeaf:
        return (at) => {
          const size = varint(page, at)
          return { id: 0, payload: () => payload(size.end, size.value) }
        }
      case indexBranch:
        return (at) => {
          const size = varint(page, at + 4)
          const child = page.readUInt32BE(at)
          return { child, id: 0, payload: () => payload(size.end, size.value) }
        }
      default:
        throw new RangeError('a page of a tree is of no kind')
    }
  }

  /** What does not fit lies in a chain of other pages. */
  #payload(read: ReadPage, page: Buffer, at: number, size: number, isTable: boolean): Buffer {
    if (size > mostRowBytes) throw new RangeError('a row is too long')
    const local = this.#localBytes(size, isTable)
    if (at + local > page.length) throw new RangeError('a row is cut')
    const head = page.subarray(at, at + local)
    if (local === size) return head
    const whole = Buffer.allocUnsafe(size)
    let filled = head.copy(whole)
    for (let next = page.readUInt32BE(at + local); filled < size; ) {
      const more = read(next)
      filled += more.copy(whole, filled, 4, this.#usable)
      next = more.readUInt32BE(0)
    }
    return whole
  }

  #localBytes(size: number, isTable: boolean): number {
    const usable = this.#usable
    const most = isTable ? usable - 35 : Math.floor(((usable - 12) * 64) / 255) - 23
    if (size <= most) return size
    const least = Math.floor(((usable - 12) * 32) / 255) - 23
    const fitting = least + ((size - least) % (usable - 4))
    return fitting <= most ? fitting : least
  }
}

function rowOf(cell: Cell): SqliteRow {
  return { id: cell.id, values: valuesOf(cell.payload()) }
}

/** The columns of a record: a list of types, then the values. */
function valuesOf(record: Buffer): readonly SqliteValue[] {
  const header = varint(record, 0)
  const values: SqliteValue[] = []
  let from = header.value
  for (let at = header.end; at < header.value; ) {
    const type = varint(record, at)
    at = type.end
    const bytes = bytesOf(type.value)
    if (from + bytes > record.length) throw new RangeError('a value is cut')
    values.push(valueOf(type.value, record.subarray(from, from + bytes)))
    from += bytes
  }
  return values
}

const numberBytes = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0] as const

function bytesOf(type: number): number {
  return numberBytes[type] ?? Math.floor((type - 12) / 2)
}

function valueOf(type: number, bytes: Buffer): SqliteValue {
  if (type >= 12) return bytes
  if (type === 8 || type === 9) return type - 8
  if (type === 6) return Number(bytes.readBigInt64BE(0))
  if (type === 7) return bytes.readDoubleBE(0)
  return bytes.length === 0 ? null : bytes.readIntBE(0, bytes.length)
}

/** A number in one to nine bytes, of which each but the ninth has seven bits. */
function varint(bytes: Buffer, start: number): { readonly value: number; readonly end: number } {
  let value = 0
  for (let at = start; at < start + 8; at += 1) {
    const byte = bytes.readUInt8(at)
    value = value * 128 + (byte & 127)
    if (byte < 128) return { value, end: at + 1 }
  }
  throw new RangeError('a number is too large')
}
