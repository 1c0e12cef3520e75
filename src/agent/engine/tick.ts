import { finish, type Steps } from '../../core/steps.ts'
import { evictedFinding } from '../pipeline/alerts/delivery-findings.ts'
import { Rounds } from '../../support/rounds.ts'
import type { Agent } from './agent.ts'
import type { HoldService } from '../decisions/hold-service.ts'
import { ScopeMerge } from './scope-merge.ts'
import { BlindWatch } from './blind-watch.ts'
import { healthOf } from '../reading/status/health.ts'

const restEveryMs = 60_000
/** Time of a tick for folding old evidence. */
const foldMs = 4

/** Changes that are due to time: in one piece, or beside judging. */
export class Tick {
  readonly #context: Agent
  readonly #holds: HoldService
  readonly #scopeMerge: ScopeMerge
  readonly #blind: BlindWatch
  readonly #restRounds = new Rounds(restEveryMs)
  /** The last one beside judging has not ended yet. */
  #runs = false

  constructor(context: Agent, holds: HoldService) {
    this.#context = context
    this.#holds = holds
    this.#scopeMerge = new ScopeMerge(context)
    this.#blind = new BlindWatch(context)
  }

  inOnePiece(): void {
    finish(this.#steps())
  }

  async inSlices(): Promise<void> {
    if (this.#runs) return
    this.#runs = true
    try {
      await this.#context.slices.run('tick', this.#steps())
    } finally {
      this.#runs = false
    }
  }

  *#steps(): Steps<void> {
    const { registry, kernel, alerts, live, journal, parts } = this.#context
    const now = (): number => this.#context.now()
    yield* registry.lifecycle.tickSteps()
    yield* registry.lifecycle.parkSteps()
    yield* this.#scopeMerge.steps()
    kernel.tick()
    this.#holds.tick()
    this.#blind.check()
    yield
    alerts.tick(now())
    this.#context.persons.tick()
    this.#reportEvicted()
    yield
    this.#fold()
    live.status(healthOf(this.#context))
    yield
    if (this.#restRounds.begins(now())) yield* this.#restSteps()
    const observes = parts.sources.some(({ state }) => state.kind === 'running')
    if (observes) journal.observedUntil(new Date(now()).toISOString())
  }

  /** Compresses what has not been new for a minute. */
  *#restSteps(): Steps<void> {
    yield* this.#context.live.restSteps()
    yield* this.#context.alerts.restSteps()
  }

  #fold(): void {
    const began = performance.now()
    this.#context.registry.lifecycle.fold(() => performance.now() - began < foldMs)
  }

  #reportEvicted(): void {
    const { alerts, journal, parts } = this.#context
    const count = alerts.drainEvicted()
    if (count === 0) return
    const nowMs = this.#context.now()
    alerts.raise(evictedFinding(count, parts.node, nowMs), nowMs, count)
    journal.changed()
  }
}
