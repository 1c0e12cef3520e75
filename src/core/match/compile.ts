import type { ProfileReader } from '../profile/profile-reader.ts'
import { KnownIndex } from '../profile/rule-index.ts'
import { LiveEntry } from '../profile/live-entry.ts'
import { settlePlaces } from '../profile/place-keeper.ts'
import type { ProfileEntry } from '../profile/profile-entry.ts'
import type { Shaper } from '../behaviour/shape.ts'

/** Immutable once made; swapped whole. */
export type CompiledProfile = ProfileReader

/**
 * The matcher of a stored profile. It gives the same verdicts as a live `Profile` with the same
 * entries.
 */
export function compile(entries: Iterable<ProfileEntry>, shaper: Shaper): CompiledProfile {
  const byKey = new Map<string, LiveEntry>()
  for (const json of entries) {
    const entry = LiveEntry.ofJSON(json, shaper)
    const known = byKey.get(entry.key)
    if (known === undefined) byKey.set(entry.key, entry)
    else known.merge(json)
  }
  settlePlaces(byKey, shaper)
  const index = new KnownIndex(shaper)
  for (const entry of byKey.values()) {
    if (entry.isSuperseded) index.supersede(entry)
    else index.set(entry.allowance())
  }
  return index
}
