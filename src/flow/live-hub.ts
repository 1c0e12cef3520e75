import type { Live } from './engine.ts'

/**
 * Fans items out to any number of live readers. A reader that does not keep up loses items, never the
 * pipeline its pace: what it missed is counted and told to it in its place in the stream.
 */
export class LiveHub<T> {
  readonly #readers = new Set<Reader<T>>()
  readonly #capacity: number

  /** `capacity`: items that one reader may lag behind before it misses any. */
  constructor(capacity = 8192) {
    this.#capacity = capacity
  }

  get readers(): number {
    return this.#readers.size
  }

  publish(item: T): void {
    for (const reader of this.#readers) reader.offer(item)
  }

  /** Ends with the signal. Items published before the first `next()` count too: it listens from the call on. */
  subscribe(
    signal: AbortSignal,
    wants: (item: T) => boolean,
    onEnd: () => void = () => {},
  ): AsyncIterable<Live<T>> {
    const reader = new Reader<T>(this.#capacity, wants)
    this.#readers.add(reader)
    const end = (): void => {
      if (!this.#readers.delete(reader)) return
      reader.end()
      onEnd()
    }
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })
    return {
      async *[Symbol.asyncIterator]() {
        try {
          for (;;) {
            const batch = await reader.take()
            if (batch === undefined) return
            yield* batch
          }
        } finally {
          signal.removeEventListener('abort', end)
          end()
        }
      },
    }
  }
}

class Reader<T> {
  #queue: Live<T>[] = []
  #missed = 0
  #ended = false
  #wake: (() => void) | undefined
  readonly #capacity: number
  readonly #wants: (item: T) => boolean

  constructor(capacity: number, wants: (item: T) => boolean) {
    this.#capacity = capacity
    this.#wants = wants
  }

  offer(item: T): void {
    if (!this.#wants(item)) return
    if (this.#queue.length >= this.#capacity) {
      this.#missed += 1
      return
    }
    if (this.#missed > 0) this.#tellMissed()
    this.#queue.push({ type: 'item', item })
    this.#signal()
  }

  end(): void {
    this.#ended = true
    this.#signal()
  }

  /** Everything that waits, in order; undefined once ended and empty. */
  async take(): Promise<Live<T>[] | undefined> {
    while (this.#queue.length === 0 && this.#missed === 0) {
      if (this.#ended) return undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    if (this.#missed > 0) this.#tellMissed()
    const batch = this.#queue
    this.#queue = []
    return batch
  }

  #tellMissed(): void {
    this.#queue.push({ type: 'missed', count: this.#missed })
    this.#missed = 0
  }

  #signal(): void {
    this.#wake?.()
    this.#wake = undefined
  }
}
