import type { NatsConnection } from '@nats-io/transport-node'
import type { AgentReport } from '../../../core/event/agent-report-schema.ts'
import { reportSubject } from '../../../core/event/agent-report.ts'
import { describeError } from '../../../errors.ts'
import type { Log } from '../../../support/telemetry/log.ts'
import { connectNats } from './sinks/nats-connection.ts'
import type { NatsAccess } from '../../../support/config/nats-access.ts'

/** Where an agent reports its state. */
export interface ReportTarget {
  /** Name of the sink that it goes beside. */
  readonly sink: string
  readonly access: NatsAccess
  /** Above that of the node. */
  readonly subject: string
  readonly everyMs: number
}

export interface AgentReporterOptions {
  /** As they are configured now. */
  readonly targets: () => readonly ReportTarget[]
  readonly report: (target: ReportTarget) => AgentReport
  readonly log: Log
}

interface Reached {
  readonly connection: NatsConnection
  readonly spec: string
}

const lookMs = 1_000

/**
 * Reports the state of this agent, again and again, so that an agent that does not work is seen to be silent. A report
 * does not wait in a queue behind alerts, and one that cannot be sent is dropped: the next one says more.
 */
export class AgentReporter {
  readonly #options: AgentReporterOptions
  readonly #reached = new Map<string, Reached>()
  /** Sink → when its next report is due, in epoch milliseconds. */
  readonly #due = new Map<string, number>()
  readonly #failing = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #turn: Promise<void> = Promise.resolve()

  constructor(options: AgentReporterOptions) {
    this.#options = options
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#turn = this.#turn.then(() => this.#look())
    }, lookMs).unref()
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#turn
    for (const name of this.#reached.keys()) await this.#drop(name)
  }

  async #look(): Promise<void> {
    const targets = this.#options.targets()
    for (const name of this.#reached.keys()) {
      if (!targets.some(({ sink }) => sink === name)) await this.#drop(name)
    }
    const now = Date.now()
    const due = targets.filter(({ sink }) => now >= (this.#due.get(sink) ?? 0))
    await Promise.all(due.map((target) => this.#send(target, now)))
  }

  async #send(target: ReportTarget, now: number): Promise<void> {
    const { sink, subject, everyMs, access } = target
    this.#due.set(sink, now + everyMs)
    try {
      const report = this.#options.report(target)
      const connection = await this.#connectionTo(target)
      const { default: streams } = await import('@nats-io/jetstream')
      const js = streams.jetstream(connection, { timeout: access.timeoutMs })
      await js.publish(reportSubject(subject, report.node), JSON.stringify(report), { retries: 0 })
      this.#failing.delete(sink)
    } catch (error) {
      await this.#drop(sink)
      const first = !this.#failing.has(sink)
      this.#failing.add(sink)
      const because = describeError(error)
      if (first)
        this.#options.log.warn({ sink, because }, 'the state of this agent was not reported')
    }
  }

  async #connectionTo(target: ReportTarget): Promise<NatsConnection> {
    const spec = JSON.stringify(target.access)
    const known = this.#reached.get(target.sink)
    if (known?.spec === spec && !known.connection.isClosed()) return known.connection
    await this.#drop(target.sink)
    const connection = await connectNats(target.access)
    this.#reached.set(target.sink, { connection, spec })
    return connection
  }

  async #drop(name: string): Promise<void> {
    const { connection } = this.#reached.get(name) ?? {}
    this.#reached.delete(name)
    await connection?.close().catch(() => undefined)
  }
}
