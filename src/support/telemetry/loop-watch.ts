import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import type { Log } from './log.ts'

export interface LoopDelay {
  /** Seconds that a turn of the event loop took at most since the last look, and the 99th percentile. */
  readonly max: number
  readonly p99: number
}

/** Work that blocks the event loop for longer, in milliseconds, is logged. */
const longTurnMs = 100
/** The least time between two log lines, in milliseconds. */
const quietMs = 1_000
const resolutionMs = 10

/** Measures how long the event loop waits, and names the work that held it for long. */
export class LoopWatch {
  readonly #log: Log
  readonly #histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: resolutionMs })
  #loggedMs = -Infinity
  #unlogged = 0
  /** Work that held the loop for longer than {@link longTurnMs}, since the start. */
  longTurns = 0

  constructor(log: Log) {
    this.#log = log
  }

  start(): void {
    this.#histogram.enable()
  }

  close(): void {
    this.#histogram.disable()
  }

  /** Runs `work`, and names its synchronous part if it takes long. */
  during<T>(what: string, work: () => T): T {
    const began = performance.now()
    try {
      return work()
    } finally {
      const ended = performance.now()
      if (ended - began >= longTurnMs) this.#long(what, ended - began, ended)
    }
  }

  /** Since it was last asked. */
  delay(): LoopDelay {
    const { max, count } = this.#histogram
    // The histogram measures from tick to tick: a loop that is not late shows its resolution.
    const late = (nanos: number): number => Math.max(0, nanos / 1e9 - resolutionMs / 1e3)
    const delay = count === 0 ? { max: 0, p99: 0 } : { max, p99: this.#histogram.percentile(99) }
    this.#histogram.reset()
    return { max: late(delay.max), p99: late(delay.p99) }
  }

  #long(what: string, milliseconds: number, nowMs: number): void {
    this.longTurns += 1
    if (nowMs - this.#loggedMs < quietMs) {
      this.#unlogged += 1
      return
    }
    const others = this.#unlogged
    this.#loggedMs = nowMs
    this.#unlogged = 0
    this.#log.warn(
      { what, milliseconds: Math.round(milliseconds), others },
      'one piece of work held the event loop, and with it judging',
    )
  }
}
