import type { AgentReport } from '../../../core/event/agent-report-schema.ts'
import type { SinkView } from '../../../api/sink-view.ts'
import type { StatusView } from '../../../api/status-views.ts'

/** The state of this agent, for a receiver beside the sink of that name. */
export function agentReport(
  status: StatusView,
  sinks: readonly SinkView[],
  sink: string,
  everyMs: number,
): AgentReport {
  const { node, version, state, degraded, sources, containers, alerts, blindImages } = status
  return {
    schema: 'snug.agent/v1',
    time: new Date().toISOString(),
    node,
    version,
    everyMs,
    state,
    blind: sources.flatMap(({ name, reason }) =>
      reason === undefined ? [] : [`${name}: ${reason}`],
    ),
    degraded,
    behindMs: sinks.find(({ name }) => name === sink)?.lagMs ?? 0,
    containers: containers.watched,
    ...(blindImages === undefined ? {} : { blindContainers: containers.blind, blindImages }),
    openAlerts: alerts.open,
  }
}
