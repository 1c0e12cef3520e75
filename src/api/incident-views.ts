import { z } from 'zod'
import { alertActions, type Severity } from '../core/event/alert-words.ts'
import type { SeenAlert } from '../core/lifecycle/shared-closing.ts'
import { linkKinds } from '../core/incident/incident-links.ts'
import type { View } from '../core/view.ts'
import { alertDecision } from '../core/event/alert-schema.ts'
import { type IncidentState, incidentStates } from './terms.ts'
import { bySeverity, count, maybe, severity, text, texts } from './view-parts.ts'

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
const incidentView = z.object({
  /** Of the alert that was raised first. The id of each of its alerts names it too. */
  id: text,
  /** To be sent with a decision. It changes when an alert joins or is decided on. */
  revision: text,
  title: text,
  /** Of its gravest alert. */
  severity,
  state: z.enum(incidentStates),
  firstSeen: text,
  lastSeen: text,
  alerts: count,
  /** Alerts without a decision. */
  open: count,
  /** Events in all its alerts. */
  events: count,
  /** Alerts by severity. */
  severities: bySeverity,
  containers: count,
  /** Workloads, or containers without one: the first few. */
  places: texts,
  /** Repositories */
  images: texts,
  /** Names of those who began its sessions. */
  persons: texts,
  /** MITRE ATT&CK technique ids. */
  attack: texts,
  guardrails: texts,
  /** The latest earlier incident with the same grave behaviour in the same image. */
  follows: maybe,
  /** The latest decision, where none is missing. */
  closed: alertDecision.exactOptional(),
})
export type IncidentView = View<typeof incidentView>

export const incidentPage = z.object({
  /** Incidents that match, in all. */
  total: count,
  /** Gravest first, and then latest first. */
  incidents: z.array(incidentView),
  /** Open alerts in no incident, by severity: novelty, and losses. */
  outside: bySeverity,
})
export type IncidentPage = View<typeof incidentPage>

const incidentStep = z.object({
  firstSeen: text,
  lastSeen: text,
  severity,
  action: z.enum(alertActions),
  actor: text,
  text,
  /** The first of its alerts. */
  alert: text,
  alerts: count,
  containers: count,
  events: count,
})
export type IncidentStep = View<typeof incidentStep>

const incidentMember = z.object({
  alert: text,
  severity,
  because: text,
  /** What it has in common with `with`; absent of the alert that the incident is named after. */
  link: z.enum(linkKinds).exactOptional(),
  /** Id of an alert of the incident. */
  with: maybe,
  decision: alertDecision.shape.kind.exactOptional(),
})
export type IncidentMemberView = View<typeof incidentMember>

export const incidentStory = incidentView.extend({
  /** Equal alerts of all containers are one step. The gravest ones, in order of time. */
  steps: z.array(incidentStep),
  /** The gravest alerts, each with the reason why it is in the incident. */
  members: z.array(incidentMember),
  /** Steps and alerts that are left out. */
  left: z.object({ steps: count, members: count }),
})
export type IncidentStory = View<typeof incidentStory>

export interface IncidentClosing {
  /** Of the incident as a person saw it. */
  readonly revision: string
  /** Changes nothing: the answer shows what would change. */
  readonly dryRun?: boolean
}

/** An incident of the fleet, as far as it is on this node. */
export interface SeenIncident {
  /** Where it was closed. */
  readonly id: string
  readonly title: string
  readonly alerts: readonly SeenAlert[]
}

export const incidentClosure = z.object({
  incident: incidentView,
  /** Ids of the alerts that are acknowledged with it. */
  acknowledged: texts,
})
export type IncidentClosure = View<typeof incidentClosure>

/** Names the place of an incident in the list. */
export function incidentCursor({ severity, id }: Pick<IncidentView, 'severity' | 'id'>): string {
  return `${severity} ${id}`
}
