interface Offer<T> {
  readonly item: T
  readonly done: (taken: boolean) => void
}

/**
 * Passes items from many producers to one consumer, first come, first served. It queues only one
 * item for each producer, so a producer waits if it is faster than the consumer.
 */
export class HandOver<T> {
  readonly #offers: Offer<T>[] = []
  #wake: () => void = () => undefined
  #closed = false

  /**
   * Resolves once the consumer has processed the item and asks for the next; false: the consumer
   * has stopped.
   */
  give(item: T): Promise<boolean> {
    if (this.#closed) return Promise.resolve(false)
    return new Promise((done) => {
      this.#offers.push({ item, done })
      this.#wake()
    })
  }

  /** May be iterated once; ends when it is closed. */
  async *taken(): AsyncGenerator<T, void, undefined> {
    try {
      while (!this.#closed) {
        const offer = this.#offers.shift()
        if (offer === undefined) {
          await new Promise<void>((resolve) => (this.#wake = resolve))
          continue
        }
        let isDone = false
        try {
          yield offer.item
          isDone = true
        } finally {
          offer.done(isDone)
        }
      }
    } finally {
      this.close()
    }
  }

  close(): void {
    this.#closed = true
    for (const { done } of this.#offers.splice(0)) done(false)
    this.#wake()
  }
}
