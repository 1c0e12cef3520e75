/** What two observers told of one population, independently of each other. */
export interface Recapture {
  readonly first: number
  readonly second: number
  /** Told by both. */
  readonly both: number
}

export interface Unreported {
  /** How many neither told, as far as can be expected. */
  readonly expected: number
  /** 95 % upper bound of that. */
  readonly bound: number
}

/** With fewer told by both the estimate says little. */
export const leastBoth = 7
/** Of the normal distribution, one-sided 95 %. */
const z95 = 1.645

/**
 * Chapman's estimate of what neither of two observers told (capture and recapture). It assumes that each tells an act with a
 * chance of its own, whether the other tells it or not. Undefined where too few were told by both.
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
