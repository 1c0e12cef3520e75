import { type Alert, severities } from '../event/alert.ts'

/** How much may wait for one sink. */
export interface Outbox {
  /** Bytes, as JSON. */
  readonly maxBytes: number
  readonly maxAgeMs: number
  /** How many alerts back, of all that were raised, the oldest may lie: the store keeps no more. */
  readonly maxSpan: number
}

export interface Placed {
  readonly alert: Alert
  /** How many alerts were raised up to this one. */
  readonly place: number
}

interface Waiting extends Placed {
  readonly bytes: number
  /** Epoch milliseconds of the first time that it was put here. */
  readonly sinceMs: number
}

/**
 * What waits for one sink, oldest first. An alert of which the count rises keeps its place, in its newest state. Where
 * there is too much, the oldest of the lowest severity go first, and tellings of loss last.
 */
export class OutboxQueue {
  readonly #outbox: Outbox
  readonly #waiting = new Map<string, Waiting>()
  readonly #ranks: readonly Set<string>[] = [...severities, 'loss'].map(() => new Set())
  /** Ids of the batch that is being written. */
  #taken: ReadonlySet<string> = new Set()
  #bytes = 0

  constructor(outbox: Outbox) {
    this.#outbox = outbox
  }

  get size(): number {
    return this.#waiting.size
  }

  get oldest(): Waiting | undefined {
    for (const waiting of this.#waiting.values()) return waiting
    return undefined
  }

  put({ alert, place }: Placed, nowMs: number): void {
    const known = this.#waiting.get(alert.id)
    const bytes = bytesOf(alert)
    this.#bytes += bytes - (known?.bytes ?? 0)
    const since = known ?? { sinceMs: nowMs, place }
    this.#waiting.set(alert.id, { alert, bytes, sinceMs: since.sinceMs, place: since.place })
    this.#rank(alert).add(alert.id)
  }

  /** The oldest, at most so many and so large, but one at least. They wait on until {@link done}. */
  take(most: number, mostBytes: number): readonly Alert[] {
    const batch: Alert[] = []
    let bytes = 0
    for (const waiting of this.#waiting.values()) {
      bytes += waiting.bytes
      if (batch.length >= most || (batch.length > 0 && bytes > mostBytes)) break
      batch.push(waiting.alert)
    }
    this.#taken = new Set(batch.map(({ id }) => id))
    return batch
  }

  /** None is being written. */
  release(): void {
    this.#taken = new Set()
  }

  /** One that changed while it was being written still waits, in its newer state. */
  done(batch: readonly Alert[]): void {
    this.release()
    for (const alert of batch) {
      if (this.#waiting.get(alert.id)?.alert === alert) this.#remove(alert.id)
    }
  }

  /** Removes what is too old, or too far back, and gives it: the oldest there are. `place`: of the newest alert. */
  late(nowMs: number, place: number): readonly Alert[] {
    const { maxAgeMs, maxSpan } = this.#outbox
    const gone: Alert[] = []
    for (const [id, waiting] of this.#waiting) {
      if (nowMs - waiting.sinceMs <= maxAgeMs && place - waiting.place < maxSpan) break
      if (this.#taken.has(id)) continue
      this.#remove(id)
      gone.push(waiting.alert)
    }
    return gone
  }

  /** Removes what there is no room for, and gives it. */
  crowdedOut(): readonly Alert[] {
    const gone: Alert[] = []
    for (const rank of this.#ranks) {
      for (const id of rank) {
        if (this.#bytes <= this.#outbox.maxBytes) return gone
        const waiting = this.#waiting.get(id)
        if (waiting === undefined || this.#taken.has(id)) continue
        this.#remove(id)
        gone.push(waiting.alert)
      }
    }
    return gone
  }

  #remove(id: string): void {
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) return
    this.#waiting.delete(id)
    this.#rank(waiting.alert).delete(id)
    this.#bytes -= waiting.bytes
  }

  #rank({ type, severity }: Alert): Set<string> {
    const at = type === 'loss' ? severities.length : severities.indexOf(severity)
    return this.#ranks[at] ?? new Set()
  }
}

/** Several sinks ask for the same alert: it is measured once. */
const measured = new WeakMap<Alert, number>()

function bytesOf(alert: Alert): number {
  const known = measured.get(alert)
  if (known !== undefined) return known
  const bytes = Buffer.byteLength(JSON.stringify(alert))
  measured.set(alert, bytes)
  return bytes
}
