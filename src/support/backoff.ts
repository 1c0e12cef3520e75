export interface BackoffRules {
  readonly firstMs: number
  readonly longestMs: number
  /** The longest delay, even if the other side asks for more. Absent: five minutes. */
  readonly longestAskedMs?: number
}

const longestAskedMs = 300_000

/**
 * The delay before the next try. It doubles with each failure. Half of it is random, because the
 * agents of a whole fleet lose a server at the same instant.
 */
export class Backoff {
  readonly #rules: BackoffRules
  readonly #random: () => number
  #nextMs: number

  constructor(rules: BackoffRules, random: () => number = Math.random) {
    this.#rules = rules
    this.#random = random
    this.#nextMs = rules.firstMs
  }

  /** It went well: the next failure waits only a little. */
  reset(): void {
    this.#nextMs = this.#rules.firstMs
  }

  /** Milliseconds. `askedMs`: the minimum that the other side asked for. */
  next(askedMs = 0): number {
    const { longestMs } = this.#rules
    const jittered = this.#nextMs / 2 + this.#random() * (this.#nextMs / 2)
    this.#nextMs = Math.min(this.#nextMs * 2, longestMs)
    if (askedMs <= 0) return jittered
    // Spread as well: clients that were refused at once would come back at once.
    return Math.min(askedMs, this.#rules.longestAskedMs ?? longestAskedMs) + jittered
  }
}
