export interface ShareScheduleOptions {
  /** All that a node learned is told within so long, in milliseconds, where there is not more of it than the gap allows. */
  readonly withinMs: number
  readonly random: () => number
}

/** Of `withinMs`: the least between two versions that a node has news of. */
const gapShare = 4

/**
 * When a node may tell the fleet of which version. By chance within the whole time, so that of a thousand nodes that see the
 * same new image at once a few speak first and the others find it told; and never often, whatever is new.
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

  /** What may be told now, the longest due first. */
  due(nowMs: number): readonly T[] {
    if (nowMs < this.#notBefore) return []
    return [...this.#due]
      .filter(([, at]) => at <= nowMs)
      .sort(([, a], [, b]) => a - b)
      .map(([item]) => item)
  }

  /** It was told. `wrote`: there was news, and so a pause follows. */
  written(item: T, nowMs: number, wrote: boolean): void {
    const { withinMs, random } = this.#options
    this.#due.set(item, nowMs + withinMs * (0.5 + random() / 2))
    if (wrote) this.#notBefore = nowMs + withinMs / gapShare
  }
}
