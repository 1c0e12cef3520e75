import type { BehaviourRef } from '../behaviour/behaviour.ts'
import type { Shaper } from '../behaviour/shape.ts'
import type { Micros } from '../event/time.ts'
import type { Steps } from '../steps.ts'
import { EntryTable } from './entry-table.ts'
import { foldIn, type Folding } from './folding.ts'
import type { LiveEntry } from './live-entry.ts'
import { matchedRuleOf } from './matched-rule.ts'
import { PlaceKeeper, type Settled } from './place-keeper.ts'
import { KnownIndex } from './rule-index.ts'

/**
 * The entries of a profile with all that follows from them, in step: their allowances, and their places, which follow in
 * slices.
 */
export class EntryKeeper {
  readonly table = new EntryTable()
  readonly known: KnownIndex
  readonly places: PlaceKeeper
  /** Entries that began as derived reads. */
  readonly derived = new Set<LiveEntry>()
  /** Entries with evidence that is worth folding. */
  readonly #crowded = new Set<LiveEntry>()
  /** Size at which the places were last derived for a lack of room. */
  #fullAt = 0

  constructor(shaper: Shaper) {
    this.known = new KnownIndex(shaper)
    this.places = new PlaceKeeper(shaper)
  }

  add(entry: LiveEntry): LiveEntry {
    this.table.add(entry)
    this.places.add(entry)
    return entry
  }

  /** Adds one with its evidence. */
  restore(entry: LiveEntry): void {
    this.add(entry)
    this.mayFold(entry)
    this.refresh(entry)
  }

  /** After all of {@link restore}: the store has them. */
  *loadedSteps(): Steps<void> {
    for (const entry of this.table) {
      yield
      if (entry.isDerived) this.derived.add(entry)
    }
    this.table.stored()
  }

  remove(entry: LiveEntry): void {
    this.table.remove(entry)
    this.derived.delete(entry)
    this.known.delete(entry.key)
    this.#crowded.delete(entry)
    this.places.remove(entry)
  }

  /** Its allowance follows from its evidence again. */
  refresh(entry: LiveEntry): void {
    // The place allows it; a separate pattern beside it would describe the same less clearly.
    if (entry.isSuperseded) this.known.supersede(entry)
    else this.known.set(entry.allowance())
  }

  /** There may be so much of its evidence by now that it is worth folding. */
  mayFold(entry: LiveEntry): void {
    if (entry.isCrowded) this.#crowded.add(entry)
  }

  /**
   * Adds old evidence up where there is much of it, see {@link foldIn}.
   *
   * @param hasTime false ends the work, which continues with the next call
   */
  fold(folding: Folding, hasTime: () => boolean): void {
    for (const entry of this.#crowded) {
      if (!hasTime()) return
      this.#crowded.delete(entry)
      this.table.changes(entry)
      if (foldIn(entry, folding)) this.table.writeWhole(entry.id)
      this.table.cellsChanged()
    }
  }

  /** All that is not in the store follows from it. */
  get isAtRest(): boolean {
    return this.table.isAtRest && !this.places.isDirty
  }

  /** Looks at the evidence again for places: where a window ends, and where evidence was merged or taken away. */
  settle(): void {
    if (this.places.isDirty) this.#settled(this.places.settle(this.table.byKey))
  }

  /** {@link settle} for a reader. Of much that is still learned, places are as {@link settleSteps} left them. */
  settleForReader(): void {
    if (!this.places.mayWait) this.settle()
  }

  /** {@link settle} with pauses. What is learned meanwhile waits for the next time. */
  *settleSteps(): Steps<void> {
    if (!this.places.isDirty) return
    const { seen } = this.places
    yield* this.places.prepare(this.table.byKey)
    this.#settled(this.places.settlePrepared(this.table.byKey, seen))
  }

  /** While evidence is learned, places are worth deriving each time when it has doubled. */
  get isToSettle(): boolean {
    return this.places.isDue
  }

  /** Does most of the next {@link settle}, with pauses, unless the evidence changes meanwhile. */
  prepareSettle(): Steps<void> {
    return this.places.prepare(this.table.byKey)
  }

  /** Once a profile is full, places that the names so far make take further names. */
  settleFull(): void {
    if (this.#fullAt === this.table.size) return
    this.settle()
    this.#fullAt = this.table.size
  }

  #settled({ added, removed, changed, moved }: Settled): void {
    for (const entry of added) {
      this.add(entry)
      this.known.set(entry.allowance())
    }
    for (const entry of removed) this.remove(entry)
    for (const entry of changed) {
      this.refresh(entry)
      this.table.changed(entry)
    }
    for (const entry of moved) {
      // What a literal entry allows does not depend on its place.
      if (entry.isPattern) this.refresh(entry)
    }
    if (moved.length > 0) this.table.moved()
  }

  /** Whether an event that shows it is expected at `now`. */
  isExpected(ref: BehaviourRef, now: Micros): boolean {
    this.settleForReader()
    return matchedRuleOf(this.known, ref, () => now) !== undefined
  }
}
