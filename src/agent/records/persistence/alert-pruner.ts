import { describeError } from '../../../errors.ts'
import type { Store } from '../store/store.ts'
import type { Log } from '../../../support/telemetry/log.ts'

export interface AlertPrunerOptions {
  readonly store: Pick<Store, 'pruneAlerts'>
  /** Alerts that are kept for review. */
  readonly kept: number
  /** Older alerts that are kept because they are in memory. */
  readonly held: (id: string) => boolean
  /** How many of the newest alerts some sink still needs. */
  readonly needed: () => number
  /** Number of distinct alerts so far. */
  readonly raised: () => number
  readonly log: Log
}

const askMs = 1_000
const everyRaised = 5_000
const everyMs = 60_000
/** Alerts that are being stored and that no sink has received yet, so no sink claims them. */
const underWay = 10_000

/**
 * Limits the alerts in the store to those that are needed. It runs by the number of alerts, not
 * only by the clock. Otherwise a flood, or repeated kills of the daemon, would let the store grow,
 * and each start reads all of it.
 */
export class AlertPruner {
  readonly #options: AlertPrunerOptions
  #timer: NodeJS.Timeout | undefined
  #pruning: Promise<void> | undefined
  #raised = 0
  #atMs = 0

  constructor(options: AlertPrunerOptions) {
    this.#options = options
  }

  /** Starts with the alerts of an earlier daemon. */
  start(): void {
    this.#timer = setInterval(() => this.#ask(), askMs)
    this.#prune()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#pruning
  }

  #ask(): void {
    const isDue = performance.now() - this.#atMs >= everyMs
    if (isDue || this.#options.raised() - this.#raised >= everyRaised) this.#prune()
  }

  #prune(): void {
    if (this.#pruning !== undefined) return
    const { store, kept, held, needed, raised, log } = this.#options
    this.#raised = raised()
    this.#atMs = performance.now()
    this.#pruning = store
      .pruneAlerts(Math.max(kept, needed() + underWay), held)
      .then(
        () => undefined,
        (error: unknown) =>
          log.warn({ error: describeError(error) }, 'old alerts were not removed'),
      )
      .finally(() => {
        this.#pruning = undefined
      })
  }
}
