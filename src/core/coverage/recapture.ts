/** Reports of two independent observers about one population. */
export interface Recapture {
  readonly first: number
  readonly second: number
  /** Reported by both. */
  readonly both: number
}

export interface Unreported {
  /** Expected number that both missed. */
  readonly expected: number
  /** 95 % upper bound of that. */
  readonly bound: number
}

/** With fewer events reported by both, the estimate is too weak. */
export const leastBoth = 7
/** Of the normal distribution, one-sided 95 %. */
const z95 = 1.645

/**
 * Chapman's estimate of what both observers missed (capture and recapture). It assumes that each
 * reports an event with an independent chance. Undefined if too few were reported by both.
 */
export function unreported({ first, second, both }: Recapture): Unreported | undefined {
  if (both < leastBoth) return undefined
  const reported = first + second - both
  const all = ((first + 1) * (second + 1)) / (both + 1) - 1
  const variance =
    ((first + 1) * (second + 1) * (first - both) * (second - both)) / ((both + 1) ** 2 * (both + 2))
  const expected = Math.max(0, all - reported)
  return { expected, bound: expected + z95 * Math.sqrt(variance) }
}
