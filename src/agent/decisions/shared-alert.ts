import type { Alert, AlertCause } from '../../core/event/alert.ts'
import type { BehaviourId } from '../../core/behaviour/behaviour.ts'
import { programOf } from '../../core/lifecycle/component.ts'
import { type Cause, causeOf, instanceGroup, rowKindOf } from '../../core/match/cause.ts'
import type { LiveEntry } from '../../core/profile/live-entry.ts'
import type { Steps } from '../../core/steps.ts'
import type { KeptAlert } from '../records/alerts/kept-alert.ts'
import { wideId } from '../records/alerts/cause-fingerprint.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'

/**
 * The behaviours that share an alert and wait for a decision, as its container showed them. `others`: of alerts, each open
 * one decides its own cause.
 */
export function* sharersOf(
  version: DeployedVersion,
  alert: Alert,
  others: Iterable<KeptAlert>,
): Steps<readonly BehaviourId[]> {
  const { cause, container } = alert
  if (cause?.firstRun === true) return yield* partsOfRun(version, alert)
  if (cause?.component !== undefined) return yield* partsOf(version, cause)
  if (cause === undefined || container === undefined || cause.names < 2) return []
  const isOfAlert = cause.wide === true ? sharedBy(alert, others) : isOfCause(cause.id)
  const ids: BehaviourId[] = []
  for (const entry of version.profile.outline()) {
    yield
    if (!isWaiting(entry, alert) || !entry.isShownBy(container.id)) continue
    if (isOfAlert(entry)) ids.push(entry.id)
  }
  return ids
}

/** What a component has shown so far of the causes that its alert has, in all containers. */
function* partsOf(
  version: DeployedVersion,
  { place, component = [] }: AlertCause,
): Steps<readonly BehaviourId[]> {
  const causes = new Set(component.map(({ id }) => id))
  const ids: BehaviourId[] = []
  for (const entry of version.profile.outline()) {
    yield
    if (programOf(entry.actor) !== place || entry.state === 'quarantined') continue
    if (causes.has(causeOf(entry).id)) ids.push(entry.id)
  }
  return ids
}

/** Behaviours of a script and of the programs that it ran, in its container. */
function* partsOfRun(version: DeployedVersion, alert: Alert): Steps<readonly BehaviourId[]> {
  const causes = new Set(alert.cause?.component?.map(({ id }) => id))
  const ids: BehaviourId[] = []
  for (const entry of version.profile.outline()) {
    yield
    if (!isWaiting(entry, alert) || !entry.isShownBy(alert.container?.id ?? '')) continue
    if (causes.has(causeOf(entry).id)) ids.push(entry.id)
  }
  return ids
}

type Entry = Readonly<LiveEntry>

function isOfCause(id: string): (entry: Entry) => boolean {
  return (entry) => causeOf(entry).id === id
}

/** Whether a behaviour is of those causes that share the alert, and of none that another alert has. */
function sharedBy(
  { id, cause, container }: Alert,
  others: Iterable<KeptAlert>,
): (entry: Entry) => boolean {
  const own = new Set((cause?.parts ?? []).map((part) => part.id))
  const apart = new Set<string>()
  for (const other of others) {
    if (other.id === id || other.containerId !== container?.id) continue
    if (other.decision !== undefined) continue
    for (const each of [other.cause, ...(other.cause?.parts ?? [])]) apart.add(each?.id ?? '')
  }
  const instance = cause?.instance
  const isWithin = (entry: Entry, one: Cause): boolean => {
    if (instance === undefined)
      return cause?.id === wideId(one) || cause?.id === wideId(one, rowKindOf(entry.object))
    const group = instanceGroup(entry, instance)
    return group !== undefined && cause?.id === wideId({ group })
  }
  return (entry) => {
    const one = causeOf(entry)
    if (!isWithin(entry, one)) return false
    return own.has(one.id) || !apart.has(one.id)
  }
}

/** Behaviour with a guardrail is decided only through an alert of that guardrail. */
function isWaiting(entry: Readonly<LiveEntry>, { guardrails }: Alert): boolean {
  if (entry.state === 'pending') return true
  if (entry.state !== 'quarantined') return false
  const fired = [...entry.allCells()].flatMap((cell) => [...cell.guardrails])
  return fired.length > 0 && fired.every((id) => guardrails.includes(id))
}
