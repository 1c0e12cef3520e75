import { Allowance } from './allowance.ts'
import { type BehaviourObject, objectKey } from '../behaviour/behaviour.ts'
import { DerivedReads } from '../learning/derived-reads.ts'
import type { Decision } from './profile-entry.ts'
import type { ProfileReader } from './profile-reader.ts'
import { RelatedPlaceholders, type Showing } from '../behaviour/related-placeholders.ts'
import { PatternIndex } from './pattern-index.ts'
import type { Shaper } from '../behaviour/shape.ts'

const NONE: readonly Allowance[] = []

function push(map: Map<string, Allowance[]>, key: string, allowance: Allowance): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [allowance])
  else list.push(allowance)
}

function replace(
  map: Map<string, Allowance[]>,
  key: string,
  old: Allowance,
  now?: Allowance,
): void {
  const list = map.get(key)
  const i = list?.indexOf(old) ?? -1
  if (list !== undefined && i >= 0) list.splice(i, 1, ...(now === undefined ? [] : [now]))
  if (list?.length === 0) map.delete(key)
}

/** The end of an allowance's key, which has a text of its own in memory. */
function objectPart({ key, object }: Allowance): string {
  return key.slice(-objectKey(object).length)
}

const actorKey = (kind: string, exe: string): string => `${kind}\u0000${exe}`

/** Allowances by key, by actor and by object. */
export class KnownIndex implements ProfileReader {
  readonly shaper: Shaper
  readonly patterns = new PatternIndex()
  readonly derived = new DerivedReads()
  readonly #related = new RelatedPlaceholders()
  readonly #byKey = new Map<string, Allowance>()
  readonly #superseded = new Map<string, Showing>()
  readonly #byActor = new Map<string, Allowance[]>()
  /** Nearly always one: an array for each would cost more than the rest. */
  readonly #byObject = new Map<string, Allowance | readonly Allowance[]>()

  constructor(shaper: Shaper) {
    this.shaper = shaper
  }

  get size(): number {
    return this.#byKey.size
  }

  all(): Iterable<Allowance> {
    return this.#byKey.values()
  }

  allowance(key: string): Allowance | undefined {
    return this.#byKey.get(key)
  }

  byActor(kind: string, exe: string): readonly Allowance[] {
    return this.#byActor.get(actorKey(kind, exe)) ?? NONE
  }

  byObject(object: BehaviourObject): readonly Allowance[] {
    const known = this.#byObject.get(objectKey(object)) ?? NONE
    return known instanceof Allowance ? [known] : known
  }

  set(allowance: Allowance): void {
    const { key, object, actor } = allowance
    this.#dropSuperseded(key)
    const old = this.#byKey.get(key)
    this.#byKey.set(key, allowance)
    if (old !== undefined) this.#related.remove(old)
    this.#related.add(allowance, this.shaper)
    this.patterns.replace(old, allowance)
    this.derived.replace(old, allowance)
    if (old === undefined) {
      push(this.#byActor, actorKey(object.kind, actor.exe), allowance)
      this.#replaceByObject(undefined, allowance)
    } else {
      replace(this.#byActor, actorKey(object.kind, actor.exe), old, allowance)
      this.#replaceByObject(old, allowance)
    }
  }

  /**
   * Another decision on the allowance with this key, which stays where it is: thousands are decided on at once. False
   * where that is not all: a pattern has another place once it is rejected.
   */
  decide(key: string, decision: Decision): boolean {
    const known = this.#byKey.get(key)
    if (known === undefined || known.shape !== undefined || known.block !== undefined) return false
    const before = known.rejected
    known.decide(decision)
    this.patterns.rejectedMore(Number(known.rejected) - Number(before))
    return true
  }

  /** It no longer grants anything itself, but still shows which parts of names vary. */
  supersede(entry: Showing & { readonly key: string }): void {
    this.delete(entry.key)
    this.#superseded.set(entry.key, entry)
    this.#related.show(entry, this.shaper)
  }

  delete(key: string): void {
    this.#dropSuperseded(key)
    const old = this.#byKey.get(key)
    if (old === undefined) return
    this.#byKey.delete(key)
    this.#related.remove(old)
    this.patterns.replace(old, undefined)
    this.derived.replace(old, undefined)
    replace(this.#byActor, actorKey(old.object.kind, old.actor.exe), old)
    this.#replaceByObject(old, undefined)
  }

  #replaceByObject(old: Allowance | undefined, now: Allowance | undefined): void {
    const one = now ?? old
    if (one === undefined) return
    const known = this.byObject(one.object)
    const at = old === undefined ? -1 : known.indexOf(old)
    const list = at < 0 ? [...known] : known.filter((_, i) => i !== at)
    if (now !== undefined) list.splice(at < 0 ? list.length : at, 0, now)
    const [only] = list
    if (only === undefined) this.#byObject.delete(objectKey(one.object))
    else if (list.length > 1) this.#byObject.set(objectPart(one), list)
    // A known key stays as it is.
    else this.#byObject.set(objectPart(only), only)
  }

  #dropSuperseded(key: string): void {
    const old = this.#superseded.get(key)
    if (old === undefined) return
    this.#superseded.delete(key)
    this.#related.remove(old)
  }
}
