import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import type { Log } from './log.ts'
import { StackWatch } from './stack-watch.ts'

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
/** How often the watch looks whether anything held the loop that no piece of work is the name of. */
const lookMs = 100

/** Measures how long the event loop waits, and names the work that held it for long. Of the next it logs the stack. */
export class LoopWatch {
  readonly #log: Log
  readonly #stacks: StackWatch
  readonly #histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: resolutionMs })
  #timer: NodeJS.Timeout | undefined
  #lookedMs = 0
  #lookedCpu = process.cpuUsage()
  /** When named work ended last that was long. */
  #longMs = -Infinity
  #loggedMs = -Infinity
  #unlogged = 0
  /** Work that held the loop for longer than {@link longTurnMs}, since the start. */
  longTurns = 0

  constructor(log: Log) {
    this.#log = log
    this.#stacks = new StackWatch((sample) => {
      log.warn(sample, 'what held the event loop, by its stack')
    })
  }

  start(): void {
    this.#histogram.enable()
    this.#lookedMs = performance.now()
    this.#timer = setInterval(() => this.#look(), lookMs)
    this.#timer.unref()
  }

  close(): void {
    this.#histogram.disable()
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#stacks.close()
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

  /** A late look shows work without a name, or that the process did not get a processor: then it used little. */
  #look(): void {
    this.#stacks.looked()
    const nowMs = performance.now()
    const lateMs = nowMs - this.#lookedMs - lookMs
    const { user, system } = process.cpuUsage(this.#lookedCpu)
    this.#lookedCpu = process.cpuUsage()
    const isWork = (user + system) / 1_000 >= longTurnMs
    if (lateMs >= longTurnMs && isWork && this.#longMs < this.#lookedMs) {
      this.#long('unnamed', lateMs, nowMs)
    }
    this.#lookedMs = nowMs
  }

  #long(what: string, milliseconds: number, nowMs: number): void {
    this.longTurns += 1
    if (this.#timer !== undefined) this.#stacks.arm()
    this.#longMs = nowMs
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
