import { describeError } from '../../../errors.ts'
import { Backoff } from '../../../support/backoff.ts'
import { pause } from '../../../support/pause.ts'
import type { OutboundRecord } from '../../../core/event/outbound-record.ts'
import type { SinkView } from '../../../api/sink-view.ts'
import type { GivenUpReason } from '../../../api/terms.ts'
import { type Outbox, OutboxQueue, type Placed } from './outbox-queue.ts'
import { type SinkBinding, SinkError } from './sinks/sink.ts'

/** Limits of a delivery queue; they may change while it runs. */
export interface DeliveryQueueLimits {
  readonly outbox: Outbox
  /** How long changes to delivered alerts, such as rising counts, are collected before delivery. */
  readonly repeatMs: number
}

export interface DeliveryQueueOptions extends DeliveryQueueLimits {
  /** Greatest id that the sink confirmed before the restart. */
  readonly cursor: string
  readonly onError: (sink: string, error: unknown, waitMs: number) => void
  readonly onDelivered: (sink: string, cursor: string, records: readonly OutboundRecord[]) => void
  readonly onGivenUp: (sink: string, given: GivenUp) => void
  /** Epoch milliseconds. */
  readonly now: () => number
  /** Milliseconds by a clock that nobody can set: a record must not be late because of a step. */
  readonly steady: () => number
}

/** Records that a sink will never receive. */
export interface GivenUp {
  readonly count: number
  /** RFC 3339: the first and the last time at which they were raised. */
  readonly from: string
  readonly to: string
  readonly because: string
}

const largestBatch = 500
const largestBatchBytes = 1_048_576
const backoffRules = { firstMs: 100, longestMs: 30_000, longestAskedMs: 3_600_000 } as const
/**
 * After this many final refusals the queue gives a record up, so that later records get through.
 */
const finalTries = 5
const reportGivenUpMs = 10_000

/** One sink with its queue, delivered at the pace of the sink. */
export class DeliveryQueue {
  #binding: SinkBinding
  #cursor: string
  /** Place of the newest record. */
  #place = 0
  readonly #options: DeliveryQueueOptions
  /** Undefined during shutdown: changes are delivered at once. */
  #repeatMs: number | undefined
  readonly #queue: OutboxQueue
  /** Delivered records that have changed since, in their newest state. */
  readonly #repeats = new Map<string, Placed>()
  #repeatTimer: NodeJS.Timeout | undefined
  readonly #closing = new AbortController()
  /** Ends the wait after a refusal, because there is something new to send. */
  #hurry = new AbortController()
  #running: Promise<void> | undefined
  /** Settles when no write is in progress; a test waits for it. */
  #turn: Promise<unknown> = Promise.resolve()
  #batchMost = largestBatch
  #finals = 0
  #failing = false
  #delivered = 0
  #refusals = 0
  readonly #givenUpFor: Record<GivenUpReason, number> = { full: 0, late: 0, refused: 0 }
  #untold: GivenUp | undefined
  #reportedMs = -Infinity
  #reportTimer: NodeJS.Timeout | undefined
  #lastDelivery: string | undefined
  #lastError: { readonly time: string; readonly text: string } | undefined

  constructor(binding: SinkBinding, options: DeliveryQueueOptions) {
    this.#binding = binding
    this.#options = options
    this.#cursor = options.cursor
    this.#repeatMs = options.repeatMs
    this.#queue = new OutboxQueue(options.outbox)
  }

  get binding(): SinkBinding {
    return this.#binding
  }

  get name(): string {
    return this.#binding.sink.name
  }

  get waiting(): number {
    return this.#queue.size
  }

  isWaiting(id: string): boolean {
    return this.#queue.has(id)
  }

  /** The place, in order of arrival, of the oldest waiting record; undefined if none waits. */
  get oldestPlace(): number | undefined {
    return this.#queue.oldest?.place
  }

  set limits({ outbox, repeatMs }: DeliveryQueueLimits) {
    this.#queue.limits = outbox
    this.#repeatMs = repeatMs
  }

  view(): SinkView {
    const { type, format, target } = this.#binding
    const { oldest } = this.#queue
    const { full, late, refused } = this.#givenUpFor
    return {
      name: this.name,
      type,
      format,
      target,
      state: this.#failing ? 'failing' : oldest === undefined ? 'idle' : 'delivering',
      waiting: this.#queue.size,
      waitingBytes: this.#queue.bytes,
      lagMs: oldest === undefined ? 0 : Math.max(0, this.#options.steady() - oldest.sinceMs),
      delivered: this.#delivered,
      refusals: this.#refusals,
      givenUp: full + late + refused,
      givenUpFor: { ...this.#givenUpFor },
      ...(this.#lastDelivery === undefined ? {} : { lastDelivery: this.#lastDelivery }),
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
    }
  }

  /** `place`: of the newest record. */
  offer(records: readonly Placed[], place: number): void {
    const nowMs = this.#options.steady()
    // A burst is already in memory, so an idle queue first sends it as one batch.
    const idle = this.#queue.size === 0
    for (const placed of records) {
      const { record } = placed
      if (!this.#binding.accepts(record)) continue
      const isRepeat = record.id <= this.#cursor && !this.#queue.has(record.id)
      if (isRepeat) this.#repeat(placed)
      else this.#queue.put(placed, nowMs)
    }
    this.#place = place
    this.#giveUpLate()
    if (!idle) this.#giveUpCrowded()
    this.#start()
  }

  /**
   * Restores the records of the store. Records beyond the capacity were given up and reported
   * before.
   */
  resume(records: readonly Placed[], place: number): void {
    const { now, steady } = this.#options
    const [nowMs, steadyMs] = [now(), steady()]
    for (const placed of records) {
      const { record } = placed
      if (record.id <= this.#cursor || !this.#binding.accepts(record)) continue
      const waitedMs = Math.max(0, nowMs - Date.parse(record.time))
      this.#queue.put(placed, steadyMs - waitedMs)
    }
    this.#queue.crowdedOut()
    this.offer([], place)
  }

  /** Sends past the queue, after the write in progress. Resolves with the answer. */
  test(record: OutboundRecord): Promise<string> {
    return this.#write([record])
  }

  async reopen(): Promise<void> {
    await this.#binding.sink.reopen?.()
  }

  /**
   * Switches at once to another sink of this name, at the current position. Resolves once the old
   * sink is closed.
   */
  async replace(binding: SinkBinding, deadlineMs: number): Promise<void> {
    const { sink } = this.#binding
    this.#binding = binding
    this.#hurry.abort()
    this.#hurry = new AbortController()
    await within(this.#turn, deadlineMs)
    await sink.close()
  }

  async close(deadlineMs: number): Promise<void> {
    this.#repeatMs = undefined
    this.#deliverRepeats()
    await within(this.#running, deadlineMs)
    this.#closing.abort()
    await this.#binding.sink.close()
    await this.#running
    this.#report()
  }

  #start(): void {
    if (this.#queue.size > 0 && !this.#closing.signal.aborted) this.#running ??= this.#run()
  }

  async #run(): Promise<void> {
    const backoff = new Backoff(backoffRules)
    while (this.#queue.size > 0 && !this.#closing.signal.aborted) {
      const most = Math.min(this.#batchMost, this.#binding.sink.most ?? largestBatch)
      const batch = this.#queue.take(most, largestBatchBytes)
      try {
        await this.#write(batch)
        backoff.reset()
        this.#taken(batch)
      } catch (error) {
        if (this.#closing.signal.aborted) break
        await this.#refused(batch, error, backoff)
      }
    }
    this.#running = undefined
  }

  async #write(batch: readonly OutboundRecord[]): Promise<string> {
    const written = this.#turn.then(() => this.#binding.sink.write(batch))
    this.#turn = written.catch(() => undefined)
    return written
  }

  #taken(batch: readonly OutboundRecord[]): void {
    this.#done(batch)
    this.#failing = false
    this.#finals = 0
    this.#batchMost = Math.min(largestBatch, this.#batchMost * 2)
    this.#delivered += batch.length
    this.#lastDelivery = this.#time()
    this.#options.onDelivered(this.name, this.#cursor, batch)
  }

  #done(batch: readonly OutboundRecord[]): void {
    const changed = this.#queue.done(batch)
    for (const { id } of batch) if (id > this.#cursor) this.#cursor = id
    for (const placed of changed) this.#repeat(placed)
  }

  /** A constantly rising count would otherwise occupy the sink. */
  #repeat(placed: Placed): void {
    if (this.#repeatMs === undefined) {
      this.#queue.put(placed, this.#options.steady())
      return
    }
    this.#repeats.set(placed.record.id, placed)
    this.#repeatTimer ??= setTimeout(() => this.#deliverRepeats(), this.#repeatMs)
  }

  #deliverRepeats(): void {
    clearTimeout(this.#repeatTimer)
    this.#repeatTimer = undefined
    for (const placed of this.#repeats.values()) this.#queue.put(placed, this.#options.steady())
    this.#repeats.clear()
    this.#start()
  }

  async #refused(
    batch: readonly OutboundRecord[],
    error: unknown,
    backoff: Backoff,
  ): Promise<void> {
    this.#failing = true
    this.#refusals += 1
    this.#lastError = { time: this.#time(), text: describeError(error) }
    // Sends smaller batches to a receiver that is slow or that rejects one of the records.
    this.#batchMost = Math.max(1, Math.floor(batch.length / 4))
    const final = error instanceof SinkError && error.final && batch.length === 1
    this.#finals = final ? this.#finals + 1 : 0
    if (this.#finals >= finalTries) {
      this.#finals = 0
      this.#done(batch)
      this.#giveUp(
        batch,
        'refused',
        `the sink refused an alert permanently: ${describeError(error)}`,
      )
      return
    }
    const pauseMs = backoff.next(error instanceof SinkError ? error.retryAfterMs : 0)
    this.#options.onError(this.name, error, Math.round(pauseMs))
    const signal = AbortSignal.any([this.#closing.signal, this.#hurry.signal])
    await pause(pauseMs, signal)
    this.#queue.release()
    this.#giveUpLate()
    this.#giveUpCrowded()
  }

  #giveUpCrowded(): void {
    this.#giveUp(this.#queue.crowdedOut(), 'full', 'the outbox was full')
  }

  /** Gives up the oldest records, for good: they are not sent after a restart either. */
  #giveUpLate(): void {
    const late = this.#queue.late(this.#options.steady(), this.#place)
    if (late.length === 0) return
    for (const { id } of late) if (id > this.#cursor) this.#cursor = id
    this.#giveUp(late, 'late', 'they waited longer than `outbox.age`')
    this.#options.onDelivered(this.name, this.#cursor, [])
  }

  #giveUp(records: readonly OutboundRecord[], reason: GivenUpReason, because: string): void {
    if (records.length === 0) return
    this.#givenUpFor[reason] += records.length
    const times = records.map(({ time }) => time).sort()
    const [from = '', to = ''] = [times[0], times.at(-1)]
    const before = this.#untold
    this.#untold = {
      count: (before?.count ?? 0) + records.length,
      from: before !== undefined && before.from < from ? before.from : from,
      to: before !== undefined && before.to > to ? before.to : to,
      because,
    }
    // Losses are reported together, because each report is itself an alert for this sink.
    const wait = Math.max(0, this.#reportedMs + reportGivenUpMs - this.#options.steady())
    this.#reportTimer ??= setTimeout(() => this.#report(), wait)
  }

  #report(): void {
    clearTimeout(this.#reportTimer)
    this.#reportTimer = undefined
    const given = this.#untold
    this.#untold = undefined
    this.#reportedMs = this.#options.steady()
    if (given !== undefined) this.#options.onGivenUp(this.name, given)
  }

  #time(): string {
    return new Date(this.#options.now()).toISOString()
  }
}

/** Waits for the work, but not past the deadline. */
async function within(work: Promise<unknown> | undefined, deadlineMs: number): Promise<void> {
  const deadline = new AbortController()
  await Promise.race([work, pause(deadlineMs, deadline.signal)])
  deadline.abort()
}
