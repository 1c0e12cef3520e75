/** The loading information in the header of an ELF file. */
export interface ElfProgram {
  /** Class and machine: libraries of another kind are not loaded. */
  readonly machine: string
  /** The program that loads it; absent for libraries and static programs. */
  readonly interpreter?: string
  /** DT_NEEDED, in order. */
  readonly needed: readonly string[]
  /** DT_RPATH and DT_RUNPATH, as they are written. */
  readonly searched: readonly string[]
}

/** Up to `size` bytes from `offset`; fewer, or none, where the file ends before. */
export type ReadAt = (offset: number, size: number) => Uint8Array

const PT_LOAD = 1
const PT_DYNAMIC = 2
const PT_INTERP = 3
const DT_NEEDED = 1
const DT_STRTAB = 5
const DT_RPATH = 15
const DT_RUNPATH = 29

/** Real files stay far below these limits. They bound what a hostile file can cost. */
const MOST_HEADERS = 128
const MOST_TAGS = 4_096
const MOST_NAMES = 256
const NAME_BYTES = 1_024

interface Segment {
  readonly type: number
  readonly offset: number
  readonly address: number
  readonly size: number
}

/** Reads fields of the file's own width and byte order. Fields beyond the end are not numbers. */
class Fields {
  readonly wide: boolean
  readonly #little: boolean

  constructor(wide: boolean, little: boolean) {
    this.wide = wide
    this.#little = little
  }

  half(bytes: Uint8Array, at: number): number {
    return at + 2 <= bytes.length ? viewOf(bytes).getUint16(at, this.#little) : Number.NaN
  }

  word(bytes: Uint8Array, at: number): number {
    return at + 4 <= bytes.length ? viewOf(bytes).getUint32(at, this.#little) : Number.NaN
  }

  /** An address, an offset or a size. What a file cannot have is not a number. */
  long(bytes: Uint8Array, at: number): number {
    if (!this.wide) return this.word(bytes, at)
    if (at + 8 > bytes.length) return Number.NaN
    const value = viewOf(bytes).getBigUint64(at, this.#little)
    return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.NaN : Number(value)
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Undefined where the file is no ELF file, or is damaged. Never throws, whatever the bytes. */
export function elfProgramOf(read: ReadAt): ElfProgram | undefined {
  const head = read(0, 64)
  if (!isElf(head)) return undefined
  const [, , , , kind, order] = head
  if ((kind !== 1 && kind !== 2) || (order !== 1 && order !== 2)) return undefined
  const fields = new Fields(kind === 2, order === 1)
  const machine = `${kind}:${order}:${fields.half(head, 18)}`
  const segments = segmentsOf(read, head, fields)
  if (segments === undefined) return undefined
  const interp = segments.find(({ type }) => type === PT_INTERP)
  const interpreter = interp === undefined ? undefined : stringAt(read, interp.offset)
  return {
    machine,
    ...(interpreter === undefined || interpreter === '' ? {} : { interpreter }),
    ...dynamicOf(read, fields, segments),
  }
}

export function isElf(head: Uint8Array): boolean {
  return head[0] === 0x7f && head[1] === 0x45 && head[2] === 0x4c && head[3] === 0x46
}

function segmentsOf(
  read: ReadAt,
  head: Uint8Array,
  fields: Fields,
): readonly Segment[] | undefined {
  const { wide } = fields
  const offset = fields.long(head, wide ? 32 : 28)
  const each = fields.half(head, wide ? 54 : 42)
  const count = fields.half(head, wide ? 56 : 44)
  if (!Number.isSafeInteger(offset) || !(each >= (wide ? 56 : 32)) || !(count <= MOST_HEADERS)) {
    return undefined
  }
  const table = read(offset, each * count)
  const segments: Segment[] = []
  for (let at = 0; at + each <= table.length; at += each) {
    segments.push({
      type: fields.word(table, at),
      offset: fields.long(table, at + (wide ? 8 : 4)),
      address: fields.long(table, at + (wide ? 16 : 8)),
      size: fields.long(table, at + (wide ? 32 : 16)),
    })
  }
  return segments
}

function dynamicOf(
  read: ReadAt,
  fields: Fields,
  segments: readonly Segment[],
): Pick<ElfProgram, 'needed' | 'searched'> {
  const none = { needed: [], searched: [] }
  const dynamic = segments.find(({ type }) => type === PT_DYNAMIC)
  if (dynamic === undefined || !Number.isSafeInteger(dynamic.offset)) return none
  const width = fields.wide ? 8 : 4
  const size = Math.min(dynamic.size || 0, MOST_TAGS * 2 * width)
  const table = read(dynamic.offset, size)
  const names: { readonly tag: number; readonly at: number }[] = []
  let strings: number | undefined
  for (let at = 0; at + 2 * width <= table.length && names.length < MOST_NAMES; at += 2 * width) {
    const tag = fields.long(table, at)
    const value = fields.long(table, at + width)
    if (tag === 0) break
    if (tag === DT_STRTAB) strings = fileOffset(segments, value)
    else if (tag === DT_NEEDED || tag === DT_RPATH || tag === DT_RUNPATH) {
      names.push({ tag, at: value })
    }
  }
  if (strings === undefined) return none
  const base = strings
  const namesOf = (wanted: (tag: number) => boolean): readonly string[] =>
    names
      .filter(({ tag }) => wanted(tag))
      .flatMap(({ at }) => stringAt(read, base + at) ?? [])
      .filter((name) => name !== '')
  return {
    needed: namesOf((tag) => tag === DT_NEEDED),
    searched: namesOf((tag) => tag !== DT_NEEDED).flatMap((list) => list.split(':')),
  }
}

function fileOffset(segments: readonly Segment[], address: number): number | undefined {
  for (const segment of segments) {
    if (segment.type !== PT_LOAD) continue
    const within = address - segment.address
    if (within >= 0 && within < segment.size) return segment.offset + within
  }
  return undefined
}

/** Undefined where it does not end, or is no text. */
function stringAt(read: ReadAt, offset: number): string | undefined {
  if (!Number.isSafeInteger(offset)) return undefined
  const bytes = read(offset, NAME_BYTES)
  const end = bytes.indexOf(0)
  if (end < 0) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, end))
  } catch {
    return undefined
  }
}
