import type { BehaviourId } from '../behaviour/behaviour.ts'
import type { EntryKeeper } from './entry-keeper.ts'
import type { EvidenceRecorder } from './evidence-recorder.ts'
import type { LiveEntry } from './live-entry.ts'
import { ParkedEntries } from './parked-entries.ts'
import type { SharedParts } from './shared-parts.ts'
import type { FiguredTable } from './table-figures.ts'

/** Behaviours of the largest profile that is parked: to open it takes 6 ms of judging. */
export const parkedUpTo = 1_000

/** All that a profile consists of while its entries are in use. */
export interface InUse {
  readonly entries: EntryKeeper
  readonly parts: SharedParts
  readonly recorder: EvidenceRecorder
}

/** The entries of a profile, in use or parked. */
export class HeldEntries implements FiguredTable {
  #held: InUse | ParkedEntries
  readonly #opened: (parked: ParkedEntries) => InUse
  /** Since the last call of {@link park}. */
  #isUsed = false
  #openings = 0

  /** @param opened what the profile consists of when it is made of parked entries */
  constructor(inUse: InUse, opened: (parked: ParkedEntries) => InUse) {
    this.#held = inUse
    this.#opened = opened
  }

  /** Opens them where they are parked. */
  get inUse(): InUse {
    this.#isUsed = true
    const held = this.#held
    if (!(held instanceof ParkedEntries)) return held
    const inUse = this.#opened(held)
    this.#held = inUse
    this.#openings += 1
    return inUse
  }

  /** How often they were opened. Each time, entries that were given out before are no part of the profile any more. */
  get openings(): number {
    return this.#openings
  }

  /** Undefined where they are parked: then nothing has changed. To ask for them is no use of them. */
  get unparked(): EntryKeeper | undefined {
    return this.#held instanceof ParkedEntries ? undefined : this.#held.entries
  }

  get isParked(): boolean {
    return this.unparked === undefined
  }

  /** A round: those that were used since the last call stay as they are, and others are parked. */
  park(): void {
    const isUsed = this.#isUsed
    this.#isUsed = false
    if (!isUsed) this.parkNow()
  }

  /**
   * From now on they take a sixth of the memory, until they are asked for. More than {@link parkedUpTo} stay as they are,
   * and so do those that the store lacks.
   */
  parkNow(): void {
    const entries = this.unparked
    if (entries === undefined || this.size > parkedUpTo) return
    entries.settle()
    if (entries.isAtRest) this.#held = new ParkedEntries(entries)
  }

  get revision(): number {
    return this.#table.revision
  }

  get counts(): number {
    return this.#table.counts
  }

  get size(): number {
    return this.#table.size
  }

  /** Of them, those that began as reads that follow from the image's files. */
  get derived(): number {
    return this.#held instanceof ParkedEntries
      ? this.#held.derived
      : this.#held.entries.derived.size
  }

  get ids(): { has(id: BehaviourId): boolean; keys(): Iterable<BehaviourId> } {
    return this.#held instanceof ParkedEntries ? this.#held.ids : this.#held.entries.table.byId
  }

  get #table(): { readonly revision: number; readonly counts: number; readonly size: number } {
    return this.#held instanceof ParkedEntries ? this.#held : this.#held.entries.table
  }

  [Symbol.iterator](): Iterator<LiveEntry> {
    return this.inUse.entries.table[Symbol.iterator]()
  }
}
