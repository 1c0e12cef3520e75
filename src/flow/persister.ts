import type { Alert } from '../event/alert.ts'
import type { Store, StoreWrite } from '../store/store.ts'

export interface PersisterOptions {
  readonly store: Store
  /** What has changed since it was last asked, and the alerts among it. */
  readonly collect: () => Collected
  /** These alerts are in the store now: they may go out. */
  readonly onStored: (alerts: readonly Alert[]) => void
  readonly onError: (error: unknown) => void
  /** How long changes gather before they are written; alerts do not wait. */
  readonly intervalMs: number
}

export interface Collected {
  readonly writes: readonly StoreWrite[]
  readonly alerts: readonly Alert[]
  /** Called once all of this is in the store. */
  readonly stored?: () => void
}

/**
 * Writes behind: one batch at a time, everything that gathered while the last one was being written. An
 * alert asks for a batch at once, and leaves the daemon only when it is in the store.
 *
 * What a batch could not take is kept and is part of the next one; `onError` tells each failure.
 */
export class Persister {
  readonly #options: PersisterOptions
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> | undefined
  #again = false
  #left: Collected = { writes: [], alerts: [] }
  #closed = false

  constructor(options: PersisterOptions) {
    this.#options = options
  }

  start(): void {
    this.#timer = setInterval(() => this.kick(), this.#options.intervalMs)
  }

  /** Writes now, or right after the batch that is being written. */
  kick(): void {
    if (this.#closed) return
    if (this.#writing !== undefined) {
      this.#again = true
      return
    }
    this.#writing = this.#drain()
  }

  /** Everything collected so far is in the store, or was told as an error. */
  async flush(): Promise<void> {
    this.kick()
    await this.#writing
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.flush()
    this.#closed = true
  }

  async #drain(): Promise<void> {
    // Lets what happens in this turn of the loop join the batch.
    await Promise.resolve()
    do {
      this.#again = false
      await this.#write()
    } while (this.#again)
    this.#writing = undefined
  }

  async #write(): Promise<void> {
    const fresh = this.#options.collect()
    const writes = [...this.#left.writes, ...fresh.writes]
    const alerts = [...this.#left.alerts, ...fresh.alerts]
    const stored = fresh.stored ?? this.#left.stored
    this.#left = { writes: [], alerts: [] }
    if (writes.length === 0) return
    try {
      // Not synced: a batch outlives the process without it, and an alert would wait for the disk.
      await this.#options.store.batch(writes, { sync: false })
    } catch (error) {
      this.#left = { writes, alerts, ...(stored && { stored }) }
      this.#options.onError(error)
      return
    }
    stored?.()
    if (alerts.length > 0) this.#options.onStored(alerts)
  }
}
