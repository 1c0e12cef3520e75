/** Who decided, and when. */
export interface Author {
  readonly by: string
  /** RFC 3339 UTC */
  readonly at: string
}

/**
 * The time of a decision that replaces another one. It is later, also where the clocks of two writers differ: the later
 * decision applies.
 *
 * @param at RFC 3339
 */
export function timeAfter(replaced: Author | undefined, at: string): string {
  const beforeMs = replaced === undefined ? -Infinity : Date.parse(replaced.at)
  return new Date(Math.max(Date.parse(at), beforeMs + 1)).toISOString()
}
