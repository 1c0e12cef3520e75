import type { Alert } from '../../core/event/alert.ts'
import { hashedFileOf, hashText } from '../../core/event/file-hash.ts'
import { isoOf } from '../../core/event/time.ts'
import type { BehaviourId } from '../../core/behaviour/behaviour.ts'
import { personTexts } from '../../core/person/session-person.ts'
import type { Steps } from '../../core/steps.ts'
import type { LiveEntry } from '../../core/profile/live-entry.ts'
import { userOf, userText } from '../../core/behaviour/user.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import { alertRevisionOf } from './live/revision.ts'
import type { Outlined } from './behaviour-index.ts'
import type { AlertStory, Ancestor, StoryStep } from '../../api/alert-rows.ts'
import type { KeptAlert } from '../records/alerts/kept-alert.ts'

const stepsShown = 60
/**
 * The time around an event of the service itself in which its container is shown; an exec session is shown as a whole.
 */
const aroundMs = 30 * 60_000

/**
 * Causes and consequences of an alert: the other alerts of its session or container, and the known behaviours that were
 * seen there for the first time around it.
 */
export function* storyOf(
  alert: Alert,
  alerts: Iterable<KeptAlert>,
  version: DeployedVersion | undefined,
  outline: readonly Outlined[],
): Steps<AlertStory> {
  const session = alert.process?.session
  const scope = session === undefined ? 'container' : 'session'
  const steps: StoryStep[] = []
  const reported = new Set<string>()
  let alike = 0
  for (const other of alerts) {
    yield
    if (isAlike(alert, other)) alike += 1
    if (!isOfStory(alert, other, session)) continue
    steps.push(alertStep(other.whole))
    if (other.behaviourId !== undefined) reported.add(other.behaviourId)
  }
  if (version !== undefined) {
    yield* addSeenSteps(steps, alert, outline, session, reported)
  }
  steps.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
  const { shown, left } = around(steps, alert.id)
  const revision = alertRevisionOf(alert)
  const ancestry = yield* ancestryOf(alert, outline)
  const inProfile =
    alert.behaviour !== null && version?.profile.has(alert.behaviour.id as BehaviourId) === true
  const files = [...hashedFileOf(alert.event), ...(alert.files ?? [])]
  const hashes = files.map((file) => ({ path: file.path, text: hashText(file) }))
  const persons = personTexts(alert.sessions)
  return { alert, revision, ancestry, scope, steps: shown, left, hashes, persons, alike, inProfile }
}

function isAlike(alert: Alert, other: KeptAlert): boolean {
  if (other.id === alert.id || other.decision !== undefined) return false
  if (alert.behaviour === null || other.behaviourId !== alert.behaviour.id) return false
  return other.image?.repository === alert.image?.repository
}

function isOfStory(alert: Alert, other: KeptAlert, session: string | undefined): boolean {
  if (other.id === alert.id) return true
  if (alert.container === undefined || other.containerId !== alert.container.id) return false
  if (session !== undefined) return other.process?.session === session
  return isNear(Date.parse(other.firstSeen), alert)
}

function isNear(ms: number, { firstSeen, lastSeen }: Alert): boolean {
  return ms >= Date.parse(firstSeen) - aroundMs && ms <= Date.parse(lastSeen) + aroundMs
}

function alertStep(alert: Alert): StoryStep {
  const { firstSeen, event, behaviour, reasons, process, count, id, severity, action } = alert
  return {
    time: firstSeen,
    kind: event.kind,
    text: behaviour?.text ?? reasons[0] ?? event.kind,
    actor: process?.script ?? process?.exe ?? 'the agent',
    ...(process === undefined ? {} : { user: userText(userOf(process)) }),
    count,
    alert: id,
    severity,
    action,
  }
}

function* addSeenSteps(
  steps: StoryStep[],
  alert: Alert,
  outline: readonly Outlined[],
  session: string | undefined,
  reported: ReadonlySet<string>,
): Steps<void> {
  const container = alert.container?.id
  if (container === undefined) return
  for (const { entry, actor, text } of outline) {
    yield
    if (reported.has(entry.id)) continue
    for (const cell of entry.cellsOf(container)) {
      if (cell.session !== session) continue
      if (session === undefined && !isNear(cell.first / 1_000, alert)) continue
      const { count, first } = cell
      const { uid, object } = entry
      const user = userText(uid)
      steps.push({ time: isoOf(first), kind: object.kind, text, actor, user, count })
    }
  }
}

function around(
  steps: readonly StoryStep[],
  id: string,
): { readonly shown: readonly StoryStep[]; readonly left: AlertStory['left'] } {
  const at = steps.findIndex(({ alert }) => alert === id)
  const from = Math.max(0, at - stepsShown)
  const to = Math.min(steps.length, at + 1 + stepsShown)
  return { shown: steps.slice(from, to), left: { before: from, after: steps.length - to } }
}

function* ancestryOf({ process }: Alert, outline: readonly Outlined[]): Steps<readonly Ancestor[]> {
  if (process === undefined) return []
  const known = new Set<string>()
  for (const { entry } of outline) {
    yield
    if (isExpected(entry)) for (const name of namesOf(entry)) known.add(name)
  }
  const outermost = [...(process.ancestors ?? [])].reverse()
  return [...outermost, process.script ?? process.exe].map((exe) => ({
    exe,
    known: known.has(exe),
  }))
}

function isExpected({ state }: Readonly<LiveEntry>): boolean {
  return state === 'learned' || state === 'approved'
}

function namesOf({ actor, object }: Readonly<LiveEntry>): readonly string[] {
  const own = [actor.exe, ...(actor.script === undefined ? [] : [actor.script])]
  if (object.kind !== 'exec') return own
  return [...own, object.path, ...(object.script === undefined ? [] : [object.script])]
}
