import type { Allowance } from '../profile/allowance.ts'
import { isPlace } from './place-pattern.ts'
import { MAX_PLACES, type Shaper } from './shape.ts'
import type { User } from './user.ts'

const S = '\u0000'

function nameOf(
  { actor, uid }: { readonly actor: Allowance['actor']; readonly uid: User },
  path: string,
): string {
  return [actor.exe, actor.script ?? '', uid, path].join(S)
}

/** One that has shown values of a name; `first`: which of its places is the name's first. */
interface Shown {
  readonly allowance: Allowance
  readonly first: number
}

/**
 * All operations of one actor on files of one shape: read, write, delete, and rename to or from. A part of the name
 * that varies for one operation varies for all. A service that wrote `log.1` to `log.3`, or renamed files to these
 * names, need not be seen to delete three.
 */
export class RelatedPlaceholders {
  readonly #byName = new Map<string, Shown[]>()

  add(allowance: Allowance, shaper: Shaper): void {
    const { object, shape } = allowance
    if (object.kind !== 'file' || shape === undefined || isPlace(object)) return
    const { path, to } = object
    const name = nameOf(allowance, path)
    if (to === undefined) {
      this.#put(name, { allowance, first: 0 })
      allowance.related = (place) => this.#shown(name, place)
      return
    }
    const first = shaper.thresholds(path).length
    // Places of the second name beyond those of the shape are not separated.
    if (first + shaper.thresholds(to).length > MAX_PLACES) return
    const onto = nameOf(allowance, to)
    this.#put(name, { allowance, first: 0 })
    this.#put(onto, { allowance, first })
    allowance.related = (place) =>
      place < first ? this.#shown(name, place) : this.#shown(onto, place - first)
  }

  remove(allowance: Allowance): void {
    const { object } = allowance
    if (object.kind !== 'file') return
    for (const path of object.to === undefined ? [object.path] : [object.path, object.to]) {
      const name = nameOf(allowance, path)
      const left = this.#byName.get(name)?.filter((shown) => shown.allowance !== allowance) ?? []
      if (left.length > 0) this.#byName.set(name, left)
      else this.#byName.delete(name)
    }
  }

  #put(name: string, shown: Shown): void {
    const known = this.#byName.get(name)
    if (known === undefined) this.#byName.set(name, [shown])
    else known.push(shown)
  }

  #shown(name: string, place: number): number {
    const values = new Set<string>()
    for (const { allowance, first } of this.#byName.get(name) ?? []) {
      if (allowance.rejected) continue
      for (const value of allowance.grants.valuesAt(first + place)) values.add(value)
    }
    return values.size
  }
}
