import { openClassId } from '../core/behaviour/any-program.ts'
import type { BehaviourId } from '../core/behaviour/behaviour.ts'
import type { DecisionAction, SpecEntry } from '../core/lifecycle/decided-spec.ts'
import type { Profile } from '../core/profile/profile.ts'
import type { Decider } from '../api/engine.ts'
import type { SpecDecision } from './kubernetes/spec-decision.ts'

/** Decisions of one person and one instant, with the same reason. */
interface ApplicableDecision {
  readonly action: DecisionAction
  readonly by: Decider
  readonly ids: string[]
}

type Standing = SpecEntry & Pick<SpecDecision, 'isGit'>

/**
 * The decisions that a node has to apply to this profile now. One that it applied is not among them.
 *
 * @param objects that decide on the version
 */
export function applicableDecisions(
  profile: Profile,
  objects: readonly SpecDecision[],
): readonly ApplicableDecision[] {
  const applicable = new Map<string, ApplicableDecision>()
  for (const decision of standingIn(objects)) {
    if (!isApplicable(profile, decision)) continue
    const { behaviour, action, by: who, at, reason } = decision
    const name = JSON.stringify([action, at, who, reason])
    const by = { who, at, ...(reason === undefined ? {} : { reason }) }
    const group: ApplicableDecision = applicable.get(name) ?? { action, by, ids: [] }
    group.ids.push(behaviour)
    applicable.set(name, group)
  }
  return [...applicable.values()]
}

/** Of several on one behaviour that of git, else the latest; of one instant, that of the first object. */
function standingIn(objects: readonly SpecDecision[]): Iterable<Standing> {
  const standing = new Map<string, Standing>()
  for (const { decisions, isGit } of objects) {
    for (const decision of decisions) {
      const other = standing.get(decision.behaviour)
      const isBefore = isGit === other?.isGit ? decision.at > other.at : isGit
      if (other === undefined || isBefore) standing.set(decision.behaviour, { ...decision, isGit })
    }
  }
  return standing.values()
}

/**
 * A decision from git applies where another one is in effect, each other one where no later one is. It waits for the
 * behaviour, and an approval for evidence: a person can only approve what was observed, so one that rests on the
 * evidence of another node stays as that node has it.
 */
function isApplicable(profile: Profile, { behaviour, action, by, at, isGit }: Standing): boolean {
  const known = profile.subject(behaviour as BehaviourId)
  // It rests on no evidence. Nothing is taken back that nobody decided.
  const isClass = behaviour === openClassId
  if (known === undefined) return isClass && action !== 'reject'
  const { decision, inherited, isWithoutEvidence } = known
  if (decision !== undefined) {
    const kind = action === 'reject' ? 'rejected' : 'approved'
    if (decision.kind === kind && decision.by === by && decision.at === at) return false
    if (!isGit && decision.at > at) return false
  }
  if (isClass) return action !== 'reject' || decision?.kind === 'approved'
  if (action === 'reject') return true
  // A guardrail fired on it: only a release frees it.
  if (action === 'approve' && known.state === 'quarantined') return false
  return !isWithoutEvidence || inherited !== undefined
}
