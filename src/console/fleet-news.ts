import type { LiveQuery } from '../api/engine.ts'
import { liveAsk } from '../api/live-filter.ts'
import { LiveLog, type LiveReader } from '../api/live-log.ts'

/** A reason to read again: what changed is in the lists. */
export interface FleetChange {
  readonly kind: 'fleet'
  /** RFC 3339 */
  readonly time: string
}

const kept = 1_024
/** Longer than a view may be old, so that a reader who asks on this message gets what changed. */
const gatherMs = 600
/** Numbers follow the clock, so that one of an earlier process is recognised. */
const numbersPerMs = 1_000

/** Notifies readers of `/v1/live` that something changed: many changes are one message. */
export class FleetNews {
  readonly #log: LiveLog<FleetChange>
  readonly #waiting = new Map<string, NodeJS.Timeout>()

  constructor(now: () => number = Date.now) {
    this.#log = new LiveLog({ capacity: kept, first: now() * numbersPerMs })
  }

  changed(topic: 'alerts' | 'states'): void {
    if (this.#waiting.has(topic)) return
    const timer = setTimeout(() => {
      this.#waiting.delete(topic)
      this.#log.publish(topic, { kind: 'fleet', time: new Date().toISOString() })
    }, gatherMs)
    this.#waiting.set(topic, timer.unref())
  }

  /** Of both topics; filters by image or container match nothing. */
  subscribe(query: LiveQuery): LiveReader<unknown> {
    const { from, wants } = liveAsk(query)
    return this.#log.subscribe({
      ...(from === undefined ? {} : { from }),
      wants: (item, topic) => wants(item as unknown as Parameters<typeof wants>[0], topic),
    })
  }

  close(): void {
    for (const timer of this.#waiting.values()) clearTimeout(timer)
    this.#log.close()
  }
}
