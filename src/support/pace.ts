import { setImmediate as nextTurn } from 'node:timers/promises'

/** Milliseconds of one turn. */
const turnMs = 2

/** Cuts a long loop into turns of the event loop: `if (pace.isOver) await pace.turn()`. */
export class Pace {
  #began = performance.now()

  /** The turn has taken long enough. */
  get isOver(): boolean {
    return performance.now() - this.#began >= turnMs
  }

  /** Resolves in the next turn. */
  async turn(): Promise<void> {
    await nextTurn()
    this.#began = performance.now()
  }
}
