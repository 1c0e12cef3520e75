interface Offer<T> {
  readonly item: T
  readonly done: (taken: boolean) => void
}

/**
 * Where many givers wait for one taker, first come first served. Nothing is queued beyond the one item that each giver
 * has in its hands, so whoever gives faster than is taken waits.
 */
export class HandOver<T> {
  readonly #offers: Offer<T>[] = []
  #wake: () => void = () => undefined
  #closed = false

  /** Resolves once the taker has done with it, and asks for the next; false: nobody takes any more. */
  give(item: T): Promise<boolean> {
    if (this.#closed) return Promise.resolve(false)
    return new Promise((done) => {
      this.#offers.push({ item, done })
      this.#wake()
    })
  }

  /** To be iterated once; ends when it is closed. */
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
