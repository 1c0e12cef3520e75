import type { Alert } from '../../core/event/alert.ts'
import type { BehaviourId } from '../../core/behaviour/behaviour.ts'
import { causeOf } from '../../core/match/cause.ts'
import type { LiveEntry } from '../../core/profile/live-entry.ts'
import type { Steps } from '../../core/steps.ts'
import type { DeployedVersion } from '../../state/versions/deployed-version.ts'

/**
 * The behaviours that share an alert and wait for a decision, as its container showed them. `others`: open alerts, of
 * which each decides its own cause.
 */
export function* sharersOf(
  version: DeployedVersion,
  alert: Alert,
  others: Iterable<Alert>,
): Steps<readonly BehaviourId[]> {
  const { cause, container } = alert
  if (cause === undefined || container === undefined || cause.names < 2) return []
  const apart = new Set<string>()
  if (cause.wide === true) {
    for (const other of others) {
      if (other.container?.id === container.id) apart.add(other.cause?.id ?? '')
    }
  }
  const ids: BehaviourId[] = []
  for (const entry of version.profile.outline()) {
    yield
    if (!isWaiting(entry, alert) || !entry.isShownBy(container.id)) continue
    const { id, group } = causeOf(entry)
    const isShared =
      cause.wide === true ? cause.id === `w${group}` && !apart.has(id) : cause.id === id
    if (isShared) ids.push(entry.id)
  }
  return ids
}

/** Behaviour with a guardrail is decided only through an alert of that guardrail. */
function isWaiting(entry: Readonly<LiveEntry>, { guardrails }: Alert): boolean {
  if (entry.state === 'pending') return true
  if (entry.state !== 'quarantined') return false
  const fired = [...entry.allCells()].flatMap((cell) => [...cell.guardrails])
  return fired.length > 0 && fired.every((id) => guardrails.includes(id))
}
