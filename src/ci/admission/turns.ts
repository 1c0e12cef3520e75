import { SnugError } from '../../errors.ts'

/** Limits concurrent work. More tasks wait in the order of their arrival; beyond `waiting` they are refused. */
export class Turns {
  readonly #waiting: number
  readonly #queue: (() => void)[] = []
  #free: number

  constructor(limits: { readonly atOnce: number; readonly waiting: number }) {
    this.#free = limits.atOnce
    this.#waiting = limits.waiting
  }

  /** Errors: REGISTRY_FAILED where too many wait; those of the work */
  async take<Value>(work: () => Promise<Value>): Promise<Value> {
    await this.#turn()
    try {
      return await work()
    } finally {
      const next = this.#queue.shift()
      if (next === undefined) this.#free += 1
      else next()
    }
  }

  async #turn(): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1
      return
    }
    if (this.#queue.length >= this.#waiting) {
      throw new SnugError('REGISTRY_FAILED', `${this.#waiting} images wait to be asked about`)
    }
    await new Promise<void>((resolve) => this.#queue.push(resolve))
  }
}
