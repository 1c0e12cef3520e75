import { setImmediate as nextTurn } from 'node:timers/promises'
import { isAlert, type OutboundRecord } from '../../../core/event/outbound-record.ts'
import type { Store, StoreWrite } from '../store/store.ts'

/** Records that are put among the others in one turn of the event loop. */
const foldedAtOnce = 1_000

export interface PersisterOptions {
  readonly store: Store
  /** Returns the changes since the last call, and the records for sinks among them. */
  readonly collect: () => Promise<Collected>
  /** After each batch that was stored: its records for sinks may be delivered. */
  readonly onStored: (outbound: readonly OutboundRecord[]) => void
  readonly onError: (error: unknown) => void
  /** The oldest alerts, dropped because the store refused writes for too long. */
  readonly onLost: (alerts: readonly OutboundRecord[]) => void
  /** Maximum number of alerts that wait for a store that refuses them. */
  readonly mostWaiting: number
  /** How long changes are collected before a write; alerts do not wait. */
  readonly intervalMs: number
}

export interface Collected {
  readonly writes: readonly StoreWrite[]
  readonly outbound: readonly OutboundRecord[]
  /** Called once all of this is in the store. */
  readonly stored?: () => void
}

/**
 * Writes behind, one batch at a time: each batch holds everything collected during the previous
 * write. An alert asks for a batch at once, and leaves the daemon only when it is in the store. The
 * persister keeps the records of a failed batch in their newest state for the next one. It reports
 * each failure to `onError`.
 */
export class Persister {
  readonly #options: PersisterOptions
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> | undefined
  #again = false
  readonly #writes = new Map<string, StoreWrite>()
  readonly #outbound = new Map<string, OutboundRecord>()
  #stored: (() => void) | undefined
  #closed = false
  /** Batches by result, and alerts that were given up. */
  readonly counts = { done: 0, failed: 0, givenUp: 0 }

  constructor(options: PersisterOptions) {
    this.#options = options
  }

  /** Records of failed batches. */
  get waiting(): number {
    return this.#writes.size
  }

  start(): void {
    this.#timer = setInterval(() => this.kick(), this.#options.intervalMs)
  }

  /** Writes now, or right after the batch in progress. */
  kick(): void {
    if (this.#closed) return
    if (this.#writing !== undefined) {
      this.#again = true
      return
    }
    this.#writing = this.#drain()
  }

  /** Whether everything collected so far is in the store; otherwise it was reported as an error. */
  async flush(): Promise<boolean> {
    this.kick()
    await this.#writing
    return this.#writes.size === 0
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.flush()
    this.#closed = true
  }

  async #drain(): Promise<void> {
    // Further changes in this turn of the event loop join the batch, which is collected in a turn of its own.
    await nextTurn()
    do {
      this.#again = false
      await this.#write()
    } while (this.#again)
    this.#writing = undefined
  }

  async #write(): Promise<void> {
    await this.#fold(await this.#options.collect())
    if (this.#writes.size === 0) return
    try {
      // Not synced: a batch survives the process without it, and an alert would wait for the disk.
      await this.#options.store.batch([...this.#writes.values()], { sync: false })
    } catch (error) {
      this.counts.failed += 1
      this.#options.onError(error)
      this.#giveUp()
      return
    }
    this.counts.done += 1
    const outbound = [...this.#outbound.values()]
    const stored = this.#stored
    this.#writes.clear()
    this.#outbound.clear()
    this.#stored = undefined
    stored?.()
    this.#options.onStored(outbound)
  }

  /** Replaces an earlier record, and moves it behind all earlier writes. */
  async #fold({ writes, outbound, stored }: Collected): Promise<void> {
    for (const [at, write] of writes.entries()) {
      if (at % foldedAtOnce === foldedAtOnce - 1) await nextTurn()
      const record = recordOf(write)
      this.#writes.delete(record)
      this.#writes.set(record, write)
    }
    for (const record of outbound) this.#outbound.set(record.id, record)
    this.#stored = stored ?? this.#stored
  }

  /** Only alerts are given up: a gap would break the chain of the audit trail. */
  #giveUp(): void {
    const alerts = [...this.#outbound.values()].filter(isAlert)
    const lost = alerts.slice(0, Math.max(0, alerts.length - this.#options.mostWaiting))
    if (lost.length === 0) return
    for (const { id } of lost) {
      this.#outbound.delete(id)
      this.#writes.delete(recordOf({ kind: 'alert', id, fingerprint: '', value: undefined }))
    }
    this.counts.givenUp += lost.length
    this.#options.onLost(lost)
  }
}

/** Equal for writes to the same record. */
function recordOf(write: StoreWrite): string {
  const version = 'version' in write ? write.version : ''
  const id = 'id' in write ? write.id : 'key' in write ? write.key : ''
  // What removes a version removes more than its record.
  const kind = write.kind === 'version-removed' ? write.kind : write.kind.replace(/-removed$/, '')
  return `${kind}\u0000${version}\u0000${id}`
}
