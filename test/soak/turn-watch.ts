import { closeSync, openSync, readSync } from 'node:fs'
import { PerformanceObserver } from 'node:perf_hooks'
import type { LoopWatch } from '../../src/support/telemetry/loop-watch.ts'

export interface LongTurn {
  /** CPU of the main thread. The kernel accounts it once a tick while the thread runs: exact to a tick. */
  readonly ms: number
  /** Pieces of work in it, with milliseconds of wall time. */
  readonly work: readonly string[]
  /** Its wall time, on the clock of `performance.now`. */
  readonly beganMs: number
  readonly endMs: number
  /** Wall time in it that the collector of the heap took. */
  collectedMs: number
  /** What was asked for meanwhile. */
  readonly phase: string
}

const turnsKept = 12

/** Measures the CPU of the main thread in each turn of the event loop, by the accounting of the kernel's scheduler. */
export class TurnWatch {
  longest: LongTurn[] = []
  turns = 0
  /** Turns by their CPU: index n counts those of at most 2ⁿ ms. */
  readonly histogram: number[] = []
  /** The longest turn while each thing was asked for. */
  readonly phases: Record<string, LongTurn> = {}
  #phase = ''
  readonly #file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r')
  readonly #buffer = Buffer.alloc(64)
  #last = 0
  #beganMs = 0
  #work: string[] = []
  #stopped = false
  /** Reports a collection some turns later. */
  readonly #collections = new PerformanceObserver((list) => {
    const turns = new Set([...this.longest, ...Object.values(this.phases)])
    for (const { startTime, duration } of list.getEntries())
      for (const turn of turns)
        if (startTime >= turn.beganMs && startTime < turn.endMs) turn.collectedMs += duration
  })

  start(): void {
    this.#collections.observe({ entryTypes: ['gc'] })
    this.#beganMs = performance.now()
    this.#last = this.#cpuMs()
    this.#work = []
    const turn = (): void => {
      const now = this.#cpuMs()
      this.#took(now - this.#last)
      this.#last = now
      this.#beganMs = performance.now()
      this.#work = []
      if (!this.#stopped) setImmediate(turn)
    }
    setImmediate(turn)
  }

  stop(): void {
    this.#stopped = true
    this.#collections.disconnect()
    closeSync(this.#file)
  }

  /** Also names what the daemon does in a turn. */
  name(loop: LoopWatch): void {
    const during = loop.during.bind(loop)
    loop.during = (what, work) => during(what, () => this.note(what, work))
  }

  /** From the next turn on, turns count for this phase. */
  phase(name: string): void {
    this.#phase = name
  }

  note<T>(what: string, work: () => T): T {
    const began = performance.now()
    try {
      return work()
    } finally {
      const ms = performance.now() - began
      if (ms >= 1) this.#work.push(`${what} ${ms.toFixed(1)}`)
    }
  }

  #took(ms: number): void {
    this.turns += 1
    const bin = Math.max(0, Math.ceil(Math.log2(Math.max(1, ms))))
    this.histogram[bin] = (this.histogram[bin] ?? 0) + 1
    const [beganMs, endMs] = [this.#beganMs, performance.now()]
    const turn = { ms, work: this.#work, beganMs, endMs, collectedMs: 0, phase: this.#phase }
    if (ms > (this.phases[this.#phase]?.ms ?? 0)) this.phases[this.#phase] = turn
    const least = this.longest.at(-1)?.ms ?? 0
    if (ms <= least && this.longest.length >= turnsKept) return
    this.longest.push(turn)
    this.longest.sort((a, b) => b.ms - a.ms).splice(turnsKept)
  }

  #cpuMs(): number {
    if (this.#stopped) return this.#last
    const length = readSync(this.#file, this.#buffer, 0, 64, 0)
    return Number(this.#buffer.toString('latin1', 0, length).split(' ')[0]) / 1e6
  }
}

/** A turn as text for people. */
export function turnText({ ms, collectedMs, work }: LongTurn): string {
  return `${ms.toFixed(1)} ms of CPU, collections ${collectedMs.toFixed(1)} (${work.join(', ')})`
}
