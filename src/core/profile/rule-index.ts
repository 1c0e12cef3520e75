import type { Admission } from './allowance.ts'
import { type BehaviourObject, objectKey } from '../behaviour/behaviour.ts'
import type { Known } from './profile-reader.ts'
import { Kindred } from '../behaviour/related-placeholders.ts'
import { PatternIndex } from './pattern-index.ts'
import type { Shaper } from '../behaviour/shape.ts'

const NONE: readonly Admission[] = []

function push(map: Map<string, Admission[]>, key: string, admission: Admission): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [admission])
  else list.push(admission)
}

function replace(
  map: Map<string, Admission[]>,
  key: string,
  old: Admission,
  now?: Admission,
): void {
  const list = map.get(key)
  const i = list?.indexOf(old) ?? -1
  if (list !== undefined && i >= 0) list.splice(i, 1, ...(now === undefined ? [] : [now]))
  if (list?.length === 0) map.delete(key)
}

const actorKey = (kind: string, exe: string): string => `${kind}\u0000${exe}`

/** Admissions by key, by actor and by object. */
export class KnownIndex implements Known {
  readonly shaper: Shaper
  readonly patterns = new PatternIndex()
  readonly #kindred = new Kindred()
  readonly #byKey = new Map<string, Admission>()
  readonly #byActor = new Map<string, Admission[]>()
  readonly #byObject = new Map<string, Admission[]>()

  constructor(shaper: Shaper) {
    this.shaper = shaper
  }

  get size(): number {
    return this.#byKey.size
  }

  all(): Iterable<Admission> {
    return this.#byKey.values()
  }

  admission(key: string): Admission | undefined {
    return this.#byKey.get(key)
  }

  byActor(kind: string, exe: string): readonly Admission[] {
    return this.#byActor.get(actorKey(kind, exe)) ?? NONE
  }

  byObject(object: BehaviourObject): readonly Admission[] {
    return this.#byObject.get(objectKey(object)) ?? NONE
  }

  set(admission: Admission): void {
    const { key, object, actor } = admission
    const old = this.#byKey.get(key)
    this.#byKey.set(key, admission)
    if (old !== undefined) this.#kindred.remove(old)
    this.#kindred.add(admission, this.shaper)
    this.patterns.replace(old, admission)
    if (old === undefined) {
      push(this.#byActor, actorKey(object.kind, actor.exe), admission)
      push(this.#byObject, objectKey(object), admission)
    } else {
      replace(this.#byActor, actorKey(object.kind, actor.exe), old, admission)
      replace(this.#byObject, objectKey(object), old, admission)
    }
  }

  delete(key: string): void {
    const old = this.#byKey.get(key)
    if (old === undefined) return
    this.#byKey.delete(key)
    this.#kindred.remove(old)
    this.patterns.replace(old, undefined)
    replace(this.#byActor, actorKey(old.object.kind, old.actor.exe), old)
    replace(this.#byObject, objectKey(old.object), old)
  }
}
