import { type AlertType, type Severity, severities } from '../../../core/event/alert-words.ts'
import type { Alert } from '../../../core/event/alert.ts'
import { personNames } from '../../../core/person/session-person.ts'
import type { ImageRef } from '../../../core/event/event.ts'

/** What a filter looks at of an alert: its texts only where one is wanted. */
type Filtered = Pick<Alert, 'id' | 'severity' | 'type' | 'behaviour' | 'reasons' | 'guardrails'> & {
  readonly [K in
    | 'decision'
    | 'image'
    | 'container'
    | 'process'
    | 'cause'
    | 'samples'
    | 'loaded'
    | 'sessions']?: Alert[K] | undefined
}

/** Selects alerts. Every member that is present must match. */
export interface AlertFilter {
  readonly matches?: (image: ImageRef | undefined) => boolean
  /** This severity and above. */
  readonly severity?: Severity
  readonly type?: AlertType
  readonly state?: 'open' | 'decided'
  /** Its name, or the beginning of its id. */
  readonly container?: string
  /** Who began a session whose events are in it. */
  readonly person?: string
  /** Text in the alert, ignoring case. */
  readonly text?: string
  /** Older than the alert with this id. */
  readonly before?: string
}

export function alertFilter(filter: AlertFilter): (alert: Filtered) => boolean {
  const { matches, severity, type, state, container, person, text, before } = filter
  const floor = severity === undefined ? 0 : severities.indexOf(severity)
  const words = text?.toLowerCase()
  return (alert) => {
    // Ids rise with time.
    if (before !== undefined && alert.id >= before) return false
    if (severities.indexOf(alert.severity) < floor) return false
    if (type !== undefined && alert.type !== type) return false
    if (state !== undefined && (alert.decision === undefined) !== (state === 'open')) return false
    if (container !== undefined && !isOf(alert, container)) return false
    if (person !== undefined && !personNames(alert.sessions).includes(person)) return false
    if (matches !== undefined && !matches(alert.image)) return false
    return words === undefined || hasText(alert).toLowerCase().includes(words)
  }
}

function isOf({ container }: Filtered, wanted: string): boolean {
  return container !== undefined && (container.name === wanted || container.id.startsWith(wanted))
}

function hasText(alert: Filtered): string {
  const { id, behaviour, cause, samples, loaded, reasons } = alert
  const { process, image, container, guardrails, sessions } = alert
  return [
    id,
    behaviour?.text,
    cause?.place,
    ...[...(samples ?? []), ...(loaded ?? [])].map(({ text }) => text),
    ...reasons,
    ...guardrails,
    process?.exe,
    process?.script,
    image?.repository,
    image?.tag,
    container?.name,
    ...personNames(sessions),
  ].join('\n')
}
