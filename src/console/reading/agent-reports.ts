import { z } from 'zod'
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

const laterReport = z.looseObject({
  schema: z.string().regex(/^snug\.agent\/v(?!1$)\d{1,3}$/),
  node: z.string().regex(/^[\w.-]{1,253}$/),
})

/** The latest report of each agent, from the stream where the agents report. */
export class AgentReports {
  readonly stream: StreamLog
  readonly latest = new Map<string, AgentReport>()
  /** By node: the format of a report that only a later version can read. */
  readonly #later = new Map<string, string>()

  readonly #onChange: () => void

  constructor({ access, source, onChange, onState }: AgentReportsOptions) {
    this.#onChange = onChange
    this.stream = new StreamLog({
      access,
      source: { stream: source.stream, subject: `${source.subject}.*` },
      begin: 'last-of-each',
      onMessage: ({ value, time }) => {
        const report = reportIn(value)
        if (report === undefined) {
          this.#tooLate(value)
          return
        }
        const { node } = report
        if (!this.latest.has(node) && this.latest.size >= nodesKept) return
        const before = this.latest.get(node)
        this.#later.delete(node)
        // The clock of the stream: that of a node may be wrong.
        this.latest.set(node, { ...report, time })
        if (before === undefined || isOther(report, before)) onChange()
      },
      onReset: () => {
        this.latest.clear()
        this.#later.clear()
      },
      onState,
    })
  }

  /** Which reports are not read, with a code. */
  get ignored(): string | undefined {
    const [first] = this.#later
    if (first === undefined) return undefined
    const [node, format] = first
    const others = this.#later.size === 1 ? '' : `, and ${this.#later.size - 1} more`
    const what = `the report of \`${node}\` is ignored: this console does not read \`${format}\``
    return `${what} (FLEET_VALUE_INVALID)${others}`
  }

  #tooLate(value: unknown): void {
    const { data } = laterReport.safeParse(value)
    if (data === undefined || this.#later.size >= nodesKept) return
    const isNews = this.#later.get(data.node) !== data.schema
    this.#later.set(data.node, data.schema)
    if (isNews) this.#onChange()
  }
}

/** Whether a view changes by it: times and counts change with each report. */
function isOther(a: AgentReport, b: AgentReport): boolean {
  return (
    a.state !== b.state ||
    a.version !== b.version ||
    JSON.stringify([a.blind, a.degraded, a.blindImages]) !==
      JSON.stringify([b.blind, b.degraded, b.blindImages])
  )
}
