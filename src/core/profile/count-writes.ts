import type { BehaviourId } from '../behaviour/behaviour.ts'
import type { Shaper } from '../behaviour/shape.ts'
import { LiveEntry } from './live-entry.ts'
import type { SharedParts } from './shared-parts.ts'
import type { CountedBy, CountsOfWrite, StoredEntry } from './stored-entry.ts'

/** Writes of counts that the store keeps: behaviours with counts in an older one are written as a whole instead. */
const writesKept = 64
/** Behaviours that one write has as a whole for that reason: to encode them must not hold up judging. */
const wholeAtOnce = 256

/**
 * The writes that have counts apart from the behaviours. Writes have numbers. A behaviour has the number of the write
 * that it was in as a whole: it includes all counts up to it, so nothing counts twice. The counts of a write are a
 * record with a slot, and slots are used again: so there are few records, also where the store fails for long.
 */
export class CountWrites {
  /** Of each behaviour with counts apart, the first write that has some. The earliest comes first. */
  #since = new Map<BehaviourId, number>()
  /** The writes that have counts, in the order of their numbers. */
  #open: OpenWrite[] = []
  /** By slot. */
  #isTaken: boolean[] = []
  #last = 0

  /** Number of the last write. */
  get last(): number {
    return this.#last
  }

  /** Begins the next write. @returns its number */
  next(): number {
    this.#last += 1
    return this.#last
  }

  /** This write has counts of these. @returns their slot */
  wrote(ids: Iterable<BehaviourId>): number {
    const free = this.#isTaken.indexOf(false)
    const slot = free === -1 ? this.#isTaken.length : free
    this.#isTaken[slot] = true
    this.#open.push({ number: this.#last, slot })
    for (const id of ids) if (!this.#since.has(id)) this.#since.set(id, this.#last)
    return slot
  }

  /** The behaviour is in this write as a whole, or was removed. */
  included(id: BehaviourId): void {
    this.#since.delete(id)
  }

  /** Behaviours that this write should have as a whole. */
  due(): readonly BehaviourId[] {
    const due: BehaviourId[] = []
    const oldest = this.#open.at(-writesKept)?.number
    for (const [id, since] of this.#since) {
      if (oldest === undefined || since > oldest || due.length === wholeAtOnce) break
      due.push(id)
    }
    return due
  }

  /** Slots of the writes whose counts are all included by now: they are free. */
  freeObsolete(): readonly number[] {
    const [needed = Infinity] = this.#since.values()
    const needless = this.#open.findIndex(({ number }) => number >= needed)
    const obsolete = this.#open.splice(0, needless === -1 ? this.#open.length : needless)
    for (const { slot } of obsolete) this.#isTaken[slot] = false
    return obsolete.map(({ slot }) => slot)
  }

  /** Goes on with what the store has of behaviours and counts. */
  restored(counts: RestoredCounts): void {
    this.#open = [...counts.writes]
    const taken = new Set(this.#open.map(({ slot }) => slot))
    this.#isTaken = Array.from({ length: Math.max(-1, ...taken) + 1 }, (_, slot) => taken.has(slot))
    this.#last = counts.last
    this.#since = new Map([...counts.since].sort(([, a], [, b]) => a - b))
  }
}

interface OpenWrite {
  readonly number: number
  readonly slot: number
}

interface CountRow {
  readonly number: number
  readonly by: CountedBy
  readonly count: number
  readonly first: number
  readonly last: number
}

/** The counts that the store has apart from the behaviours. */
export class RestoredCounts {
  /** In the order of their numbers. */
  readonly writes: readonly OpenWrite[]
  /** Of each behaviour that does not include all of them, the first write that it lacks. */
  readonly since = new Map<BehaviourId, number>()
  readonly #rows = new Map<BehaviourId, CountRow[]>()
  #last: number

  constructor(writes: readonly CountsOfWrite[]) {
    const inOrder = writes.toSorted((a, b) => a.number - b.number)
    this.writes = inOrder.map(({ number, slot }) => ({ number, slot }))
    this.#last = inOrder.at(-1)?.number ?? 0
    for (const { number, counts } of inOrder) {
      for (const { ids, seen, ...by } of counts) {
        for (const [at, id] of ids.entries()) {
          const [count = 0, first = 0, last = 0] = seen.slice(3 * at, 3 * at + 3)
          this.#add(id, { number, by, count, first, last })
        }
      }
    }
  }

  /** The highest number of a write. */
  get last(): number {
    return this.#last
  }

  /** The behaviour with all of its evidence. */
  entry(stored: StoredEntry, shaper: Shaper, parts: SharedParts): LiveEntry {
    const entry = LiveEntry.ofStored(stored, shaper, parts)
    const { upTo = 0 } = stored
    this.#last = Math.max(this.#last, upTo)
    for (const { number, by, count, first, last } of this.#rows.get(entry.id) ?? []) {
      if (number <= upTo) continue
      if (!this.since.has(entry.id)) this.since.set(entry.id, number)
      const cell = entry.cell(parts.text(by.container), by.origin, by.session, by.phase)
      cell.seeSpan(count, first, last)
      cell.from(by.node, by.source)
    }
    return entry
  }

  #add(id: BehaviourId, row: CountRow): void {
    const known = this.#rows.get(id)
    if (known === undefined) this.#rows.set(id, [row])
    else known.push(row)
  }
}
