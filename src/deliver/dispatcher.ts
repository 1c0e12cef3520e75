import type { Alert } from '../event/alert.ts'
import type { Sink } from './sink.ts'

export interface DispatcherOptions {
  /** Greatest alert id that each sink has for good, from before the restart. */
  readonly cursors: Readonly<Record<string, string>>
  readonly onError: (sink: string, error: unknown, waitMs: number) => void
  readonly onDelivered: (sink: string, cursor: string, alerts: number) => void
}

/**
 * Gives every sink every alert at least once, in order, each at the sink's own pace: one that is down or
 * slow delays no other. What it gives was stored before; after a restart it begins at the sink's cursor.
 * Alerts of which only the count rose are given again, folded to their newest state while they wait.
 */
export class Dispatcher {
  readonly #lanes: readonly Lane[]

  constructor(sinks: readonly Sink[], options: DispatcherOptions) {
    this.#lanes = sinks.map((sink) => new Lane(sink, options))
  }

  /** Alerts as the store has them, oldest first: each sink takes those past its cursor. */
  resume(alerts: readonly Alert[]): void {
    for (const lane of this.#lanes) lane.offer(alerts.filter((alert) => alert.id > lane.cursor))
  }

  offer(alerts: readonly Alert[]): void {
    for (const lane of this.#lanes) lane.offer(alerts)
  }

  /** Sink name → alerts that wait. */
  get waiting(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#lanes.map((lane) => [lane.name, lane.size]))
  }

  async reopen(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.reopen()))
  }

  /** Delivers what waits, for at most `deadlineMs`, and closes. What was not taken is given after the restart. */
  async close(deadlineMs: number): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.close(deadlineMs)))
  }
}

const batchSize = 500
const firstWaitMs = 100
const longestWaitMs = 30_000

class Lane {
  cursor: string
  readonly #sink: Sink
  readonly #options: DispatcherOptions
  #waiting = new Map<string, Alert>()
  #running: Promise<void> | undefined
  readonly #closing = new AbortController()

  constructor(sink: Sink, options: DispatcherOptions) {
    this.#sink = sink
    this.#options = options
    this.cursor = options.cursors[sink.name] ?? ''
  }

  get name(): string {
    return this.#sink.name
  }

  get size(): number {
    return this.#waiting.size
  }

  offer(alerts: readonly Alert[]): void {
    for (const alert of alerts) this.#waiting.set(alert.id, alert)
    if (this.#waiting.size > 0) this.#running ??= this.#run()
  }

  async reopen(): Promise<void> {
    await this.#sink.reopen?.()
  }

  async close(deadlineMs: number): Promise<void> {
    const deadline = setTimeout(() => this.#closing.abort(), deadlineMs)
    await this.#running
    clearTimeout(deadline)
    await this.#sink.close()
  }

  async #run(): Promise<void> {
    let waitMs = firstWaitMs
    while (this.#waiting.size > 0 && !this.#closing.signal.aborted) {
      const batch = [...this.#waiting.values()].slice(0, batchSize)
      try {
        await this.#sink.write(batch)
        waitMs = firstWaitMs
        this.#taken(batch)
      } catch (error) {
        this.#options.onError(this.name, error, waitMs)
        await pause(waitMs * (0.5 + Math.random()), this.#closing.signal)
        waitMs = Math.min(waitMs * 2, longestWaitMs)
      }
    }
    this.#running = undefined
  }

  #taken(batch: readonly Alert[]): void {
    for (const alert of batch) {
      // One that changed while it was being written still waits, in its newer state.
      if (this.#waiting.get(alert.id) === alert) this.#waiting.delete(alert.id)
      if (alert.id > this.cursor) this.cursor = alert.id
    }
    this.#options.onDelivered(this.name, this.cursor, batch.length)
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
  })
}
