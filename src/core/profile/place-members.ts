import { aboveItself, type FileUse } from '../learning/file-use.ts'
import type { Place } from '../learning/place.ts'
import type { Origin } from '../event/event-words.ts'
import type { BehaviourId } from '../behaviour/behaviour.ts'
import { isPlace } from '../behaviour/place-pattern.ts'
import { groupOf } from '../behaviour/subject.ts'
import type { Allowance } from './allowance.ts'
import type { LiveEntry } from './live-entry.ts'
import { isWithinNetworkPlace, networkKey } from './network-places.ts'
import { pathUsesOf, type RenameUse } from './path-uses.ts'

const S = '\u0000'

/** A place with what it allows. */
export interface Taker {
  readonly entry: LiveEntry
  readonly allowance: Allowance
}

/** The entry as it would be with that place. */
export function takerOf(entry: LiveEntry, place: Place): Taker {
  const before = entry.place
  entry.place = place
  const allowance = entry.allowance()
  entry.place = before
  return { entry, allowance }
}

/** The place in which the entry lies as a whole: it is evidence of that place, and gets no line in lists. */
export function withinOf(entry: LiveEntry, takers: readonly Taker[]): BehaviourId | undefined {
  if (entry.place !== undefined || entry.fixed || entry.decision !== undefined) return undefined
  if (entry.inherited !== undefined || entry.state !== 'learned' || isPlace(entry.object))
    return undefined
  const { object } = entry
  if (networkKey(object) !== undefined) {
    return takers.find(({ allowance }) => isWithinNetworkPlace(entry, allowance))?.entry.id
  }
  const uses: FileUse[] = []
  const renames: RenameUse[] = []
  pathUsesOf(entry, uses, renames)
  const subjects: readonly (readonly [string, Origin])[] =
    object.kind === 'file' && object.access === 'rename'
      ? renames.map(({ from, to, origin }) => [`${from}${S}${to}`, origin])
      : uses.map(({ path, origin }) => [aboveItself(path), origin])
  if (subjects.length === 0) return undefined
  const group = groupOf(entry)
  const taker = takers.find(({ allowance }) =>
    [allowance, ...allowance.faces].some(
      (face) =>
        groupOf(face) === group &&
        subjects.every(([subject, origin]) => face.takes(subject, origin, 0)),
    ),
  )
  return taker?.entry.id
}

/**
 * Gives each entry the place in which it lies. Returns those that are in another one than before, or in none any more.
 *
 * @param prepared of entries for which it was found already
 */
export function coverBy(
  places: ReadonlySet<LiveEntry>,
  entries: ReadonlySet<LiveEntry>,
  prepared: ReadonlyMap<LiveEntry, BehaviourId | undefined> | undefined,
): readonly LiveEntry[] {
  const moved: LiveEntry[] = []
  const takers = [...places].map((entry) => ({ entry, allowance: entry.allowance() }))
  for (const entry of entries) {
    const before = entry.within
    const isPrepared = prepared?.has(entry) === true
    entry.within = isPrepared ? prepared.get(entry) : withinOf(entry, takers)
    if (entry.within !== before) moved.push(entry)
  }
  return moved
}
