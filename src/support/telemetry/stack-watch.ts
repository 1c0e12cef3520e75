import { isMainThread, Worker } from 'node:worker_threads'
import { stackSampler } from './stack-sampler.ts'

/** What the main thread did while it held the event loop. */
export interface StackSample {
  /** The innermost function first, each with its file and line. */
  readonly stack: readonly string[]
  /** How long it had held the loop by then. */
  readonly milliseconds: number
}

/** Work is sampled that holds the event loop for longer, in milliseconds. Between two looks there are up to 100. */
export const heldMs = 200
/** How long after long work the next is sampled. */
const armedMs = 600_000
const framesMost = 16

/**
 * Samples the stack of work that holds the event loop, from a thread of its own. The thread needs 8 to 9 MiB, so it
 * exists only for ten minutes after long work: what held the loop once often does so again.
 */
export class StackWatch {
  readonly #looks = new Int32Array(new SharedArrayBuffer(4))
  readonly #onSample: (sample: StackSample) => void
  #worker: Worker | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(onSample: (sample: StackSample) => void) {
    this.#onSample = onSample
  }

  /** The event loop turns. To be called at least every 100 ms. */
  looked(): void {
    Atomics.add(this.#looks, 0, 1)
  }

  /** Some work was long: from now on, and for a while, the next is sampled. */
  arm(): void {
    // The sampler looks at the main thread of the process.
    if (!isMainThread) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.close(), armedMs)
    this.#timer.unref()
    this.#worker ??= this.#started()
  }

  get isArmed(): boolean {
    return this.#worker !== undefined
  }

  close(): void {
    clearTimeout(this.#timer)
    void this.#worker?.terminate()
    this.#worker = undefined
  }

  #started(): Worker {
    const worker = new Worker(stackSampler, {
      eval: true,
      execArgv: [],
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1 },
      workerData: { looks: this.#looks, heldMs, framesMost },
    })
    worker.unref()
    worker.on('message', this.#onSample)
    // Without an inspector there are no samples: the work keeps its name in the log.
    worker.on('error', () => this.close())
    return worker
  }
}
