import type { Place } from '../learning/place.ts'
import {
  type Actor,
  type BehaviourId,
  type BehaviourObject,
  behaviourKey,
} from '../behaviour/behaviour.ts'
import { literalPath, type Shaper } from '../behaviour/shape.ts'
import type { User } from '../behaviour/user.ts'
import { finish, type Steps } from '../steps.ts'
import { LiveEntry } from './live-entry.ts'
import { MadeNames } from './made-names.ts'
import { networkKey } from './network-places.ts'
import { isOfPath } from './path-uses.ts'
import { type DerivedPlaces, derivePlaces, type PlaceEvidence } from './place-derivation.ts'
import { coverBy, takerOf, withinOf } from './place-members.ts'

/** One actor and user, with the evidence that their places are derived from. */
interface Owner extends PlaceEvidence {
  readonly actor: Actor
  readonly uid: User
  readonly entries: Set<LiveEntry>
  places: ReadonlySet<LiveEntry>
  /** See {@link DerivedPlaces}. */
  heldBackBy: ReadonlySet<string>
  /** Changes with what its places are derived from. */
  revision: number
  /** Changes where evidence does more than grow: it was taken away, or a person decided. */
  changes: number
  /** Since its places were derived, its evidence has only grown. */
  hasOnlyGrown: boolean
  prepared: Prepared | undefined
}

/** The places of an owner as they would be, of its evidence at that revision. */
interface Prepared {
  readonly revision: number
  readonly changes: number
  readonly executedRevision: number
  readonly derived: DerivedPlaces
  /** Of entries that are no places, and have not changed since: the place that each would be in. */
  readonly within: Map<LiveEntry, BehaviourId | undefined>
  isWhole: boolean
}

/** What is to be known of places that were derived, beside the entries with their places. */
export interface PlacesAtRest {
  /** Of an owner, by its key. */
  readonly heldBackBy: ReadonlyMap<string, ReadonlySet<string>>
  readonly seen: number
  readonly settledAt: number
}

/** The result of deriving the places again. */
export interface Settled {
  /** Entries of new places, and of removed ones. */
  readonly added: LiveEntry[]
  readonly removed: LiveEntry[]
  /** Entries whose place has changed. */
  readonly changed: LiveEntry[]
  /** Entries that are in another place, or in none any more. */
  readonly moved: LiveEntry[]
}

const nothingSettled = (): Settled => ({ added: [], removed: [], changed: [], moved: [] })

const S = '\u0000'

const unprepared = { revision: 0, changes: 0, hasOnlyGrown: true, prepared: undefined }

/** The first derivation is worth it from some names on. */
const SETTLED_LEAST = 128

/** Entries of which places are derived in one step, even where that may wait. */
const derivedAtOnce = 250

/** Keeps the places of a profile in step with its evidence. */
export class PlaceKeeper {
  readonly #shaper: Shaper
  readonly #owners = new Map<string, Owner>()
  readonly #dirty = new Set<Owner>()
  /** Executed paths, with the number of entries that show it, and the revision from which on it was known. */
  readonly #executed = new Map<string, { readonly count: number; readonly since: number }>()
  #executedRevision = 0
  readonly #made = new MadeNames<Owner>()
  #seen = 0
  /** Evidence at the last derivation. */
  #settledAt = SETTLED_LEAST

  constructor(shaper: Shaper) {
    this.#shaper = shaper
  }

  add(entry: LiveEntry): void {
    for (const path of executedBy(entry.object)) {
      const known = this.#executed.get(path)
      const since = known?.since ?? ++this.#executedRevision
      this.#executed.set(path, { count: (known?.count ?? 0) + 1, since })
      if (known === undefined) this.#dirtyAround(path)
    }
    const owner = this.#ownerOf(entry)
    owner?.entries.add(entry)
    if (owner !== undefined) this.#made.addUser(entry.object, owner)
    this.outdate(entry)
    // A deviation changes no place: a flood of them must not have places derived again and again.
    if (isEvidence(entry)) this.touch(entry)
  }

  remove(entry: LiveEntry): void {
    for (const path of executedBy(entry.object)) {
      const { count = 1, since = 0 } = this.#executed.get(path) ?? {}
      if (count > 1) this.#executed.set(path, { count: count - 1, since })
      else if (this.#executed.delete(path)) {
        this.#executedRevision += 1
        this.#dirtyBehind(path)
      }
    }
    this.outdate(entry)
    const owner = this.#ownerOf(entry)
    if (owner === undefined) return
    this.#outdateUsers(this.#made.look(entry, false), false)
    owner.entries.delete(entry)
    owner.changes += 1
    this.#outdated(owner, false)
  }

  /** What was prepared of it no longer holds, which alone is no reason to derive places again. */
  outdate(entry: LiveEntry): void {
    const owner = this.#ownerOf(entry)
    if (owner === undefined) return
    owner.revision += 1
    owner.prepared?.within.delete(entry)
  }

  /** Its evidence has changed. */
  touch(entry: LiveEntry): void {
    this.#touched(entry, false)
  }

  /** There is more evidence of it. Places may follow later. */
  grew(entry: LiveEntry): void {
    this.#touched(entry, true)
  }

  #touched(entry: LiveEntry, hasGrown: boolean): void {
    this.outdate(entry)
    const owner = this.#ownerOf(entry)
    if (owner === undefined) return
    if (!hasGrown) owner.changes += 1
    this.#outdated(owner, hasGrown)
    const users = this.#made.look(entry, isEvidence(entry))
    // A person may have rejected it, or no longer do.
    this.#outdateUsers(hasGrown ? users : this.#made.usersOf(entry), hasGrown)
    this.#seen += 1
  }

  #outdateUsers(users: readonly Owner[], hasGrown: boolean): void {
    for (const user of users) {
      user.revision += 1
      if (!hasGrown) user.changes += 1
      this.#outdated(user, hasGrown)
    }
  }

  /** Its places have to be derived again. */
  #outdated(owner: Owner, hasGrown: boolean): void {
    owner.hasOnlyGrown = hasGrown && (owner.hasOnlyGrown || !this.#dirty.has(owner))
    this.#dirty.add(owner)
  }

  /** The evidence has doubled since the last time, so that all derivations together cost two of the last. */
  get isDue(): boolean {
    return this.#dirty.size > 0 && this.#seen >= this.#settledAt * 2
  }

  /** Evidence has only grown, and to derive the places again takes long. */
  get mayWait(): boolean {
    let entries = 0
    for (const owner of this.#dirty) {
      if (!owner.hasOnlyGrown) return false
      entries += owner.entries.size
    }
    return entries > derivedAtOnce
  }

  /** INVARIANT: nothing is dirty. */
  atRest(): PlacesAtRest {
    const heldBackBy = new Map<string, ReadonlySet<string>>()
    for (const [key, owner] of this.#owners)
      if (owner.heldBackBy.size > 0) heldBackBy.set(key, owner.heldBackBy)
    return { heldBackBy, seen: this.#seen, settledAt: this.#settledAt }
  }

  /** The entries that were added have the places that were derived of them: they go on from there. */
  goOnFrom({ heldBackBy, seen, settledAt }: PlacesAtRest): void {
    for (const [key, owner] of this.#owners) {
      owner.places = new Set([...owner.entries].filter(({ place }) => place !== undefined))
      owner.heldBackBy = heldBackBy.get(key) ?? new Set()
    }
    this.#seen = seen
    this.#settledAt = settledAt
    this.#dirty.clear()
  }

  /** Pieces of evidence so far. */
  get seen(): number {
    return this.#seen
  }

  get isDirty(): boolean {
    return this.#dirty.size > 0
  }

  /**
   * Derives places with pauses, and changes nothing: {@link settle} uses what still holds by then. Of owners whose
   * evidence changes meanwhile nothing does.
   */
  *prepare(known: ReadonlyMap<string, LiveEntry>): Steps<void> {
    // Those that come meanwhile wait for the next time.
    const owners = [...this.#dirty]
    for (const owner of owners) {
      if (this.#preparedOf(owner) !== undefined) continue
      const { revision, changes } = owner
      const executedRevision = this.#executedRevision
      const derived = yield* this.#derive(owner, [...this.#executed.keys()])
      const places = derived.made.map(({ object, place }) => {
        const key = behaviourKey(owner.actor, owner.uid, object)
        const there = known.get(key)
        return takerOf(
          there ?? new LiveEntry(owner.actor, owner.uid, object, this.#shaper, key),
          place,
        )
      })
      const keys = new Set(places.map(({ entry }) => entry.key))
      const within = new Map<LiveEntry, BehaviourId | undefined>()
      const prepared = { revision, changes, executedRevision, derived, within, isWhole: false }
      owner.prepared = prepared
      for (const entry of owner.entries) {
        if (entry.place !== undefined || keys.has(entry.key)) continue
        within.set(entry, withinOf(entry, places))
        yield
        // Derived by somebody else meanwhile.
        if (owner.prepared !== prepared) break
      }
      prepared.isWhole = true
    }
  }

  #derive(owner: Owner, executed: readonly string[]): Steps<DerivedPlaces> {
    return derivePlaces(owner, executed, (path) => this.#made.madeParts(path), this.#shaper)
  }

  /** What was prepared of evidence that is still the same. */
  #preparedOf({ prepared, revision }: Owner): Prepared | undefined {
    const isSame = prepared?.isWhole === true && prepared.revision === revision
    return isSame && prepared.executedRevision === this.#executedRevision ? prepared : undefined
  }

  /** What was prepared of evidence that has only grown since. */
  #grownFrom({ prepared, changes }: Owner): Prepared | undefined {
    if (prepared?.isWhole !== true || prepared.changes !== changes) return undefined
    const { derived, executedRevision } = prepared
    for (const [path, { since }] of this.#executed) {
      if (since <= executedRevision) continue
      if (derived.made.some(({ place }) => path.startsWith(place.base))) return undefined
    }
    return prepared
  }

  settle(known: ReadonlyMap<string, LiveEntry>): Settled {
    const settled = nothingSettled()
    const executed = [...this.#executed.keys()]
    for (const owner of this.#dirty) {
      const prepared = this.#preparedOf(owner)
      const derived = prepared?.derived ?? finish(this.#derive(owner, executed))
      this.#settle(owner, derived, prepared, known, settled)
    }
    this.#dirty.clear()
    this.#settledAt = Math.max(SETTLED_LEAST, this.#seen)
    return settled
  }

  /**
   * Settles the places that {@link prepare} derived before some of the evidence came. That evidence still counts for the
   * next time.
   *
   * @param seen what {@link seen} was before they were derived
   */
  settlePrepared(known: ReadonlyMap<string, LiveEntry>, seen: number): Settled {
    const settled = nothingSettled()
    for (const owner of this.#dirty) {
      const prepared = this.#grownFrom(owner)
      if (prepared === undefined) continue
      if (this.#preparedOf(owner) !== undefined) this.#dirty.delete(owner)
      owner.hasOnlyGrown = true
      this.#settle(owner, prepared.derived, prepared, known, settled)
    }
    this.#settledAt = Math.max(SETTLED_LEAST, seen)
    return settled
  }

  #settle(
    owner: Owner,
    { made, heldBackBy }: DerivedPlaces,
    prepared: Prepared | undefined,
    known: ReadonlyMap<string, LiveEntry>,
    { added, removed, changed, moved }: Settled,
  ): void {
    const now = new Set<LiveEntry>()
    for (const { object, place } of made) {
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
    for (const entry of owner.places) {
      if (now.has(entry)) continue
      entry.place = undefined
      if (entry.empty) removed.push(entry)
      else changed.push(entry)
    }
    owner.places = now
    owner.heldBackBy = heldBackBy
    for (const entry of coverBy(now, owner.entries, prepared?.within))
      if (!now.has(entry)) moved.push(entry)
    owner.prepared = undefined
  }

  #ownerOf({ actor, uid, object }: LiveEntry): Owner | undefined {
    const network = networkKey(object)
    if (!isOfPath(object) && network === undefined) return undefined
    const who = `${actor.exe}${S}${actor.script ?? ''}${S}${uid}`
    const key = network === undefined ? who : `${who}${S}${network}`
    let owner = this.#owners.get(key)
    if (owner === undefined) {
      const of = network === undefined ? 'files' : 'network'
      const none = { entries: new Set<LiveEntry>(), places: new Set<LiveEntry>() }
      owner = { of, actor, uid, ...none, heldBackBy: new Set(), ...unprepared }
      this.#owners.set(key, owner)
    }
    return owner
  }

  /** Names that it kept from being a place may be one now that nothing shows that it ran. */
  #dirtyBehind(path: string): void {
    for (const owner of this.#owners.values()) {
      if (!owner.heldBackBy.has(path)) continue
      owner.changes += 1
      this.#outdated(owner, false)
    }
  }

  /** A place never covers a path that was run: those that could have to be derived again. */
  #dirtyAround(path: string): void {
    for (const owner of this.#owners.values()) {
      const isAround = [...owner.places].some(({ place }) => {
        return place !== undefined && path.startsWith(place.base)
      })
      if (isAround) this.#outdated(owner, false)
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

function samePlace(a: Place | undefined, b: Place): boolean {
  return (
    a !== undefined &&
    a.templates.join(S) === b.templates.join(S) &&
    a.origins.join() === b.origins.join() &&
    a.renames === b.renames
  )
}
