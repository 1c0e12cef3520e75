import { severities, type Severity } from '../event/alert-words.ts'
import type { AlertDecision } from '../event/alert.ts'

export const incidentRecordStates = ['open', 'closed', 'ended'] as const
/**
 * `open`: an alert of it has no decision. `ended`: no alerts form it any more. They belong to another incident, or the
 * node no longer keeps them.
 */
export type IncidentRecordState = (typeof incidentRecordStates)[number]

/** `snug.incident/v1`: a whole incident, as it was at one moment. */
export interface IncidentRecord {
  readonly schema: 'snug.incident/v1'
  /** Of this record. Ids of all records of a node share one order. */
  readonly id: string
  readonly time: string
  readonly node: string
  readonly type: 'incident'
  /** Id of the incident: that of the alert that was raised first. */
  readonly incident: string
  /** 1 for the first record of the incident, and one more for each later one. */
  readonly revision: number
  readonly state: IncidentRecordState
  /** Of its gravest alert so far: it only rises. */
  readonly severity: Severity
  readonly title: string
  readonly firstSeen: string
  readonly lastSeen: string
  readonly alerts: number
  /** Alerts without a decision. */
  readonly open: number
  /** Events in all its alerts. */
  readonly events: number
  /** Alerts by severity. */
  readonly severities: Readonly<Record<Severity, number>>
  readonly containers: number
  /** Workloads, or containers without one: the first few. */
  readonly places: readonly string[]
  /** Repositories of its alerts so far. */
  readonly images: readonly string[]
  /** Namespaces of its alerts so far. */
  readonly namespaces: readonly string[]
  readonly persons: readonly string[]
  readonly attack: readonly string[]
  readonly guardrails: readonly string[]
  /** Its gravest alerts. `alerts` is how many there are. */
  readonly alertIds: readonly string[]
  /** The latest earlier incident with the same grave behaviour in the same image. */
  readonly follows?: string
  /** The incident that its alerts belong to now. */
  readonly into?: string
  /** The latest decision, where none is missing. */
  readonly closed?: AlertDecision
}

/** What decides whether an incident is sent again. */
export interface IncidentSketch {
  readonly state: 'open' | 'closed'
  readonly severity: Severity
  readonly alerts: number
  readonly open: number
  readonly persons: number
  readonly techniques: number
}

/** The least time between two records of an incident that only grows. */
export const updateMs = 60_000

/**
 * Whether a record of the incident is due, and when. It follows from the last record and the alerts alone, so that a
 * restart repeats nothing and forgets nothing. What was closed before its first record is no news.
 */
export function incidentNews(
  last: IncidentRecord | undefined,
  { state, severity, alerts, open, persons, techniques }: IncidentSketch,
): 'at-once' | 'later' | undefined {
  if (last === undefined) return state === 'open' ? 'at-once' : undefined
  if (last.state !== state || graverOf(severity, last.severity) !== last.severity) return 'at-once'
  // Its decided alerts may be evicted.
  if (state === 'closed') return undefined
  const isSame =
    last.alerts === alerts &&
    last.open === open &&
    last.persons.length === persons &&
    last.attack.length === techniques
  return isSame ? undefined : 'later'
}

export function graverOf(a: Severity, b: Severity): Severity {
  return severities.indexOf(a) > severities.indexOf(b) ? a : b
}
