import type { Language } from '../behaviour/language.ts'
import { beginningOf } from './folder-of.ts'
import type { PatternClaim } from './kernel-claim.ts'
import { buildAutomaton } from './path-automaton.ts'

/** States that a comparison of one beginning with the expected command lines may need. */
const STATES = 4_096

/**
 * A rejected command line that refuses all that begin like it. Undefined where it is short, or where it would refuse
 * one that is expected. It may refuse one that nobody has judged: that is a deviation all the same.
 *
 * @param expected the languages of what is expected of the same program by the same actor and user
 */
export function shorterRejection(
  claim: PatternClaim,
  expected: readonly Language[],
): PatternClaim | undefined {
  if (claim.origin !== undefined || claim.allowance.object.kind !== 'exec') return undefined
  const pattern = beginningOf(claim.pattern.language)
  if (pattern === undefined) return undefined
  const together = buildAutomaton([pattern.language, ...expected], STATES)
  if (together === undefined) return undefined
  const overlaps = together.sets.some((set) => set.length > 1 && set.includes(0))
  return overlaps ? undefined : { ...claim, pattern }
}
