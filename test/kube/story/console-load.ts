import type { FleetImageDetail } from '../../../src/console/reading/views.ts'
import type { ConsoleClient } from './console-client.ts'

/** So many decisions an object takes, with room for others. */
const mostDecisions = 1_500

/** A client that reads an image and decides on its behaviours, each as soon as it has an answer, until it is ended. */
export class ConsoleLoad {
  /** Ids of behaviours whose approval was answered with success. */
  readonly confirmed: string[] = []
  /** Decisions that had an answer without success. */
  readonly refused: string[] = []
  /** Decisions without an answer: they may have been made. */
  unanswered = 0
  reads = 0
  /** The longest time from one answer of a read to the next, in milliseconds. */
  longestGapMs = 0
  readonly #console: ConsoleClient
  readonly #path: string
  readonly #loops: readonly Promise<void>[]
  #onAnswer: () => void = () => undefined
  #isOver = false

  constructor(console: ConsoleClient, name: string) {
    this.#console = console
    this.#path = `/v1/fleet/images/${name}`
    this.#loops = [this.#read(), this.#decide()]
  }

  /** Resolves once so many more decisions are confirmed, and as many reads were answered. */
  async answers(count: number): Promise<void> {
    const [confirmed, reads] = [this.confirmed.length + count, this.reads + count]
    while (this.confirmed.length < confirmed || this.reads < reads)
      await new Promise<void>((resolve) => (this.#onAnswer = resolve))
  }

  get summary(): string {
    const { confirmed, unanswered, reads, longestGapMs } = this
    const made = `${confirmed.length} decisions confirmed, ${unanswered} without an answer`
    return `${made}; ${reads} reads, at most ${Math.round(longestGapMs)} ms apart`
  }

  async end(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#loops)
  }

  async #read(): Promise<void> {
    let last = performance.now()
    while (!this.#isOver) {
      const answer = await this.#console.ask<FleetImageDetail>(this.#path).catch(() => undefined)
      if (answer?.status !== 200) continue
      const now = performance.now()
      this.longestGapMs = Math.max(this.longestGapMs, now - last)
      last = now
      this.reads += 1
      this.#onAnswer()
    }
  }

  async #decide(): Promise<void> {
    for (let count = 1; !this.#isOver && count <= mostDecisions; count += 1) {
      const id = `b${count.toString(16).padStart(20, '0')}`
      const how = { as: 'reviewer', method: 'POST', headers: { 'if-match': '*' } } as const
      const body = { behaviours: [id] }
      const answer = await this.#console
        .ask(`${this.#path}/approve`, { ...how, body })
        .catch(() => undefined)
      if (answer === undefined) this.unanswered += 1
      else if (answer.status === 200) this.confirmed.push(id)
      else this.refused.push(`${answer.status}: ${JSON.stringify(answer.body)}`)
      this.#onAnswer()
    }
  }
}
