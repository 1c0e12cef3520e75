import { leastBoth, type Recapture, unreported } from '../../../core/coverage/recapture.ts'
import type { CrossCheckView } from '../../../api/status-views.ts'
import type { Pair } from '../../pipeline/judge/cross-source-dedup.ts'

/**
 * The reports of two sources for each kind, and an estimate of what both missed.
 *
 * @param byRule sources that report only events that their rules select
 */
export function crossChecks(
  pairs: readonly Pair[],
  byRule: ReadonlySet<string>,
): readonly CrossCheckView[] {
  const sums = new Map<string, Pair>()
  for (const pair of pairs) {
    const key = `${pair.kind} ${pair.sources.join(' ')}`
    const sum = sums.get(key)
    sums.set(key, sum === undefined ? pair : { ...pair, ...added(sum, pair) })
  }
  return [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, pair]) => viewOf(pair, byRule))
}

function added(a: Recapture, b: Recapture): Recapture {
  return { first: a.first + b.first, second: a.second + b.second, both: a.both + b.both }
}

function viewOf(pair: Pair, byRule: ReadonlySet<string>): CrossCheckView {
  const { kind, sources, first, second, both } = pair
  const estimate = unreported(pair)
  const [a, b] = sources
  const reported = `${kind}: ${first} different events reported by ${a}, ${second} by ${b}, ${both} by both`
  const rules = sources.filter((source) => byRule.has(source))
  // A source with rules does not miss events outside its rules: the estimate covers only selected
  // events.
  const limit =
    rules.length === 0
      ? ''
      : `; ${rules.join(' and ')} reports only events that its rules select, so the estimate covers only these`
  const unknown =
    estimate === undefined
      ? `: too few by both for an estimate (at least ${leastBoth} are needed)`
      : `: about ${round(estimate.expected)} missed by both, at most ${round(estimate.bound)}${limit}`
  return {
    kind,
    sources: [...sources],
    reported: [first, second],
    both,
    ...(estimate === undefined
      ? {}
      : { unreported: estimate.expected, unreportedBound: estimate.bound }),
    sentence: reported + unknown,
  }
}

function round(number: number): string {
  return number < 10 ? (Math.ceil(number * 10) / 10).toString() : Math.ceil(number).toString()
}
