import type { Alert, AlertDecision, Severity } from '../core/event/alert.ts'
import type { LinkKind } from '../core/incident/incident-links.ts'

export const incidentStates = ['open', 'closed'] as const
/** `open`: a person still has to decide on an alert of it. */
export type IncidentState = (typeof incidentStates)[number]

export interface IncidentQuery {
  readonly state?: IncidentState
  /** This severity and above. */
  readonly severity?: Severity
  /** Only those with a container of this repository. */
  readonly image?: string
  /** Only those behind the one that this names: {@link incidentCursor}. */
  readonly after?: string
  readonly limit: number
}

/** Alerts that hang together: what one intruder did, as far as that shows. */
export interface IncidentView {
  /** Of the alert that was raised first. The id of each of its alerts names it too. */
  readonly id: string
  /** To be sent with a decision. It changes when an alert joins or is decided on. */
  readonly revision: string
  readonly title: string
  /** Of its gravest alert. */
  readonly severity: Severity
  readonly state: IncidentState
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
  /** Repositories */
  readonly images: readonly string[]
  /** Names of those who began its sessions. */
  readonly persons: readonly string[]
  /** MITRE ATT&CK technique ids. */
  readonly attack: readonly string[]
  readonly guardrails: readonly string[]
  /** The latest earlier incident with the same grave behaviour in the same image. */
  readonly follows?: string
  /** The latest decision, where none is missing. */
  readonly closed?: AlertDecision
}

export interface IncidentPage {
  /** Incidents that match, in all. */
  readonly total: number
  /** Gravest first, and then latest first. */
  readonly incidents: readonly IncidentView[]
  /** Open alerts in no incident, by severity: novelty, and losses. */
  readonly outside: Readonly<Record<Severity, number>>
}

export interface IncidentStory extends IncidentView {
  /** Equal alerts of all containers are one step. The gravest ones, in order of time. */
  readonly steps: readonly IncidentStep[]
  /** The gravest alerts, each with the reason why it is in the incident. */
  readonly members: readonly IncidentMemberView[]
  /** Steps and alerts that are left out. */
  readonly left: { readonly steps: number; readonly members: number }
}

export interface IncidentStep {
  readonly firstSeen: string
  readonly lastSeen: string
  readonly severity: Severity
  readonly action: Alert['action']
  readonly actor: string
  readonly text: string
  /** The first of its alerts. */
  readonly alert: string
  readonly alerts: number
  readonly containers: number
  readonly events: number
}

export interface IncidentMemberView {
  readonly alert: string
  readonly severity: Severity
  readonly because: string
  /** What it has in common with `with`; absent of the alert that the incident is named after. */
  readonly link?: LinkKind
  /** Id of an alert of the incident. */
  readonly with?: string
  readonly decision?: AlertDecision['kind']
}

export interface IncidentClosing {
  /** Of the incident as a person saw it. */
  readonly revision: string
  /** Changes nothing: the answer shows what would change. */
  readonly dryRun?: boolean
}

export interface IncidentClosure {
  readonly incident: IncidentView
  /** Ids of the alerts that are acknowledged with it. */
  readonly acknowledged: readonly string[]
}

/** Names the place of an incident in the list. */
export function incidentCursor({ severity, id }: Pick<IncidentView, 'severity' | 'id'>): string {
  return `${severity} ${id}`
}
