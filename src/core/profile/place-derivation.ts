import { type FileUse, isCallUse } from '../learning/file-use.ts'
import { movedUses } from '../learning/moved-folders.ts'
import { type FilePlace, type Place, placesSteps, type PlaceOptions } from '../learning/place.ts'
import { defaultVocabulary } from '../learning/vocabulary.ts'
import type { Access } from '../event/event-words.ts'
import type { BehaviourObject } from '../behaviour/behaviour.ts'
import { NAME, type PlaceObject } from '../behaviour/place-pattern.ts'
import { plainPath, type Shaper } from '../behaviour/shape.ts'
import type { Steps } from '../steps.ts'
import type { LiveEntry } from './live-entry.ts'
import { networkPlacesOf } from './network-places.ts'
import { pathUsesOf, type RenameUse } from './path-uses.ts'
import { ofFiles, renamePlaces } from './rename-places.ts'

/** Evidence of one actor and user: files and what else is named by paths, or part of the network. */
export interface PlaceEvidence {
  readonly of: 'files' | 'network'
  readonly entries: ReadonlySet<LiveEntry>
}

/** A place with what it is about. */
interface DerivedPlace {
  readonly object: BehaviourObject
  readonly place: Place
}

export interface DerivedPlaces {
  readonly made: readonly DerivedPlace[]
  /** Executed paths without which there might be more. */
  readonly heldBackBy: ReadonlySet<string>
}

const nothing: ReadonlySet<string> = new Set()

const accessOf = {
  own: 'create',
  read: 'read',
  delete: 'delete',
  rename: 'rename',
  setattr: 'setattr',
} as const satisfies Record<string, Access>

/**
 * The places of this evidence, with pauses.
 *
 * @param executed paths that were run: no place covers them
 * @param madeParts of a path, those that any program makes
 */
export function* derivePlaces(
  { of, entries }: PlaceEvidence,
  executed: readonly string[],
  madeParts: (path: string) => number,
  { isGuarded, guardedSockets }: Shaper,
): Steps<DerivedPlaces> {
  if (of === 'network')
    return { made: networkPlacesOf(entries, defaultVocabulary), heldBackBy: nothing }
  const uses: FileUse[] = []
  const renames: RenameUse[] = []
  for (const entry of entries) {
    if (!entry.fixed && entry.decision?.kind !== 'rejected')
      pathUsesOf(entry, uses, renames, madeParts)
    yield
  }
  const heldBackBy = new Set<string>()
  const options: PlaceOptions = {
    ...defaultVocabulary,
    executed,
    onExecuted: (path) => heldBackBy.add(path),
    isGuarded,
    guardedSockets,
  }
  const found = yield* placesSteps([...uses, ...movedUses(uses, renames)], options)
  const places = found.map((place) => ({
    object: objectOf(place),
    place: { ...place, renames: renames.length > 0 },
  }))
  return { made: [...places, ...renamePlaces(places.flatMap(ofFiles), renames)], heldBackBy }
}

function objectOf({ base, depth, class: of }: FilePlace): PlaceObject {
  const path = plainPath(base) + Array.from({ length: depth }, () => NAME).join('/')
  if (of === 'socket') {
    return { kind: 'connect', protocol: 'unix', peer: path, port: 0, drawn: true }
  }
  if (isCallUse(of)) return { kind: 'syscall', name: of.slice(of.indexOf(' ') + 1), target: path }
  return { kind: 'file', access: accessOf[of], path }
}
