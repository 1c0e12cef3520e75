/** Ids in their order, each once. Most come behind all others. */
export class SortedIds {
  #ids: string[] = []

  add(id: string): void {
    const last = this.#ids.at(-1)
    if (last === undefined || id > last) {
      this.#ids.push(id)
      return
    }
    const at = this.#placeOf(id)
    if (this.#ids[at] !== id) this.#ids.splice(at, 0, id)
  }

  /** All of them without the last `count`. */
  before(count: number): readonly string[] {
    return this.#ids.slice(0, Math.max(0, this.#ids.length - count))
  }

  remove(ids: Iterable<string>): void {
    const gone = new Set(ids)
    if (gone.size > 0) this.#ids = this.#ids.filter((id) => !gone.has(id))
  }

  /** Where it is, or has to be. */
  #placeOf(id: string): number {
    let [from, to] = [0, this.#ids.length]
    while (from < to) {
      const middle = (from + to) >>> 1
      if ((this.#ids[middle] ?? '') < id) from = middle + 1
      else to = middle
    }
    return from
  }
}
