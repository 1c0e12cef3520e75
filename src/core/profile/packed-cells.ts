import { TimeBuckets } from '../coverage/time-buckets.ts'
import type { CellKind } from './cell-kind.ts'
import { CellList, type KeptBuckets, type Link } from './cell-list.ts'
import { NumberReader, NumberWriter } from './packed-numbers.ts'

/** The containers and kinds of cells that were packed together: each list has their numbers. */
export class PackedRefs {
  #refs: (string | CellKind)[] = []
  #numbers: Map<string | CellKind, number> | undefined = new Map()

  numberOf(ref: string | CellKind): number {
    this.#numbers ??= new Map(this.#refs.map((each, i) => [each, i]))
    const known = this.#numbers.get(ref)
    if (known !== undefined) return known
    this.#numbers.set(ref, this.#refs.length)
    return this.#refs.push(ref) - 1
  }

  at(number: number): string | CellKind | undefined {
    return this.#refs[number]
  }

  /** Nothing more is packed for now. */
  close(): void {
    this.#numbers = undefined
    // A copy has no spare room.
    this.#refs = this.#refs.slice()
  }
}

/** How the buckets of a cell follow its other numbers; more are as many buckets. */
const BUCKETS_NONE = 0
const BUCKETS_OF_MOMENTS = 1

/**
 * A {@link CellList} that is not in use, in a third of the memory. It never changes, and opens to an equal list with the same
 * numbers of cells.
 *
 * The text has the number of cells and their kinds, and then each cell. Times are differences: to the cell before, and
 * within the cell.
 */
export class PackedCells {
  readonly #text: string
  readonly #refs: PackedRefs

  private constructor(text: string, refs: PackedRefs) {
    this.#text = text
    this.#refs = refs
  }

  /** Undefined where only the list can hold all of it: for example witnesses, and cells without a time. */
  static of(list: CellList, refs: PackedRefs): PackedCells | undefined {
    if (list.size < list.length || list.hasWitnesses) return undefined
    const writer = new NumberWriter()
    writer.add(list.length)
    for (let at = 0; at < list.length; at++) writer.add(refs.numberOf(list.kind(at)))
    let before = 0
    for (let at = 0; at < list.length; at++) {
      const first = list.first(at)
      writer.add(refs.numberOf(list.container(at)))
      writer.add(list.count(at))
      writer.add(list.containers(at))
      writer.addSigned(first - before)
      writer.add(list.last(at) - first)
      if (!isWritten(list.buckets(at), first, writer)) return undefined
      before = first
    }
    const text = writer.text()
    return text === undefined ? undefined : new PackedCells(text, refs)
  }

  /** @param text that of such cells, which were packed with `refs` */
  static ofText(text: string, refs: PackedRefs): PackedCells {
    return new PackedCells(text, refs)
  }

  get text(): string {
    return this.#text
  }

  open(): CellList {
    const reader = new NumberReader(this.#text)
    const kinds = this.#kinds(reader)
    const numbers: number[] = []
    const links: Link[] = []
    let before = 0
    for (const kind of kinds) {
      links.push(this.#refs.at(reader.next()), kind)
      numbers.push(reader.next(), reader.next())
      const first = before + reader.nextSigned()
      numbers.push(first, first + reader.next())
      links.push(bucketsOf(reader, first))
      before = first
    }
    return CellList.of(numbers, links)
  }

  /** The kind of each cell, without opening it. */
  kinds(): readonly CellKind[] {
    return this.#kinds(new NumberReader(this.#text))
  }

  #kinds(reader: NumberReader): readonly CellKind[] {
    const kinds: CellKind[] = []
    for (let left = reader.next(); left > 0; left--) {
      kinds.push(this.#refs.at(reader.next()) as CellKind)
    }
    return kinds
  }
}

/** @param before the first time of the cell */
function isWritten(buckets: KeptBuckets, before: number, writer: NumberWriter): boolean {
  if (buckets === undefined) writer.add(BUCKETS_NONE)
  else if (typeof buckets === 'number') {
    writer.add(BUCKETS_OF_MOMENTS)
    writer.add(buckets)
  } else {
    const numbers = buckets.numbers()
    const length = (numbers?.list.length ?? 0) / 3
    // A single bucket is not kept with a cell.
    if (numbers === undefined || length <= BUCKETS_OF_MOMENTS) return false
    const { minutes, list } = numbers
    writer.add(length)
    writer.add(minutes)
    let time = before
    for (let i = 0; i < list.length; i += 3) {
      const [upTo = 0, first = 0, last = 0] = [list[i], list[i + 1], list[i + 2]]
      writer.add(upTo)
      writer.addSigned(first - time)
      writer.addSigned(last - first)
      time = last
    }
  }
  return true
}

function bucketsOf(reader: NumberReader, before: number): KeptBuckets {
  const length = reader.next()
  if (length === BUCKETS_NONE) return undefined
  if (length === BUCKETS_OF_MOMENTS) return reader.next()
  const minutes = reader.next()
  let time = before
  const list: number[] = []
  for (let left = length; left > 0; left--) {
    const upTo = reader.next()
    const first = time + reader.nextSigned()
    time = first + reader.nextSigned()
    list.push(upTo, first, time)
  }
  return TimeBuckets.ofNumbers({ minutes, list })
}
