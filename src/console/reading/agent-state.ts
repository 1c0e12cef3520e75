import type { AgentReport } from '../../core/event/agent-report-schema.ts'
import type { KnownAgent } from './console-fleet.ts'
import type { AgentState } from './views.ts'

/** What is known of the agent of one node. */
export interface AgentFacts {
  /** Its pod; null where agents are in no pods. */
  readonly agent: KnownAgent | undefined | null
  readonly report: AgentReport | undefined
  /** Agents report their state to the console at all. */
  readonly reports: boolean
}

/** An agent of which that many reports in a row are missing is silent. */
const reportsMissed = 3
/** A record that waits for longer than that is behind: the console promises two seconds where nothing fails. */
const behindMs = 60_000

/** Its latest report is out of date. */
export function isSilent({ time, everyMs }: AgentReport, nowMs: number): boolean {
  return nowMs - Date.parse(time) > everyMs * reportsMissed
}

/** The state of an agent with the reasons for it. The worst one counts; a silent agent's last report is out of date. */
export function agentState(
  { agent, report, reports }: AgentFacts,
  nowMs: number,
): { readonly state: AgentState; readonly reasons: readonly string[] } {
  if (report !== undefined && isSilent(report, nowMs))
    return { state: 'silent', reasons: [`no report since ${report.time}`] }
  if (report === undefined) {
    if (agent === undefined) return { state: 'missing', reasons: ['no agent runs on this node'] }
    if (agent === null) return withoutPod(reports)
    if (agent?.ready !== true)
      return { state: 'silent', reasons: ['the pod of the agent is not ready'] }
    if (reports) return { state: 'silent', reasons: ['its agent has not reported yet'] }
    return { state: 'working', reasons: [] }
  }
  if (report.blind.length > 0) return { state: 'blind', reasons: report.blind }
  if (report.behindMs > behindMs) {
    const seconds = Math.round(report.behindMs / 1_000)
    return { state: 'behind', reasons: [`alerts have waited for ${seconds} s`] }
  }
  if (report.degraded.length > 0) return { state: 'degraded', reasons: report.degraded }
  return { state: 'working', reasons: [] }
}

/** Of a host that has not reported. */
function withoutPod(reports: boolean): ReturnType<typeof agentState> {
  if (reports) return { state: 'silent', reasons: ['its agent has not reported yet'] }
  return { state: 'unknown', reasons: ['the console does not read the reports of the agents'] }
}
