import type { AlertDecision } from '../../core/event/alert.ts'
import type { SeenAlert } from '../../core/lifecycle/shared-closing.ts'
import { SnugError } from '../../errors.ts'
import type { AgentState } from '../records/agent-state.ts'
import type { Decider } from '../../api/engine.ts'
import type { IncidentClosing, IncidentClosure, SeenIncident } from '../../api/incident-views.ts'
import type { IncidentsNow } from '../reading/incident-groups.ts'
import { alertsOf, incidentOf, viewOf } from '../reading/incident-queries.ts'

/** Alerts that are decided on in one step, with one audit entry: judging waits meanwhile. */
const atOnce = 500

/**
 * Acknowledges the open alerts of an incident. It allows nothing. An alert that joins meanwhile, or becomes graver, stays
 * open: nobody saw it.
 *
 * Errors: DECISION_INVALID without a reason, INCIDENT_UNKNOWN, REVISION_STALE
 */
export async function closeIncident(
  context: AgentState,
  now: IncidentsNow,
  id: string,
  { revision, dryRun = false }: IncidentClosing,
  by: Decider,
): Promise<IncidentClosure> {
  const { reason } = by
  if (reason === undefined) throw new SnugError('DECISION_INVALID', 'a reason is required')
  const { slices } = context
  const groups = await slices.run('incidents', now.steps())
  const incident = incidentOf(groups, id)
  const seen = await slices.run('incident', viewOf(groups, incident))
  if (seen.revision !== revision) {
    throw new SnugError('REVISION_STALE', 'the incident changed after you read it')
  }
  const open = alertsOf(groups, incident).filter(({ kept }) => kept.decision === undefined)
  if (dryRun) return { incident: seen, acknowledged: open.map(({ kept }) => kept.id) }
  const alerts = open.map(({ kept }) => kept)
  const acknowledged = await closeSeen(context, { id: seen.id, title: seen.title, alerts }, by)
  const after = await slices.run('incidents', now.steps())
  const closed = await slices.run('incident', viewOf(after, incidentOf(after, seen.id)))
  return { incident: closed, acknowledged }
}

/** Errors: DECISION_INVALID without a reason, STORE_FAILED */
export async function closeSeen(
  context: AgentState,
  { id: incident, title: name, alerts: seen }: SeenIncident,
  { who, reason }: Decider,
): Promise<readonly string[]> {
  if (reason === undefined) throw new SnugError('DECISION_INVALID', 'a reason is required')
  const { journal } = context
  const at = new Date(context.now()).toISOString()
  const decision: AlertDecision = { kind: 'acknowledged', by: who, at, reason }
  // Neighbours are packed together.
  const ordered = seen.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const acknowledged: string[] = []
  for (let from = 0; from < ordered.length; from += atOnce) {
    // INVARIANT: nothing is awaited between the decisions and their entry, so that one batch stores both.
    const alerts = acknowledge(context, ordered.slice(from, from + atOnce), decision)
    if (alerts.length === 0) continue
    acknowledged.push(...alerts)
    journal.audit('incident-close', who, { incident, name, reason, alerts })
    await journal.decided()
  }
  return acknowledged
}

function acknowledge(
  { alerts }: AgentState,
  open: readonly SeenAlert[],
  decision: AlertDecision,
): readonly string[] {
  const acknowledged: string[] = []
  for (const { id, severity } of open) {
    const alert = alerts.has(id) ? alerts.get(id) : undefined
    if (alert?.severity !== severity || alert.decision !== undefined) continue
    alerts.decide(id, decision)
    acknowledged.push(id)
  }
  return acknowledged
}
