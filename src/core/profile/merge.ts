import { LiveEntry } from './live-entry.ts'
import { settlePlaces } from './place-keeper.ts'
import type { ProfileEntry } from './profile-entry.ts'
import { compareText } from '../compare-text.ts'
import type { Shaper } from '../behaviour/shape.ts'

/**
 * Adds up two copies of a version's entries. INVARIANT: commutative, associative, idempotent; the result is
 * sorted by id. Forgetting is not merged: what one copy forgot, another brings back.
 */
export function mergeEntries(
  a: Iterable<ProfileEntry>,
  b: Iterable<ProfileEntry>,
  shaper: Shaper,
): readonly ProfileEntry[] {
  const byKey = new Map<string, LiveEntry>()
  for (const entries of [a, b]) {
    for (const json of entries) {
      const fresh = LiveEntry.ofJSON(json, shaper)
      const known = byKey.get(fresh.key)
      if (known === undefined) byKey.set(fresh.key, fresh)
      else known.merge(json)
    }
  }
  settlePlaces(byKey, shaper)
  return [...byKey.values()].map((entry) => entry.toJSON()).sort((x, y) => compareText(x.id, y.id))
}
