/** A record where the store has it. A later record takes the slot of one that was dropped. */
export interface Slotted<T> {
  readonly slot: number
  /** Undefined: the slot is empty. */
  readonly record: T | undefined
}

/**
 * Records of a version that the store has one by one, so that a change of one writes no other. It has as many of them as
 * were kept at once at most, also where it fails for long.
 */
export class Slots<T> {
  readonly #records: (T | undefined)[] = []
  #free: number[] = []
  /** Slots of which the store has another content. */
  readonly #changed = new Set<number>()

  /** @returns the slot of the record: `slot`, or a free one */
  put(record: T, slot = this.#free.pop() ?? this.#records.length): number {
    this.#records[slot] = record
    this.#changed.add(slot)
    return slot
  }

  clear(slot: number): void {
    this.#records[slot] = undefined
    this.#free.push(slot)
    this.#changed.add(slot)
  }

  /** Those of the store, before there are others. */
  restore(stored: readonly { readonly slot: number; readonly record: T }[]): void {
    for (const { slot, record } of stored) this.#records[slot] = record
    this.#free = [...this.#records.keys()].filter((slot) => this.#records[slot] === undefined)
  }

  /** What the store does not have as it is. */
  drainChanged(): readonly Slotted<T>[] {
    const changed = Array.from(this.#changed, (slot) => ({ slot, record: this.#records[slot] }))
    this.#changed.clear()
    return changed
  }
}
