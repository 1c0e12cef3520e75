import type { AgentReport } from '../../core/event/agent-report-schema.ts'
import type { NatsAccess } from '../../support/config/nats-access.ts'
import { StreamLog, type StreamSource } from '../../fleet/nats/stream-log.ts'
import { reportIn } from './stream-record.ts'

export interface AgentReportsOptions {
  readonly access: NatsAccess
  /** `subject`: above those of the nodes. */
  readonly source: StreamSource
  readonly onChange: () => void
  readonly onState: (fault: string | undefined) => void
}

/** As many nodes as a cluster can have, and more: what a stream holds must not fill the memory. */
const nodesKept = 20_000

/** The latest report of each agent, from the stream where the agents report. */
export class AgentReports {
  readonly stream: StreamLog
  readonly latest = new Map<string, AgentReport>()

  constructor({ access, source, onChange, onState }: AgentReportsOptions) {
    this.stream = new StreamLog({
      access,
      source: { stream: source.stream, subject: `${source.subject}.*` },
      begin: 'last-of-each',
      onMessage: ({ value, time }) => {
        const report = reportIn(value)
        if (report === undefined) return
        const { node } = report
        if (!this.latest.has(node) && this.latest.size >= nodesKept) return
        const before = this.latest.get(node)
        // The clock of the stream: that of a node may be wrong.
        this.latest.set(node, { ...report, time })
        if (before === undefined || isOther(report, before)) onChange()
      },
      onReset: () => this.latest.clear(),
      onState,
    })
  }
}

/** Whether a view changes by it: times and counts change with each report. */
function isOther(a: AgentReport, b: AgentReport): boolean {
  return (
    a.state !== b.state ||
    a.version !== b.version ||
    JSON.stringify([a.blind, a.degraded]) !== JSON.stringify([b.blind, b.degraded])
  )
}
