import { aboveItself, type FileUse, isCallUse } from '../learning/file-use.ts'
import { movedUses } from '../learning/moved-folders.ts'
import { type FilePlace, type Place, placesSteps, type PlaceOptions } from '../learning/place.ts'
import { certainForm } from '../learning/notation.ts'
import { defaultVocabulary } from '../learning/vocabulary.ts'
import type { Access, Origin } from '../event/event.ts'
import type { Allowance } from './allowance.ts'
import {
  type Actor,
  type BehaviourId,
  type BehaviourObject,
  behaviourKey,
} from '../behaviour/behaviour.ts'
import { PathPattern } from '../behaviour/language.ts'
import { LiveEntry } from './live-entry.ts'
import { isPlace, NAME, PLACE_KEPT, type PlaceObject } from '../behaviour/place-pattern.ts'
import { shapedLanguage } from '../behaviour/shape-pattern.ts'
import { literalPath, plainPath, type Shaper } from '../behaviour/shape.ts'
import { groupOf } from '../behaviour/subject.ts'
import type { User } from '../behaviour/user.ts'
import { finish, type Steps } from '../steps.ts'
import { isOfPath, pathUsesOf, type RenameUse } from './path-uses.ts'
import { isWithinNetworkPlace, networkKey, networkPlacesOf } from './network-places.ts'

type FileObject = Extract<BehaviourObject, { kind: 'file' }>

/** Files and what else is named by paths, or part of the network, of one actor and user: what their places are derived from. */
interface Owner {
  readonly of: 'files' | 'network'
  readonly actor: Actor
  readonly uid: User
  readonly entries: Set<LiveEntry>
  places: ReadonlySet<LiveEntry>
  /** Changes with what its places are derived from. */
  revision: number
  prepared: Prepared | undefined
}

type Made = readonly { readonly object: BehaviourObject; readonly place: Place }[]

/** The places of an owner as they would be, of its evidence at that revision. */
interface Prepared {
  readonly revision: number
  readonly executedRevision: number
  readonly made: Made
  /** Of entries that are no places: the place that each would be in. */
  readonly within: ReadonlyMap<LiveEntry, BehaviourId | undefined>
}

/** The result of deriving the places again. */
export interface Settled {
  /** Entries of new places, and of removed ones. */
  readonly added: readonly LiveEntry[]
  readonly removed: readonly LiveEntry[]
  /** Entries whose place has changed. */
  readonly changed: readonly LiveEntry[]
  /** Entries that are in another place, or in none any more. */
  readonly moved: readonly LiveEntry[]
}

const S = '\u0000'

const unprepared = { revision: 0, prepared: undefined }

const accessOf = {
  own: 'create',
  read: 'read',
  delete: 'delete',
  rename: 'rename',
} as const satisfies Record<string, Access>

/** Renames of one make from which on others of that make are expected. */
const RENAMES_LEAST = 2

/** Keeps the places of a profile in step with its evidence. */
export class PlaceKeeper {
  readonly #shaper: Shaper
  readonly #owners = new Map<string, Owner>()
  readonly #dirty = new Set<Owner>()
  /** Executed paths, with the number of entries that show it. */
  readonly #executed = new Map<string, number>()
  #executedRevision = 0
  #seen = 0
  /** Evidence at the last derivation; the first is worth it from some names on. */
  #settledAt = 128

  constructor(shaper: Shaper) {
    this.#shaper = shaper
  }

  add(entry: LiveEntry): void {
    for (const path of executedBy(entry.object)) {
      const before = this.#executed.get(path) ?? 0
      this.#executed.set(path, before + 1)
      if (before > 0) continue
      this.#executedRevision += 1
      this.#dirtyAround(path)
    }
    this.#ownerOf(entry)?.entries.add(entry)
    this.outdate(entry)
    // A deviation changes no place: a flood of them must not have places derived again and again.
    if (isEvidence(entry)) this.touch(entry)
  }

  remove(entry: LiveEntry): void {
    for (const path of executedBy(entry.object)) {
      const left = (this.#executed.get(path) ?? 1) - 1
      if (left > 0) this.#executed.set(path, left)
      else if (this.#executed.delete(path)) this.#executedRevision += 1
    }
    this.outdate(entry)
    const owner = this.#ownerOf(entry)
    owner?.entries.delete(entry)
    if (owner !== undefined) this.#dirty.add(owner)
  }

  /** What was prepared of it no longer holds, which alone is no reason to derive places again. */
  outdate(entry: LiveEntry): void {
    const owner = this.#ownerOf(entry)
    if (owner !== undefined) owner.revision += 1
  }

  /** Its evidence has changed. */
  touch(entry: LiveEntry): void {
    const owner = this.#ownerOf(entry)
    if (owner === undefined) return
    owner.revision += 1
    this.#dirty.add(owner)
    this.#seen += 1
  }

  /** The evidence has doubled since the last time, so that all derivations together cost two of the last. */
  get isDue(): boolean {
    return this.#dirty.size > 0 && this.#seen >= this.#settledAt * 2
  }

  get isDirty(): boolean {
    return this.#dirty.size > 0
  }

  /**
   * Derives places with pauses, and changes nothing: {@link settle} uses what still holds by then. Of owners whose
   * evidence changes meanwhile nothing does.
   */
  *prepare(known: ReadonlyMap<string, LiveEntry>): Steps<void> {
    for (const owner of this.#dirty) {
      if (this.#preparedOf(owner) !== undefined) continue
      const { revision } = owner
      const executedRevision = this.#executedRevision
      const made = yield* this.#derive(owner, [...this.#executed.keys()])
      const places = made.map(({ object, place }) => {
        const key = behaviourKey(owner.actor, owner.uid, object)
        const there = known.get(key)
        return takerOf(
          there ?? new LiveEntry(owner.actor, owner.uid, object, this.#shaper, key),
          place,
        )
      })
      const keys = new Set(places.map(({ entry }) => entry.key))
      const within = new Map<LiveEntry, BehaviourId | undefined>()
      for (const entry of owner.entries) {
        if (entry.place !== undefined || keys.has(entry.key)) continue
        within.set(entry, withinOf(entry, places))
        yield
      }
      owner.prepared = { revision, executedRevision, made, within }
    }
  }

  #preparedOf({ prepared, revision }: Owner): Prepared | undefined {
    const isSame = prepared?.revision === revision
    return isSame && prepared.executedRevision === this.#executedRevision ? prepared : undefined
  }

  settle(known: ReadonlyMap<string, LiveEntry>): Settled {
    const added: LiveEntry[] = []
    const removed: LiveEntry[] = []
    const changed: LiveEntry[] = []
    const moved: LiveEntry[] = []
    const executed = [...this.#executed.keys()]
    for (const owner of this.#dirty) {
      const before = owner.places
      const now = new Set<LiveEntry>()
      const prepared = this.#preparedOf(owner)
      for (const { object, place } of prepared?.made ?? finish(this.#derive(owner, executed))) {
        const key = behaviourKey(owner.actor, owner.uid, object)
        const there = known.get(key)
        const entry = there ?? new LiveEntry(owner.actor, owner.uid, object, this.#shaper, key)
        now.add(entry)
        if (there === undefined) added.push(entry)
        else if (samePlace(entry.place, place)) {
          entry.place = place
          continue
        } else changed.push(entry)
        entry.place = place
      }
      for (const entry of before) {
        if (now.has(entry)) continue
        entry.place = undefined
        if (entry.empty) removed.push(entry)
        else changed.push(entry)
      }
      owner.places = now
      for (const entry of cover(owner, prepared?.within)) if (!now.has(entry)) moved.push(entry)
      owner.prepared = undefined
    }
    this.#dirty.clear()
    this.#settledAt = Math.max(128, this.#seen)
    return { added, removed, changed, moved }
  }

  *#derive(owner: Owner, executed: readonly string[]): Steps<Made> {
    if (owner.of === 'network') return networkPlacesOf(owner.entries, defaultVocabulary)
    const uses: FileUse[] = []
    const renames: RenameUse[] = []
    for (const entry of owner.entries) {
      if (!entry.fixed && entry.decision?.kind !== 'rejected') pathUsesOf(entry, uses, renames)
      yield
    }
    const options: PlaceOptions = {
      ...defaultVocabulary,
      executed,
      isGuarded: this.#shaper.isGuarded,
      guardedSockets: this.#shaper.guardedSockets,
    }
    const found = yield* placesSteps([...uses, ...movedUses(uses, renames)], options)
    const places = found.map((place) => ({
      object: objectOf(place),
      place: { ...place, renames: renames.length > 0 },
    }))
    return [...places, ...renamePlaces(places.flatMap(ofFiles), renames)]
  }

  #ownerOf({ actor, uid, object }: LiveEntry): Owner | undefined {
    const network = networkKey(object)
    if (!isOfPath(object) && network === undefined) return undefined
    const who = `${actor.exe}${S}${actor.script ?? ''}${S}${uid}`
    const key = network === undefined ? who : `${who}${S}${network}`
    let owner = this.#owners.get(key)
    if (owner === undefined) {
      const of = network === undefined ? 'files' : 'network'
      owner = { of, actor, uid, entries: new Set(), places: new Set(), ...unprepared }
      this.#owners.set(key, owner)
    }
    return owner
  }

  /** A place never covers a path that was run: those that could have to be derived again. */
  #dirtyAround(path: string): void {
    for (const owner of this.#owners.values()) {
      const isAround = [...owner.places].some(({ place }) => {
        return place !== undefined && path.startsWith(place.base)
      })
      if (isAround) this.#dirty.add(owner)
    }
  }
}

/** Puts the places of these entries among them, and takes those away that are no more. */
export function settlePlaces(byKey: Map<string, LiveEntry>, shaper: Shaper): void {
  const keeper = new PlaceKeeper(shaper)
  for (const [key, entry] of byKey) {
    if (entry.empty) byKey.delete(key)
    else keeper.add(entry)
  }
  for (const entry of keeper.settle(byKey).added) byKey.set(entry.key, entry)
}

/** Whether the entry is evidence that places are derived from. */
function isEvidence(entry: LiveEntry): boolean {
  for (const cell of entry.allCells()) if (cell.grants && cell.count > 0) return true
  return false
}

function executedBy(object: BehaviourObject): readonly string[] {
  if (object.kind === 'exec') {
    return object.script === undefined ? [object.path] : [object.path, object.script]
  }
  return object.kind === 'file' && object.access === 'exec' ? [literalPath(object.path)] : []
}

function objectOf({ base, depth, class: of }: FilePlace): PlaceObject {
  const path = plainPath(base) + Array.from({ length: depth }, () => NAME).join('/')
  if (of === 'socket') {
    return { kind: 'connect', protocol: 'unix', peer: path, port: 0, drawn: true }
  }
  if (isCallUse(of)) return { kind: 'syscall', name: of.slice(of.indexOf(' ') + 1), target: path }
  return { kind: 'file', access: accessOf[of], path }
}

function samePlace(a: Place | undefined, b: Place): boolean {
  return (
    a !== undefined &&
    a.templates.join(S) === b.templates.join(S) &&
    a.origins.join() === b.origins.join() &&
    a.renames === b.renames
  )
}

function ofFiles(derived: {
  readonly object: PlaceObject
  readonly place: FilePlace
}): readonly Derived[] {
  const { object, place } = derived
  return object.kind === 'file' ? [{ object, place }] : []
}

type Derived = { readonly object: FileObject; readonly place: Place }

interface Taken {
  readonly derived: Derived
  readonly template: string
}

/** Renames from place to place, or onto one name: a rename within an `own` place needs no place for renames. */
function renamePlaces(
  places: readonly Derived[],
  renames: readonly RenameUse[],
): readonly Derived[] {
  const own = places.filter(({ place }) => place.class !== 'read')
  const patterns = own.flatMap((derived) =>
    derived.place.templates.map((template) => ({
      derived,
      template,
      pattern: new PathPattern(shapedLanguage(template)),
    })),
  )
  const taker = (path: string): Taken | undefined =>
    patterns.find(({ pattern }) => pattern.has(path))
  const byObject = new Map<string, { object: FileObject; pairs: Map<string, RenameUse[]> }>()
  for (const rename of renames) {
    const from = taker(rename.from)
    const to = taker(rename.to)
    if (from === undefined && to === undefined) continue
    if (from?.derived === to?.derived && from?.derived.place.class === 'own') continue
    const object: FileObject = {
      kind: 'file',
      access: 'rename',
      path: from?.derived.object.path ?? plainPath(rename.from),
      to: to?.derived.object.path ?? plainPath(rename.to),
    }
    const key = `${object.path}${S}${object.to}`
    let made = byObject.get(key)
    if (made === undefined) {
      made = { object, pairs: new Map() }
      byObject.set(key, made)
    }
    const pair = `${from?.template ?? plainPath(rename.from)}${S}${to?.template ?? plainPath(rename.to)}`
    const uses = made.pairs.get(pair)
    if (uses === undefined) made.pairs.set(pair, [rename])
    else uses.push(rename)
  }
  return [...byObject.values()].flatMap(({ object, pairs }) => {
    const often = pairsOf(object, pairs, own)
    const [base] = places
    if (often.templates.length === 0 || base === undefined) return []
    const { uses } = often
    const origins = [...new Set(uses.map(({ origin }) => origin))].sort()
    const source = own.find(({ object: { path } }) => path === object.path || path === object.to)
    const place: Place = {
      ...(source ?? base).place,
      class: 'rename',
      templates: often.templates,
      origins,
      witnesses: uses.slice(0, 8).map(({ from, to }) => `${from} → ${to}`),
    }
    return [{ object, place }]
  })
}

/**
 * From one place to another where both are the program's own, renames of a few names are of all: it may write the one and
 * the other as it is. Onto a single name, those makes that were seen often, or to or from a name that is never given twice.
 */
function pairsOf(
  { path, to }: FileObject,
  pairs: ReadonlyMap<string, readonly RenameUse[]>,
  own: readonly Derived[],
): { readonly templates: readonly string[]; readonly uses: readonly RenameUse[] } {
  const all = [...pairs.values()].flat()
  const made = (of: string | undefined): readonly string[] =>
    own.flatMap(({ object, place }) =>
      object.path === of && place.class === 'own' ? place.templates : [],
    )
  const every = made(path).flatMap((from) => made(to).map((onto) => `${from}${S}${onto}`))
  if (all.length >= RENAMES_LEAST && every.length > 0 && every.length <= PLACE_KEPT) {
    return { templates: every.sort(), uses: all }
  }
  const often = [...pairs].filter(
    ([, uses]) => uses.length >= RENAMES_LEAST || uses.every(isOfOneUse),
  )
  return { templates: often.map(([pair]) => pair).sort(), uses: often.flatMap(([, uses]) => uses) }
}

function isOfOneUse({ from, to }: RenameUse): boolean {
  return [from, to].some((path) => certainForm(path.slice(path.lastIndexOf('/') + 1)) !== undefined)
}

/** An entry that lies in a place as a whole is evidence of it, and gets no line in lists. */
function cover({ entries, places }: Owner, prepared?: Prepared['within']): readonly LiveEntry[] {
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

interface Taker {
  readonly entry: LiveEntry
  readonly allowance: Allowance
}

/** The entry as it would be with that place. */
function takerOf(entry: LiveEntry, place: Place): Taker {
  const before = entry.place
  entry.place = place
  const allowance = entry.allowance()
  entry.place = before
  return { entry, allowance }
}

function withinOf(entry: LiveEntry, takers: readonly Taker[]): BehaviourId | undefined {
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
