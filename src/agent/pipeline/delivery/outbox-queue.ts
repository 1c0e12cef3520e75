import { severities } from '../../../core/event/alert-words.ts'
import { isIncident, type OutboundRecord } from '../../../core/event/outbound-record.ts'

/** Limits of the queue of one sink. */
export interface Outbox {
  /** Bytes, as JSON. */
  readonly maxBytes: number
  readonly maxAgeMs: number
  /** Maximum distance of the oldest record from the newest, in records: the store keeps no more. */
  readonly maxSpan: number
}

export interface Placed {
  readonly record: OutboundRecord
  /** Number of records up to and including this one. */
  readonly place: number
}

interface Waiting extends Placed {
  readonly bytes: number
  /** By the steady clock: when it was first queued. */
  readonly sinceMs: number
}

/**
 * The queue of one sink, oldest first. An alert with a rising count keeps its place, in its newest
 * state. Of an incident only the newest record waits, because each has all of it. Over the limit, the oldest records of the lowest severity are removed first, and loss
 * reports and audit entries last.
 */
export class OutboxQueue {
  #outbox: Outbox
  readonly #waiting = new Map<string, Waiting>()
  readonly #ranks: readonly Set<string>[] = [...severities, 'kept'].map(() => new Set())
  /** Incident → its record that waits. */
  readonly #incidents = new Map<string, string>()
  /** Ids of the batch in progress. */
  #taken: ReadonlySet<string> = new Set()
  #bytes = 0

  constructor(outbox: Outbox) {
    this.#outbox = outbox
  }

  set limits(outbox: Outbox) {
    this.#outbox = outbox
  }

  get size(): number {
    return this.#waiting.size
  }

  get bytes(): number {
    return this.#bytes
  }

  get oldest(): Waiting | undefined {
    for (const waiting of this.#waiting.values()) return waiting
    return undefined
  }

  has(id: string): boolean {
    return this.#waiting.has(id)
  }

  put({ record, place }: Placed, nowMs: number): void {
    const known = this.#waiting.get(record.id)
    const bytes = bytesOf(record)
    this.#bytes += bytes - (known?.bytes ?? 0)
    const since = known ?? { sinceMs: nowMs, place }
    this.#waiting.set(record.id, { record, bytes, sinceMs: since.sinceMs, place: since.place })
    this.#rank(record).add(record.id)
    if (isIncident(record)) this.#replaceIncident(record.incident, record.id)
  }

  /**
   * The oldest records within both limits, but at least one. They stay queued until {@link done}.
   */
  take(most: number, mostBytes: number): readonly OutboundRecord[] {
    const batch: OutboundRecord[] = []
    let bytes = 0
    for (const waiting of this.#waiting.values()) {
      bytes += waiting.bytes
      if (batch.length >= most || (batch.length > 0 && bytes > mostBytes)) break
      batch.push(waiting.record)
    }
    this.#taken = new Set(batch.map(({ id }) => id))
    return batch
  }

  /** Ends the batch in progress without delivery. */
  release(): void {
    this.#taken = new Set()
  }

  /**
   * Removes delivered records. Returns those that changed during the write, in their newer state.
   */
  done(batch: readonly OutboundRecord[]): readonly Placed[] {
    this.release()
    const changed: Placed[] = []
    for (const record of batch) {
      const waiting = this.#waiting.get(record.id)
      if (waiting !== undefined && waiting.record !== record) changed.push(waiting)
      this.#remove(record.id)
    }
    return changed
  }

  /**
   * Removes and returns records that are too old or too far back. `place`: of the newest record.
   */
  late(nowMs: number, place: number): readonly OutboundRecord[] {
    const { maxAgeMs, maxSpan } = this.#outbox
    const gone: OutboundRecord[] = []
    for (const [id, waiting] of this.#waiting) {
      if (nowMs - waiting.sinceMs <= maxAgeMs && place - waiting.place < maxSpan) break
      if (this.#taken.has(id)) continue
      this.#remove(id)
      gone.push(waiting.record)
    }
    return gone
  }

  /** Removes and returns the records that exceed the size limit. */
  crowdedOut(): readonly OutboundRecord[] {
    const gone: OutboundRecord[] = []
    for (const rank of this.#ranks) {
      for (const id of rank) {
        if (this.#bytes <= this.#outbox.maxBytes) return gone
        const waiting = this.#waiting.get(id)
        if (waiting === undefined || this.#taken.has(id)) continue
        this.#remove(id)
        gone.push(waiting.record)
      }
    }
    return gone
  }

  #replaceIncident(incident: string, id: string): void {
    const before = this.#incidents.get(incident)
    this.#incidents.set(incident, id)
    if (before !== undefined && before !== id && !this.#taken.has(before)) this.#remove(before)
  }

  #remove(id: string): void {
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) return
    const { record } = waiting
    if (isIncident(record) && this.#incidents.get(record.incident) === id) {
      this.#incidents.delete(record.incident)
    }
    this.#waiting.delete(id)
    this.#rank(record).delete(id)
    this.#bytes -= waiting.bytes
  }

  #rank({ type, severity }: OutboundRecord): Set<string> {
    const isKept = type === 'loss' || type === 'audit'
    const at = isKept ? severities.length : severities.indexOf(severity)
    return this.#ranks[at] ?? new Set()
  }
}

/** Several sinks queue the same record, so its size is cached. */
const measured = new WeakMap<OutboundRecord, number>()

function bytesOf(record: OutboundRecord): number {
  const known = measured.get(record)
  if (known !== undefined) return known
  const bytes = Buffer.byteLength(JSON.stringify(record))
  measured.set(record, bytes)
  return bytes
}
