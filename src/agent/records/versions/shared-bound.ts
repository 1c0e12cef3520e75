/** What one version keeps, of something that all versions together have a bound on. */
export interface Share {
  readonly size: number
  /** A share that is needed less counts as so many times larger. Absent: 1. */
  readonly weight?: number
  /** Drops some of what is needed least. Returns how many it dropped; 0 where nothing can go. */
  shed(): number
}

/** So much of the bound is made free at once: the shares are then counted again rarely. */
const freed = 1 / 16

/**
 * A bound on what all versions together keep. At the bound, the largest share becomes smaller: a version that a flood
 * fills loses its own, and others keep theirs.
 */
export class SharedBound {
  readonly limit: number
  /** What was dropped for this bound, since the start. */
  dropped = 0
  readonly #shares = new Set<Share>()
  /** At least as many as there are: what goes is noticed when the shares are counted. */
  #atMost = 0
  /** At so many, the shares are counted. */
  #countedAt: number

  constructor(limit: number) {
    this.limit = limit
    this.#countedAt = limit
  }

  join(share: Share): void {
    if (this.#shares.has(share)) return
    this.#shares.add(share)
    this.grew(share.size)
  }

  leave(share: Share): void {
    this.#shares.delete(share)
  }

  /** A share has so many more. */
  grew(by = 1): void {
    this.#atMost += by
    if (this.#atMost > this.#countedAt) this.#count()
  }

  #count(): void {
    let total = 0
    for (const { size } of this.#shares) total += size
    if (total > this.limit) total -= this.#shed(total - this.limit * (1 - freed))
    this.#atMost = total
    // What cannot go, as the runs of containers that run, may be more than the bound.
    this.#countedAt = total > this.limit ? total + this.limit * freed : this.limit
  }

  /** Drops at least so many, as far as they can go. Returns how many it dropped. */
  #shed(wanted: number): number {
    const fixed = new Set<Share>()
    let gone = 0
    while (gone < wanted) {
      const largest = this.#largest(fixed)
      if (largest === undefined) break
      const some = largest.shed()
      if (some === 0) fixed.add(largest)
      gone += some
    }
    this.dropped += gone
    return gone
  }

  #largest(except: ReadonlySet<Share>): Share | undefined {
    let largest: Share | undefined
    let most = 0
    for (const share of this.#shares) {
      const weighted = share.size * (share.weight ?? 1)
      if (weighted <= most || except.has(share)) continue
      largest = share
      most = weighted
    }
    return largest
  }
}
