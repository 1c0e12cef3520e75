import type { BehaviourId } from '../behaviour/behaviour.ts'
import type { Widening } from '../behaviour/widening.ts'
import type { Shaper } from '../behaviour/shape.ts'
import type { Derivation } from '../learning/derivation.ts'
import type { Place } from '../learning/place.ts'
import { PackedJson } from '../packed-json.ts'
import { finish } from '../steps.ts'
import { EntryKeeper } from './entry-keeper.ts'
import { LiveEntry } from './live-entry.ts'
import { PackedIds } from './packed-ids.ts'
import type { PlacesAtRest } from './place-keeper.ts'
import type { SharedParts } from './shared-parts.ts'
import type { StoredEntry } from './stored-entry.ts'

/** As the store has it, with its place: later counts may have another one follow from the same evidence. */
interface ParkedEntry {
  readonly stored: StoredEntry
  readonly place?: Place
  readonly within?: BehaviourId
}

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
  readonly #widenings: readonly Widening[]
  readonly #derivation: Derivation | undefined
  readonly #inKernel: boolean

  /** INVARIANT: the keeper is at rest, see {@link EntryKeeper.isAtRest}: all else follows from what is stored. */
  constructor({ table, places, known, derived }: EntryKeeper) {
    this.ids = new PackedIds([...table.byId.keys()])
    this.derived = derived.size
    this.revision = table.revision
    this.counts = table.counts
    this.#packed = new PackedJson(Array.from(table, parked))
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
    for (const { stored, place, within } of this.#packed.open()) {
      const entry = LiveEntry.ofStored(stored, shaper, parts)
      entry.place = place
      entry.within = within
      keeper.restore(entry)
    }
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

function parked(entry: LiveEntry): ParkedEntry {
  const { place, within } = entry
  return {
    stored: entry.stored(0),
    ...(place === undefined ? {} : { place }),
    ...(within === undefined ? {} : { within }),
  }
}
