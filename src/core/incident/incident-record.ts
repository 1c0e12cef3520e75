import { severities, type Severity } from '../event/alert-words.ts'
import type { View } from '../view.ts'
import type { incidentRecord } from './incident-record-schema.ts'

export type IncidentRecord = View<typeof incidentRecord>

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
