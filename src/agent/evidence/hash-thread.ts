import { Worker } from 'node:worker_threads'
import type { ExecutedFile } from '../../core/event/event.ts'
import type { UnhashedReason } from '../../core/event/event-words.ts'
import { fileHasher } from './file-hasher.ts'

export interface HashJob {
  readonly pid: number
  /** Below the root of the container. */
  readonly path: string
  /** Folder of its cgroup; empty where it is not known. */
  readonly cgroup: string
  readonly file: ExecutedFile
  /** A change after the execution may have left no trace. */
  readonly isTraceless: boolean
  /** What the files of this minute may still have. */
  readonly mostBytes: number
}

export type HashAnswer = { readonly bytes?: number } & (
  | {
      readonly sha256: string
      /** Otherwise it is of what the process runs, if that is what it executed. */
      readonly isCertain: boolean
    }
  | { readonly unhashed: UnhashedReason }
)

/** The thread needs 8 to 9 MiB: it ends so long after the last file. */
const idleMs = 60_000
/** A file system that does not answer for so long holds up no other file. */
const patienceMs = 30_000
/** Threads that wait for such a file system. They cannot be ended. */
const stuckMost = 3

const unreadable: HashAnswer = { unhashed: 'unreadable' }
const ended: HashAnswer = { unhashed: 'agent-ended' }

/** Does one job after the other, in a thread that exists while there are some. */
export class HashThread {
  #worker: Worker | undefined
  #timer: NodeJS.Timeout | undefined
  #answer: ((answer: HashAnswer) => void) | undefined
  #last: Promise<unknown> = Promise.resolve()
  #stuck = 0
  #isClosed = false

  /** `job`: made once its turn has come. */
  do(job: () => HashJob): Promise<HashAnswer> {
    const done = this.#last.then(() => this.#ask(job()))
    this.#last = done
    return done
  }

  /** For good. */
  close(): void {
    this.#isClosed = true
    this.#end()
  }

  #end(): void {
    clearTimeout(this.#timer)
    void this.#worker?.terminate()
    this.#worker = undefined
    this.#answered(this.#isClosed ? ended : unreadable)
  }

  #ask(job: HashJob): Promise<HashAnswer> {
    if (this.#isClosed) return Promise.resolve(ended)
    if (this.#stuck >= stuckMost) return Promise.resolve(unreadable)
    const worker = (this.#worker ??= this.#started())
    this.#after(patienceMs, () => {
      this.#stuck += 1
      this.#end()
    })
    return new Promise((resolve) => {
      this.#answer = resolve
      worker.postMessage(job)
    })
  }

  #answered(answer: HashAnswer): void {
    const resolve = this.#answer
    this.#answer = undefined
    resolve?.(answer)
  }

  #started(): Worker {
    const worker = new Worker(fileHasher, {
      eval: true,
      execArgv: [],
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1 },
    })
    worker.unref()
    worker.on('message', (answer: HashAnswer) => {
      if (worker !== this.#worker) return
      this.#after(idleMs, () => this.#end())
      this.#answered(answer)
    })
    worker.on('error', () => {
      if (worker === this.#worker) this.#end()
    })
    return worker
  }

  #after(milliseconds: number, work: () => void): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(work, milliseconds)
    this.#timer.unref()
  }
}
