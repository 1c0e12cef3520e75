import type { Steps } from '../core/steps.ts'
import type { LoopWatch } from './telemetry/loop-watch.ts'

/** Milliseconds of a turn of the event loop that all of this work together takes. */
const sliceMs = 2

interface Job {
  readonly what: string
  /** Continues the work for a slice. Returns whether more of it is left. */
  readonly go: (hasTime: () => boolean) => boolean
}

/**
 * Does long work beside judging: one slice in each turn of the event loop, of one piece of work after the other. So
 * many requests at a time delay each other, and not judging.
 */
export class Slices {
  readonly #watch: Pick<LoopWatch, 'during'> | undefined
  readonly #jobs: Job[] = []

  constructor(watch?: Pick<LoopWatch, 'during'>) {
    this.#watch = watch
  }

  /** Resolves or rejects as the work ends. `what` names it in the log. */
  run<T>(what: string, steps: Steps<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const go = (hasTime: () => boolean): boolean => {
        try {
          do {
            const { done, value } = steps.next()
            if (done !== true) continue
            resolve(value)
            return false
          } while (hasTime())
          return true
        } catch (error) {
          reject(error)
          return false
        }
      }
      if (this.#jobs.length === 0) setImmediate(this.#turn)
      this.#jobs.push({ what, go })
    })
  }

  readonly #turn = (): void => {
    const began = performance.now()
    const hasTime = (): boolean => performance.now() - began < sliceMs
    // Short pieces of work share a turn.
    do {
      const job = this.#jobs[0]
      if (job === undefined) return
      const isLeft =
        this.#watch === undefined
          ? job.go(hasTime)
          : this.#watch.during(job.what, () => job.go(hasTime))
      this.#jobs.shift()
      if (isLeft) this.#jobs.push(job)
    } while (hasTime())
    if (this.#jobs.length > 0) setImmediate(this.#turn)
  }
}
