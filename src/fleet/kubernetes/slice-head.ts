import {
  bestDecisionTime,
  type DecisionTime,
  type DecisionTimes,
  groupDecisionTimes,
  decisionTimesOf,
  type TimedDecisions,
} from '../../core/lifecycle/reported.ts'
import type { ModeDecision } from '../../core/lifecycle/mode-decision.ts'

/** What a node publishes for a version beside its behaviours: in the first of its slices. */
export interface SliceHead {
  /** Since when the node's window has ended with nothing missing; RFC 3339. */
  readonly learnedAt?: string
  /** The latest decision on the mode that a person made at this node. */
  readonly mode?: ModeDecision
  /** Times of the decisions in the ImageProfile. */
  readonly reconciled?: ReconciledSpec
  /** The same of the ImageProfile without a scope. */
  readonly reconciledForAll?: ReconciledSpec
}

interface ReconciledSpec {
  /** Uid of the ImageProfile. */
  readonly profile: string
  readonly decisions: readonly TimedDecisions[]
}

/** What a node has for its head, published or not. */
export interface OwnHead {
  readonly learnedAt?: string
  readonly mode?: ModeDecision
  readonly reconciled?: OwnTimes
  readonly reconciledForAll?: OwnTimes
}

interface OwnTimes {
  /** Uid of the ImageProfile. */
  readonly profile: string
  readonly decisions: DecisionTimes
}

/** Times from several nodes, by decision. */
export function decisionTimesIn(
  heads: readonly SliceHead[],
  profile: string,
): ReadonlyMap<string, readonly DecisionTime[]> {
  const all = new Map<string, DecisionTime[]>()
  for (const { reconciled, reconciledForAll } of heads) {
    for (const spec of [reconciled, reconciledForAll]) {
      if (spec?.profile !== profile) continue
      for (const [decision, time] of decisionTimesOf(spec.decisions)) {
        all.set(decision, [...(all.get(decision) ?? []), time])
      }
    }
  }
  return all
}

/**
 * The next head of a node. A published decision on the mode stays published, even after the node itself lost it. A
 * decision time is published only if no other node published the same.
 */
export function nextHead(
  { learnedAt, mode, ...own }: OwnHead,
  written: SliceHead,
  others: readonly SliceHead[],
): SliceHead {
  const decision = mode ?? written.mode
  const reconciled = unshared(own.reconciled, written, others)
  const reconciledForAll = unshared(own.reconciledForAll, written, others)
  return {
    ...(learnedAt === undefined ? {} : { learnedAt }),
    ...(decision === undefined ? {} : { mode: decision }),
    ...(reconciled === undefined ? {} : { reconciled }),
    ...(reconciledForAll === undefined ? {} : { reconciledForAll }),
  }
}

/** Whether there is something in it that is worth a write. Of windows that ended one node's is enough. */
export function isWorthWriting(
  next: SliceHead,
  written: SliceHead,
  othersLearned: boolean,
): boolean {
  const { learnedAt, mode, reconciled, reconciledForAll } = next
  if (mode !== undefined && mode.at !== written.mode?.at) return true
  if (!isReconciled(reconciled, written.reconciled)) return true
  if (!isReconciled(reconciledForAll, written.reconciledForAll)) return true
  // The node takes back its own published window when it no longer ended at that time.
  return written.learnedAt !== learnedAt && (written.learnedAt !== undefined || !othersLearned)
}

function unshared(
  own: OwnTimes | undefined,
  written: SliceHead,
  others: readonly SliceHead[],
): ReconciledSpec | undefined {
  if (own === undefined) return undefined
  const { profile } = own
  const before = decisionTimesIn([written], profile)
  const theirs = decisionTimesIn(others, profile)
  const isOurs = ([decision, time]: readonly [string, DecisionTime]): boolean =>
    before.has(decision) || bestDecisionTime([...(theirs.get(decision) ?? []), time]) === time
  const decisions = groupDecisionTimes(new Map([...own.decisions].filter(isOurs)))
  return decisions.length === 0 ? undefined : { profile, decisions }
}

function isReconciled(
  next: ReconciledSpec | undefined,
  written: ReconciledSpec | undefined,
): boolean {
  if (next === undefined) return true
  const { profile, decisions } = next
  if (written?.profile !== profile) return false
  const known = decisionTimesOf(written.decisions)
  return [...decisionTimesOf(decisions)].every(([decision, { after, generation, at }]) => {
    const time = known.get(decision)
    return time?.after === after && time.generation === generation && time.at === at
  })
}
