import { accountOf } from '../behaviour/user.ts'
import type { Shaper } from '../behaviour/shape.ts'
import type { EntryKeeper } from './entry-keeper.ts'
import { LiveEntry } from './live-entry.ts'
import type { ProfileEntry } from './profile-entry.ts'
import { compareText } from '../compare-text.ts'

/** Takes in the entries of another copy: of other nodes, an earlier version, or an export. */
export function mergeAll(
  entries: EntryKeeper,
  shaper: Shaper,
  others: Iterable<ProfileEntry>,
): void {
  const { table, places } = entries
  for (const json of others) {
    const fresh = LiveEntry.ofJSON(json, shaper)
    const known = table.byKey.get(fresh.key)
    if (known === undefined) {
      if (fresh.empty) continue
      entries.add(fresh)
    } else {
      table.changes(known)
      known.merge(json)
      table.changed(known)
      places.touch(known)
    }
    entries.mayFold(known ?? fresh)
    entries.refresh(known ?? fresh)
  }
}

/**
 * The image runs as this user: behaviour under this uid is now also expected of the declared user. The uid's
 * behaviour was learned before declared users were distinguished, or from containers that declared none. True where
 * that changes the profile.
 *
 * @param from the version that declares it, for what the declared user inherits
 */
export function declareAll(
  entries: EntryKeeper,
  shaper: Shaper,
  uid: number,
  from: string,
): boolean {
  if (uid === 0) return false
  const { table } = entries
  const textOf = (id: ProfileEntry['id']): string => JSON.stringify(table.byId.get(id)?.toJSON())
  let isNews = false
  for (const entry of [...table].filter((each) => each.uid === accountOf(uid))) {
    const twin = entry.asDeclared(from)
    if (twin.inherited === undefined && twin.decision === undefined) continue
    const before = textOf(twin.id)
    mergeAll(entries, shaper, [twin])
    const after = table.byId.get(twin.id)
    if (after === undefined || textOf(twin.id) === before) continue
    table.changed(after)
    isNews = true
  }
  return isNews
}

/** Removes what was inherited from there and never shown. Returns it as it was, in order of id. */
export function expireInherited(
  entries: EntryKeeper,
  isFrom: (from: string) => boolean,
): readonly ProfileEntry[] {
  const { table, places } = entries
  const gone: ProfileEntry[] = []
  for (const entry of table) {
    if (!entry.onlyInherited || !isFrom(entry.inherited?.from ?? '')) continue
    gone.push(entry.toJSON())
    table.changes(entry)
    entry.inherited = undefined
    places.outdate(entry)
    if (entry.empty) {
      entries.remove(entry)
      continue
    }
    entries.refresh(entry)
    table.changed(entry)
  }
  return gone.sort((a, b) => compareText(a.id, b.id))
}
