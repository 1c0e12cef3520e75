import type { EngineState } from './identity.ts'

/** The state of an engine, which it reports when it changes. */
export class StateKeeper {
  readonly #onState: ((state: EngineState) => void) | undefined
  readonly #now: () => Date
  #state: EngineState = { kind: 'starting' }

  constructor(onState?: (state: EngineState) => void, now: () => Date = () => new Date()) {
    this.#onState = onState
    this.#now = now
  }

  get state(): EngineState {
    return this.#state
  }

  become(state: EngineState): void {
    if (state.kind === this.#state.kind && state.kind !== 'degraded') return
    this.#state = state
    this.#onState?.(state)
  }

  /** Degraded since the first reason. */
  degrade(reason: string): void {
    if (this.#state.kind === 'degraded' && this.#state.reason === reason) return
    const since = this.#state.kind === 'degraded' ? this.#state.since : this.#now().toISOString()
    this.become({ kind: 'degraded', reason, since })
  }
}
