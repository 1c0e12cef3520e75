import type { IncidentFact } from './incident-fact.ts'

/** Facts by a key, to find the one that is nearest in time. */
export class NearestFacts {
  readonly #facts: readonly IncidentFact[]
  readonly #byKey = new Map<string, number[]>()

  /** @param facts in order of time */
  constructor(facts: readonly IncidentFact[]) {
    this.#facts = facts
  }

  /** In rising order of `at`. */
  add(key: string | undefined, at: number): void {
    if (key === undefined) return
    const known = this.#byKey.get(key)
    if (known === undefined) this.#byKey.set(key, [at])
    else known.push(at)
  }

  /** The nearest one to the fact `at`, or of two the earlier. */
  nearest(key: string | undefined, at: number, withinMs = Infinity): number | undefined {
    const all = this.#byKey.get(key ?? '') ?? []
    let [low, high] = [0, all.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((all[middle] as number) < at) low = middle + 1
      else high = middle
    }
    const [before, after] = [all[low - 1], all[low]]
    const isAfter =
      before === undefined ||
      (after !== undefined && this.#between(after, at) < this.#between(before, at))
    const found = isAfter ? after : before
    return found === undefined || this.#between(found, at) > withinMs ? undefined : found
  }

  #between(a: number, b: number): number {
    return Math.abs((this.#facts[a]?.atMs ?? 0) - (this.#facts[b]?.atMs ?? 0))
  }
}
