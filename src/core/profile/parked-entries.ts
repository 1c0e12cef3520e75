import type { Widening } from '../behaviour/widening.ts'
import type { Shaper } from '../behaviour/shape.ts'
import type { Derivation } from '../learning/derivation.ts'
import { PackedJson } from '../packed-json.ts'
import { finish } from '../steps.ts'
import { EntryKeeper } from './entry-keeper.ts'
import { LiveEntry } from './live-entry.ts'
import { PackedRefs } from './packed-cells.ts'
import { PackedIds } from './packed-ids.ts'
import type { ParkedEntry } from './parked-entry.ts'
import type { PlacesAtRest } from './place-keeper.ts'
import type { SharedParts } from './shared-parts.ts'

/**
 * The entries of a profile that nobody needs now, compressed: a sixth of the memory. What is asked of all profiles all the
 * time is beside them.
 */
export class ParkedEntries {
  readonly ids: PackedIds
  readonly derived: number
  readonly revision: number
  readonly counts: number
  readonly #packed: PackedJson<readonly ParkedEntry[]>
  readonly #places: PlacesAtRest
  readonly #refs = new PackedRefs()
  readonly #widenings: readonly Widening[]
  readonly #derivation: Derivation | undefined
  readonly #inKernel: boolean

  /** INVARIANT: the keeper is at rest, see {@link EntryKeeper.isAtRest}: all else follows from what is stored. */
  constructor({ table, places, known, derived }: EntryKeeper) {
    this.ids = new PackedIds([...table.byId.keys()])
    this.derived = derived.size
    this.revision = table.revision
    this.counts = table.counts
    const parked = Array.from(table, (entry: LiveEntry) => entry.parked(this.#refs))
    this.#refs.close()
    this.#packed = new PackedJson(parked)
    this.#places = places.atRest()
    this.#widenings = known.patterns.widenings
    this.#derivation = known.derived.derivation
    this.#inKernel = known.derived.inKernel
  }

  get size(): number {
    return this.ids.size
  }

  /** They go on as those that were parked. */
  open(shaper: Shaper, parts: SharedParts): EntryKeeper {
    const keeper = new EntryKeeper(shaper)
    for (const each of this.#packed.open())
      keeper.restore(LiveEntry.ofParked(each, this.#refs, shaper, parts))
    finish(keeper.loadedSteps())
    const { table, places, known } = keeper
    places.goOnFrom(this.#places)
    table.goOnFrom(this)
    known.patterns.widen(this.#widenings)
    known.derived.derivation = this.#derivation
    known.derived.inKernel = this.#inKernel
    return keeper
  }
}
