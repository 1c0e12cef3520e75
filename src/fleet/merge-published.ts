import type { AgentState } from '../agent/records/agent-state.ts'
import { describeBehaviour } from '../core/behaviour/describe.ts'
import { doneFor } from '../core/lifecycle/decided-spec.ts'
import { type Decision, type ProfileEntry, sameDecision } from '../core/profile/profile-entry.ts'
import type { DeployedVersion } from '../agent/records/versions/deployed-version.ts'

interface Group {
  readonly decision: Decision
  readonly changes: object[]
}

/**
 * Merges what one node published. Each decision that applies from now on is on record here too, with its author as the
 * node names them, and with the node.
 */
export function mergePublished(
  journal: Pick<AgentState['journal'], 'audit'>,
  { key, profile }: Pick<DeployedVersion, 'key' | 'profile'>,
  node: string,
  news: readonly ProfileEntry[],
): void {
  const decided = news.filter(({ decision }) => decision !== undefined)
  const before = decided.map(({ id }) => ({
    state: profile.state(id),
    decision: profile.entry(id)?.decision,
  }))
  profile.merge(news)
  const groups = new Map<string, Group>()
  for (const [i, { id }] of decided.entries()) {
    const entry = profile.entry(id)
    const decision = entry?.decision
    if (entry === undefined || decision === undefined) continue
    if (sameDecision(decision, before[i]?.decision)) continue
    const { kind, by, at, reason = '' } = decision
    const name = JSON.stringify([kind, by, at, reason])
    const group = groups.get(name) ?? { decision, changes: [] }
    group.changes.push({
      behaviour: id,
      text: describeBehaviour(entry),
      before: before[i]?.state ?? 'unknown',
      after: profile.state(id) ?? 'gone',
    })
    groups.set(name, group)
  }
  for (const { decision, changes } of groups.values()) {
    const { kind, by, at, reason } = decision
    const fields = { image: key, node, decidedAt: at, changes }
    journal.audit(doneFor[kind], by, reason === undefined ? fields : { ...fields, reason })
  }
}
