import type { Admission } from './admission.ts'
import type { BehaviourObject } from './behaviour.ts'
import { MAX_PLACES, type Shaper } from './shape.ts'
import type { User } from './user.ts'

/** How many distinct values the kin of a behaviour have shown at one of its places. */
export type KinShown = (place: number) => number

const S = '\u0000'

function nameOf(
  { actor, uid }: { readonly actor: Admission['actor']; readonly uid: User },
  path: string,
): string {
  return [actor.exe, actor.script ?? '', uid, path].join(S)
}

/**
 * What one actor does to files of one shape: reads, writes, deletes them. That a part of their name varies is so
 * whatever is done to them: where a service was seen to write `log.1` to `log.3` it need not be seen to delete three.
 */
export class Kindred {
  readonly #byName = new Map<string, Set<Admission>>()

  add(admission: Admission, shaper: Shaper): void {
    const { object, shape } = admission
    if (object.kind !== 'file' || shape === undefined) return
    if (object.to === undefined) {
      const name = nameOf(admission, object.path)
      const kin = this.#byName.get(name) ?? new Set()
      kin.add(admission)
      this.#byName.set(name, kin)
      admission.kin = (place) => this.#shown(name, place)
      return
    }
    admission.kin = this.#ofRename(admission, object, shaper)
  }

  remove(admission: Admission): void {
    const { object } = admission
    if (object.kind === 'file') this.#byName.get(nameOf(admission, object.path))?.delete(admission)
  }

  /** Each of its two paths has its own kin. */
  #ofRename(
    admission: Admission,
    { path, to = '' }: Extract<BehaviourObject, { kind: 'file' }>,
    shaper: Shaper,
  ): KinShown | undefined {
    const first = shaper.thresholds(path).length
    if (first + shaper.thresholds(to).length > MAX_PLACES) return undefined
    const [from, onto] = [nameOf(admission, path), nameOf(admission, to)]
    return (place) => (place < first ? this.#shown(from, place) : this.#shown(onto, place - first))
  }

  #shown(name: string, place: number): number {
    const values = new Set<string>()
    for (const { grants, rejected } of this.#byName.get(name) ?? []) {
      if (!rejected) for (const value of grants.valuesAt(place)) values.add(value)
    }
    return values.size
  }
}
