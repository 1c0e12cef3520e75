import { lookedAtOnce, type Steps } from '../core/steps.ts'
import { RestingItems } from './resting-items.ts'

/** A message of a live stream. `n` rises by one with each, over restarts of the agent too, though not by one there. */
export interface LiveItem<T> {
  readonly type: 'item'
  readonly n: number
  readonly topic: string
  readonly item: T
}

export type LiveMessage<T> =
  | LiveItem<T>
  /** This reader was too slow: it lost this many messages, up to number `n`. */
  | { readonly type: 'lagged'; readonly n: number; readonly missed: number }
  /**
   * The position belongs to an earlier agent. The messages in between are unknown: read the lists
   * again.
   */
  | { readonly type: 'restarted'; readonly n: number }

export interface LiveReader<T> {
  /** The number before its first message. */
  readonly begin: number
  /** New messages in order, at most `max`; empty if there are none yet. */
  take(max: number): readonly LiveMessage<T>[]
  /** Called once something can be taken after there was nothing, and when the reader has ended. */
  onNews: () => void
  readonly ended: boolean
  close(): void
}

export interface LiveAsk<T> {
  /** The first number to deliver; absent: new messages only. */
  readonly from?: number
  readonly wants: (item: T, topic: string) => boolean
  readonly onEnd?: () => void
}

/**
 * A live stream: its latest messages, stored once for any number of readers, each with a position.
 * A slow reader loses messages and gets their exact number; it never slows the pipeline.
 */
export class LiveLog<T> {
  readonly #capacity: number
  readonly #items = new RestingItems<LiveItem<T>>()
  readonly #readers = new Set<Place<T>>()
  readonly #first: number
  #oldest: number
  #next: number

  /** `first`: number of the first message; above all that were ever given. */
  constructor({ capacity, first }: { readonly capacity: number; readonly first: number }) {
    this.#capacity = capacity
    this.#first = first
    this.#oldest = first
    this.#next = first
  }

  get readers(): number {
    return this.#readers.size
  }

  /** The number of the next message. */
  get next(): number {
    return this.#next
  }

  publish(topic: string, item: T): void {
    this.#add({ type: 'item', n: this.#next, topic, item })
  }

  /** A message of another log, under its number there. Numbers that were left out count as missed. */
  put(entry: LiveItem<T>): void {
    if (entry.n > this.#next) this.#skip(entry.n)
    this.#add(entry)
  }

  subscribe({ from, wants, onEnd = () => undefined }: LiveAsk<T>): LiveReader<T> {
    const begin = from === undefined ? this.#next : Math.min(from, this.#next)
    const place = new Place<T>(begin, wants, (reader) => {
      if (this.#readers.delete(reader)) onEnd()
    })
    if (from !== undefined && (from < this.#first || from > this.#next)) {
      place.restart(from < this.#first ? this.#oldest : this.#next)
    } else if (begin < this.#oldest) place.miss(this.#oldest - begin, this.#oldest)
    place.source = (n) => this.#items.get(n)
    this.#readers.add(place)
    return place
  }

  /** Newest first: the items before the number `before` that `wants` takes, at most `limit`. With pauses. */
  *recordedSteps(
    limit: number,
    before: number,
    wants: (item: T) => boolean,
  ): Steps<readonly LiveItem<T>[]> {
    const found: LiveItem<T>[] = []
    for (let n = Math.min(before, this.#next) - 1; n >= this.#oldest; n -= 1) {
      if (found.length >= limit) break
      const entry = this.#items.get(n)
      if (entry !== undefined && wants(entry.item)) found.push(entry)
      if (n % lookedAtOnce === 0) yield
    }
    return found
  }

  /** See {@link RestingItems.restSteps}. */
  restSteps(): Steps<void> {
    return this.#items.restSteps()
  }

  /** Ends every reader. */
  close(): void {
    for (const reader of this.#readers) reader.close()
  }

  #add(entry: LiveItem<T>): void {
    const { n } = entry
    if (n - this.#oldest >= this.#capacity) this.#overtakeOldest()
    this.#items.add(n, entry)
    this.#next = n + 1
    for (const reader of this.#readers) reader.wake()
  }

  #overtakeOldest(): void {
    for (const reader of this.#readers) reader.overtaken(this.#oldest)
    this.#oldest += 1
    this.#items.dropBefore(this.#oldest)
  }

  /** Drops everything before `n`; messages in between were never received. */
  #skip(n: number): void {
    for (const reader of this.#readers) {
      // The log does not keep which of these were for the reader, so count all.
      if (reader.position < n) reader.miss(n - reader.position, n)
    }
    this.#items.clear()
    this.#oldest = n
    this.#next = n
  }
}

class Place<T> implements LiveReader<T> {
  readonly begin: number
  onNews: () => void = () => undefined
  ended = false
  /** The next number to look at. */
  position: number
  source: (n: number) => LiveItem<T> | undefined = () => undefined
  #missed = 0
  #restarted = false
  #idle = false
  readonly #wants: LiveAsk<T>['wants']
  readonly #onClose: (place: Place<T>) => void

  constructor(begin: number, wants: LiveAsk<T>['wants'], onClose: (place: Place<T>) => void) {
    this.begin = begin - 1
    this.position = begin
    this.#wants = wants
    this.#onClose = onClose
  }

  take(max: number): readonly LiveMessage<T>[] {
    const taken: LiveMessage<T>[] = []
    if (this.#restarted) taken.push({ type: 'restarted', n: this.position - 1 })
    // Lost messages are always older than those still in the log.
    if (this.#missed > 0) taken.push({ type: 'lagged', n: this.position - 1, missed: this.#missed })
    this.#restarted = false
    this.#missed = 0
    while (taken.length < max) {
      const entry = this.source(this.position)
      if (entry === undefined) break
      this.position += 1
      if (this.#wants(entry.item, entry.topic)) taken.push(entry)
    }
    this.#idle = taken.length === 0
    return taken
  }

  /** The message with that number goes. */
  overtaken(n: number): void {
    if (this.position > n) return
    const entry = this.source(n)
    if (entry !== undefined && this.#wants(entry.item, entry.topic)) this.#missed += 1
    this.position = n + 1
  }

  miss(count: number, next: number): void {
    this.#missed += count
    this.position = next
  }

  restart(next: number): void {
    this.#restarted = true
    this.position = next
  }

  wake(): void {
    if (!this.#idle) return
    this.#idle = false
    this.onNews()
  }

  close(): void {
    if (this.ended) return
    this.ended = true
    this.#onClose(this)
    this.onNews()
  }
}

/** Batches of a reader as they come, until it ends or `signal` fires. */
export async function* batchesOf<T>(
  reader: LiveReader<T>,
  signal: AbortSignal,
): AsyncGenerator<readonly LiveMessage<T>[]> {
  let wake = (): void => undefined
  reader.onNews = () => wake()
  const end = (): void => reader.close()
  signal.addEventListener('abort', end, { once: true })
  try {
    while (!signal.aborted) {
      const batch = reader.take(batchSize)
      if (batch.length > 0) yield batch
      else if (reader.ended) return
      else await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    signal.removeEventListener('abort', end)
    reader.close()
  }
}

const batchSize = 256
