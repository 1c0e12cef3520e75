import type { Allowance } from '../profile/allowance.ts'
import type { Actor, BehaviourObject } from './behaviour.ts'
import { isPlace } from './place-pattern.ts'
import { MAX_PLACES, type Shaper } from './shape.ts'
import type { User } from './user.ts'

const S = '\u0000'

/** What shows values at the places of its object's shape. */
export interface Showing {
  readonly actor: Actor
  readonly uid: User
  readonly object: BehaviourObject
  readonly rejected: boolean
  /** Whatever the origin. */
  valuesAt(place: number): readonly string[]
}

type FileObject = Extract<BehaviourObject, { kind: 'file' }>

/** Of a rename's second name; `first`: which of its places is the name's first. */
interface Behind {
  readonly showing: Showing
  readonly first: number
}

type Shown = Showing | Behind

/** Nearly always one: an array for each name would cost more than the rest. */
type Names = Map<string, Shown | readonly Shown[]>

const NONE: readonly Shown[] = []

/**
 * All operations of one actor on files of one shape: read, write, delete, and rename to or from. A part of the name
 * that varies for one operation varies for all. A service that wrote `log.1` to `log.3`, or renamed files to these
 * names, need not be seen to delete three.
 */
export class RelatedPlaceholders {
  readonly #byActor = new Map<string, Names>()

  /** It shows its values, and has those of its kin. */
  add(allowance: Allowance, shaper: Shaper): void {
    const { object, shape } = allowance
    if (object.kind !== 'file' || shape === undefined || isPlace(object)) return
    if (!this.show(allowance, shaper)) return
    const { path, to } = object
    const who = whoOf(allowance)
    if (to === undefined) {
      allowance.related = (place) => this.#shown(who, path, place)
      return
    }
    const first = shaper.thresholds(path).length
    allowance.related = (place) =>
      place < first ? this.#shown(who, path, place) : this.#shown(who, to, place - first)
  }

  /** It shows its values to its kin. False where its places cannot be distinguished. */
  show(showing: Showing, shaper: Shaper): boolean {
    const { object } = showing
    if (object.kind !== 'file') return false
    const { path, to } = object
    if (to === undefined) {
      this.#put(showing, path, showing)
      return true
    }
    const first = shaper.thresholds(path).length
    // Places of the second name beyond those of the shape are not separated.
    if (first + shaper.thresholds(to).length > MAX_PLACES) return false
    this.#put(showing, path, showing)
    this.#put(showing, to, { showing, first })
    return true
  }

  remove(showing: Showing): void {
    const { object } = showing
    if (object.kind !== 'file') return
    const who = whoOf(showing)
    const names = this.#byActor.get(who)
    if (names === undefined) return
    for (const path of namesOf(object)) {
      const left = listOf(names, path).filter((shown) => of(shown) !== showing)
      if (left.length === 0) names.delete(path)
      else names.set(path, oneOrMore(left))
    }
    if (names.size === 0) this.#byActor.delete(who)
  }

  #put(showing: Showing, path: string, shown: Shown): void {
    const who = whoOf(showing)
    let names = this.#byActor.get(who)
    if (names === undefined) {
      names = new Map()
      this.#byActor.set(who, names)
    }
    names.set(path, oneOrMore([...listOf(names, path), shown]))
  }

  #shown(who: string, path: string, place: number): number {
    const names = this.#byActor.get(who)
    const values = new Set<string>()
    for (const shown of names === undefined ? NONE : listOf(names, path)) {
      const showing = of(shown)
      if (showing.rejected) continue
      const first = 'first' in shown ? shown.first : 0
      for (const value of showing.valuesAt(first + place)) values.add(value)
    }
    return values.size
  }
}

function whoOf({ actor, uid }: Showing): string {
  return [actor.exe, actor.script ?? '', uid].join(S)
}

function namesOf({ path, to }: FileObject): readonly string[] {
  return to === undefined ? [path] : [path, to]
}

function listOf(names: Names, path: string): readonly Shown[] {
  const known = names.get(path) ?? NONE
  return isList(known) ? known : [known]
}

function isList(known: Shown | readonly Shown[]): known is readonly Shown[] {
  return Array.isArray(known)
}

function oneOrMore(list: readonly Shown[]): Shown | readonly Shown[] {
  const [only] = list
  return list.length === 1 && only !== undefined ? only : list
}

function of(shown: Shown): Showing {
  return 'first' in shown ? shown.showing : shown
}
