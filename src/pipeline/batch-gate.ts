/**
 * Keeps the store from taking state in the middle of a batch. A source marks its position only between batches. State
 * from beyond the mark would count again what the source reports again after a crash.
 */
export class BatchGate {
  #inside = 0
  #open: Promise<void> | undefined
  #empty: (() => void) | undefined

  /** Resolves once no state is being taken. */
  async enter(): Promise<void> {
    while (this.#open !== undefined) await this.#open
    this.#inside += 1
  }

  leave(): void {
    this.#inside -= 1
    if (this.#inside === 0) this.#empty?.()
  }

  /** Runs `take` once all batches that have begun are judged. Later batches wait for it. */
  async between<T>(take: () => T): Promise<T> {
    while (this.#open !== undefined) await this.#open
    if (this.#inside === 0) return take()
    let open: (() => void) | undefined
    this.#open = new Promise((resolve) => {
      open = resolve
    })
    try {
      await new Promise<void>((resolve) => {
        this.#empty = resolve
      })
      return take()
    } finally {
      this.#empty = undefined
      this.#open = undefined
      open?.()
    }
  }
}
