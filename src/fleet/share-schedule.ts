export interface ShareScheduleOptions {
  /**
   * A node publishes all that it learned within this time, in milliseconds, as far as the gap between writes allows.
   */
  readonly withinMs: number
  readonly random: () => number
}

/** Of `withinMs`: the least between two versions that a node has news of. */
const gapShare = 4

/**
 * When a node may publish which version. The time is random within the whole span: of a thousand nodes that see the
 * same new image at once, a few publish first and the others find it published. A pause limits the writes, whatever is
 * new. Decisions of people do not wait.
 */
export class ShareSchedule<T> {
  readonly #options: ShareScheduleOptions
  readonly #due = new Map<T, number>()
  #notBefore = 0

  constructor(options: ShareScheduleOptions) {
    this.#options = options
  }

  /** False where it is known already. */
  add(item: T, nowMs: number): boolean {
    if (this.#due.has(item)) return false
    this.#due.set(item, nowMs + this.#options.random() * this.#options.withinMs)
    return true
  }

  /** A person decided on it: it is due at once, also within a pause. */
  soon(item: T): void {
    this.#due.set(item, -Infinity)
  }

  /** What may be published now, the longest due first. */
  due(nowMs: number): readonly T[] {
    // Nothing is as far ahead, unless the clock was set back.
    const farMs = nowMs + 2 * this.#options.withinMs
    const isPause = nowMs < this.#notBefore && this.#notBefore <= farMs
    const until = isPause ? -Infinity : nowMs
    return [...this.#due]
      .filter(([, at]) => at <= until || (!isPause && at > farMs))
      .sort(([, a], [, b]) => (a === b ? 0 : a - b))
      .map(([item]) => item)
  }

  /** Drops the items that are not to be published any more, and gives them. */
  keep(isKept: (item: T) => boolean): readonly T[] {
    const dropped = [...this.#due.keys()].filter((item) => !isKept(item))
    for (const item of dropped) this.#due.delete(item)
    return dropped
  }

  /** It was published. `wrote`: there was news, so a pause follows. */
  written(item: T, nowMs: number, wrote: boolean): void {
    const { withinMs, random } = this.#options
    this.#due.set(item, nowMs + withinMs * (0.5 + random() / 2))
    if (wrote) this.#notBefore = nowMs + withinMs / gapShare
  }
}
