import { ulid } from 'ulid'
import { describeError, SnugError } from '../../../errors.ts'
import type { Alert } from '../../../core/event/alert.ts'
import type { OutboundRecord } from '../../../core/event/outbound-record.ts'
import {
  DeliveryQueue,
  type DeliveryQueueLimits,
  type DeliveryQueueOptions,
} from './delivery-queue.ts'
import { pause } from '../../../support/pause.ts'
import type { SinkTest, SinkView } from '../../../api/sink-view.ts'
import type { Placed } from './outbox-queue.ts'
import type { SinkBinding } from './sinks/sink.ts'

export interface DispatcherOptions extends Omit<DeliveryQueueOptions, 'cursor' | 'now' | 'steady'> {
  readonly node: string
  /** Sink → greatest record id that it confirmed before the restart. */
  readonly cursors: Readonly<Record<string, string>>
  readonly now?: () => number
  /** Milliseconds by a clock that nobody can set; absent with `now`: the same clock. */
  readonly steady?: () => number
  /** These records are in the store and queued for the sinks. */
  readonly onOffered?: (records: readonly OutboundRecord[]) => void
}

/** Result of a change of the sinks, by name. */
export interface SinkChange {
  readonly added: readonly string[]
  readonly changed: readonly string[]
  readonly removed: readonly string[]
  /** Records that waited for removed sinks and were not delivered in time. */
  readonly undelivered: number
}

const testMs = 60_000
/** How long a changed or removed sink may take to finish its write. */
const leaveMs = 5_000

/**
 * Delivers every record to every sink at least once and in order, each at the sink's pace: a slow
 * or unavailable sink delays no other. Records are stored before delivery; after a restart delivery
 * resumes at the cursor of the sink. If only the count of an alert rises, it is delivered again, in
 * its newest state.
 */
export class Dispatcher {
  #lanes: readonly DeliveryQueue[]
  #options: DispatcherOptions
  readonly #now: () => number
  /** Number of records so far, in this process. */
  #place = 0
  #newest = ''

  constructor(outlets: readonly SinkBinding[], options: DispatcherOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
    this.#lanes = outlets.map((binding) => this.#queueOf(binding))
  }

  /** The stored records, oldest first. Each sink takes those after its cursor. */
  resume(records: readonly OutboundRecord[]): void {
    const placed = this.#placed(records)
    for (const queue of this.#lanes) queue.resume(placed, this.#place)
  }

  offer(records: readonly OutboundRecord[]): void {
    this.#options.onOffered?.(records)
    const placed = this.#placed(records)
    for (const queue of this.#lanes) queue.offer(placed, this.#place)
  }

  /** Sink name → waiting records. */
  get waiting(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#lanes.map((queue) => [queue.name, queue.waiting]))
  }

  /** How many of the newest records some sink still needs from the store. */
  get needed(): number {
    const places = this.#lanes.flatMap(({ oldestPlace }) => oldestPlace ?? [])
    return places.length === 0 ? 0 : this.#place - Math.min(...places) + 1
  }

  /** Whether the record waits for a sink. */
  isWaiting(id: string): boolean {
    return this.#lanes.some((queue) => queue.isWaiting(id))
  }

  /** Whether a sink takes incidents. */
  get wantsIncidents(): boolean {
    return this.#lanes.some(({ binding }) => binding.wantsIncidents === true)
  }

  list(): readonly SinkView[] {
    return this.#lanes.map((queue) => queue.view())
  }

  /**
   * Replaces the sinks. Later records go to the new set. A sink with an unchanged spec continues, a
   * changed one resumes at its position, and a new one starts with `stored`, oldest first. Resolves
   * once the removed sinks are closed.
   */
  async reconfigure(
    outlets: readonly SinkBinding[],
    limits: DeliveryQueueLimits,
    stored: readonly OutboundRecord[],
  ): Promise<SinkChange> {
    this.#options = { ...this.#options, ...limits }
    const before = new Map(this.#lanes.map((queue) => [queue.name, queue]))
    const leaving: Promise<void>[] = []
    const added: DeliveryQueue[] = []
    const changed: string[] = []
    this.#lanes = outlets.map((binding) => {
      const known = before.get(binding.sink.name)
      before.delete(binding.sink.name)
      if (known === undefined) {
        const queue = this.#queueOf(binding)
        added.push(queue)
        return queue
      }
      known.limits = limits
      if (known.binding.spec !== binding.spec) {
        changed.push(known.name)
        leaving.push(known.replace(binding, leaveMs))
      }
      return known
    })
    const first = this.#place - stored.length + 1
    const placed = stored.map((record, at) => ({ record, place: first + at }))
    for (const queue of added) queue.resume(placed, this.#place)
    const removed = [...before.values()]
    leaving.push(...removed.map((queue) => queue.close(leaveMs)))
    await Promise.all(leaving)
    return {
      added: added.map(({ name }) => name),
      changed,
      removed: removed.map(({ name }) => name),
      undelivered: removed.reduce((sum, { waiting }) => sum + waiting, 0),
    }
  }

  /**
   * Sends a test alert to one sink, past its filter and ahead of its queue. The store does not keep
   * it.
   *
   * Errors: SINK_UNKNOWN.
   */
  async test(name: string): Promise<SinkTest> {
    const queue = this.#lanes.find((one) => one.name === name)
    if (queue === undefined) throw new SnugError('SINK_UNKNOWN', `no sink is named \`${name}\``)
    const nowMs = this.#now()
    const alert = testAlert(name, this.#options.node, nowMs)
    const result = (ok: boolean, answer: string): SinkTest => {
      return { ok, id: alert.id, answer, tookMs: Math.max(0, this.#now() - nowMs) }
    }
    const late = new AbortController()
    const answer = await Promise.race([
      queue.test(alert).then(
        (text) => result(true, text),
        (error: unknown) => result(false, describeError(error)),
      ),
      pause(testMs, late.signal).then(() => {
        return result(false, `the sink did not answer within ${testMs} ms`)
      }),
    ])
    late.abort()
    return answer
  }

  async reopen(): Promise<void> {
    await Promise.all(this.#lanes.map((queue) => queue.reopen()))
  }

  /**
   * Delivers waiting records for at most `deadlineMs`, then closes. The rest is delivered after the
   * restart.
   */
  async close(deadlineMs: number): Promise<void> {
    await Promise.all(this.#lanes.map((queue) => queue.close(deadlineMs)))
  }

  #queueOf(binding: SinkBinding): DeliveryQueue {
    const cursor = this.#options.cursors[binding.sink.name] ?? ''
    const { now, steady = now ?? (() => performance.now()) } = this.#options
    return new DeliveryQueue(binding, { ...this.#options, cursor, now: this.#now, steady })
  }

  /**
   * A record that is offered again with a new count keeps its place: ids follow the order of
   * creation.
   */
  #placed(records: readonly OutboundRecord[]): readonly Placed[] {
    return records.map((record) => {
      if (record.id > this.#newest) {
        this.#newest = record.id
        this.#place += 1
      }
      return { record, place: this.#place }
    })
  }
}

function testAlert(sink: string, node: string, nowMs: number): Alert {
  const time = new Date(nowMs).toISOString()
  const reason = `this is a test of the sink \`${sink}\`: no incident happened`
  return {
    schema: 'snug.alert/v1',
    id: ulid(nowMs),
    time,
    node,
    severity: 'low',
    type: 'loss',
    action: 'alerted',
    reasons: [reason],
    nearest: null,
    behaviour: null,
    event: {
      v: 1,
      kind: 'loss',
      time,
      node,
      source: 'agent',
      loss: { reason: 'sink-test', count: 0, from: time, to: time },
    },
    count: 1,
    firstSeen: time,
    lastSeen: time,
    mode: 'test',
    guardrails: [],
    attack: [],
  }
}
