import type { BehaviourId } from '../behaviour/behaviour.ts'

/** No id has it. */
const between = ' '

/** A set of ids in a third of the memory. To find one takes longer with each further id. */
export class PackedIds {
  readonly size: number
  /** Each id, with a separator before it, and one at the end. */
  readonly #text: string

  constructor(ids: readonly BehaviourId[]) {
    this.size = ids.length
    this.#text = ['', ...ids, ''].join(between)
  }

  has(id: BehaviourId): boolean {
    return !id.includes(between) && this.#text.includes(between + id + between)
  }

  keys(): readonly BehaviourId[] {
    return this.#text.split(between).filter((id) => id !== '') as BehaviourId[]
  }
}
