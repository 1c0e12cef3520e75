import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { BehaviourId } from '../behaviour/behaviour.ts'
import type { Widening } from '../behaviour/widening.ts'
import type { Derivation } from '../learning/derivation.ts'
import type { EntryKeeper } from './entry-keeper.ts'
import type { LiveEntry } from './live-entry.ts'
import type { StoredEntry } from './stored-entry.ts'

/**
 * The entries of a profile that nobody needs now, as the store has them, compressed: a fifteenth of the memory. What is
 * asked of all profiles all the time is beside them.
 */
export class ParkedEntries {
  readonly ids: ReadonlySet<BehaviourId>
  readonly derived: number
  readonly revision: number
  readonly counts: number
  readonly #packed: Uint8Array
  readonly #widenings: readonly Widening[]
  readonly #derivation: Derivation | undefined
  readonly #inKernel: boolean

  /** INVARIANT: the keeper is at rest, see {@link EntryKeeper.isAtRest}: all else follows from what is stored. */
  constructor({ table, known, derived }: EntryKeeper) {
    this.ids = new Set(table.byId.keys())
    this.derived = derived.size
    this.revision = table.revision
    this.counts = table.counts
    const stored = Array.from(table, (entry: LiveEntry) => entry.stored())
    // A copy: the result is a part of a larger buffer.
    this.#packed = Uint8Array.from(deflateRawSync(JSON.stringify(stored)))
    this.#widenings = known.patterns.widenings
    this.#derivation = known.derived.derivation
    this.#inKernel = known.derived.inKernel
  }

  get size(): number {
    return this.ids.size
  }

  stored(): readonly StoredEntry[] {
    return JSON.parse(inflateRawSync(this.#packed).toString())
  }

  /** @param entries made of {@link stored}: they go on as those that were parked */
  goOnAs({ table, known }: EntryKeeper): void {
    table.goOnFrom(this)
    known.patterns.widen(this.#widenings)
    known.derived.derivation = this.#derivation
    known.derived.inKernel = this.#inKernel
  }
}
