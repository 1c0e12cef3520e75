import type { AlertDecision } from '../../core/event/alert.ts'
import type { Steps } from '../../core/steps.ts'
import { SnugError } from '../../errors.ts'
import type { AgentState } from '../../state/agent-state.ts'
import type { Decider } from '../api/engine.ts'
import type { IncidentClosing, IncidentClosure } from '../api/incident-views.ts'
import type { IncidentAlert, IncidentsNow } from '../queries/incident-groups.ts'
import { alertsOf, incidentOf, viewOf } from '../queries/incident-queries.ts'

/**
 * Acknowledges the open alerts of an incident, as one step with one audit entry. It allows nothing. An alert that joins
 * meanwhile, or becomes graver, stays open: nobody saw it.
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
  const { slices, journal } = context
  const groups = await slices.run('incidents', now.steps())
  const incident = incidentOf(groups, id)
  const seen = await slices.run('incident', viewOf(groups, incident))
  if (seen.revision !== revision) {
    throw new SnugError('REVISION_STALE', 'the incident changed after you read it')
  }
  const open = alertsOf(groups, incident).filter(({ kept }) => kept.decision === undefined)
  const ids = open.map(({ kept }) => kept.id)
  if (dryRun || ids.length === 0) return { incident: seen, acknowledged: ids }
  const at = new Date(context.now()).toISOString()
  const decision: AlertDecision = { kind: 'acknowledged', by: by.who, at, reason }
  const acknowledged = await slices.run('close', acknowledge(context, open, decision))
  const { id: incidentId, title } = seen
  const fields = { incident: incidentId, name: title, reason, alerts: acknowledged }
  journal.audit('incident-close', by.who, fields)
  await journal.decided()
  const after = await slices.run('incidents', now.steps())
  const closed = await slices.run('incident', viewOf(after, incidentOf(after, seen.id)))
  return { incident: closed, acknowledged }
}

function* acknowledge(
  { alerts }: AgentState,
  open: readonly IncidentAlert[],
  decision: AlertDecision,
): Steps<readonly string[]> {
  const acknowledged: string[] = []
  for (const { kept } of open) {
    yield
    const alert = alerts.has(kept.id) ? alerts.get(kept.id) : undefined
    if (alert?.severity !== kept.severity || alert.decision !== undefined) continue
    alerts.decide(alert.id, decision)
    acknowledged.push(alert.id)
  }
  return acknowledged
}
