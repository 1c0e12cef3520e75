/** Below this, a step changes nothing that matters: windows last an hour. */
const leastStepMs = 10_000

/**
 * Notices that somebody set the clock, or that the machine slept: then the clock moved by another
 * time than the one that passed.
 */
export class ClockSteps {
  readonly #clock: () => number
  readonly #steady: () => number
  #clockMs: number
  #steadyMs: number

  /** @param steady milliseconds from any moment, by a clock that nobody can set */
  constructor(clock: () => number, steady: () => number) {
    this.#clock = clock
    this.#steady = steady
    this.#clockMs = clock()
    this.#steadyMs = steady()
  }

  /** By how many milliseconds the clock was set forward (or back, below 0) since the last call; 0 if it was not. */
  taken(): number {
    const [clockMs, steadyMs] = [this.#clock(), this.#steady()]
    const stepMs = Math.round(clockMs - this.#clockMs - (steadyMs - this.#steadyMs))
    this.#clockMs = clockMs
    this.#steadyMs = steadyMs
    return Math.abs(stepMs) < leastStepMs ? 0 : stepMs
  }
}
