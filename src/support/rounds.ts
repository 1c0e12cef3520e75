/** Work that is done in rounds, by a clock that may be set back. */
export class Rounds {
  readonly #everyMs: number
  #lastMs = -Infinity

  constructor(everyMs: number) {
    this.#everyMs = everyMs
  }

  /** Whether the next round is due. Then it begins. */
  begins(nowMs: number): boolean {
    if (Math.abs(nowMs - this.#lastMs) < this.#everyMs) return false
    this.#lastMs = nowMs
    return true
  }
}
