import {
  behaviourKey,
  type BehaviourKey,
  type EventSource,
  type SourceBatch,
  type SourceControl,
  type SourceMessage,
  type SourceState,
  type SourceSupport,
} from '../../src/pipeline/sources/source.ts'
import { eventKinds } from '../../src/core/event/event.ts'
import { isoOf } from '../../src/core/event/time.ts'
import type {
  ContainerIdentity,
  IdentityEngine,
  EngineState,
  LeftListener,
} from '../../src/pipeline/identity/identity.ts'
import { actsOf, Dice, type SoakRun } from './workload.ts'

/** Knows the containers that run. */
export class SoakEngine implements IdentityEngine {
  readonly name = 'soak'
  readonly state: EngineState = { kind: 'running' }
  readonly running = new Map<string, ContainerIdentity>()
  readonly #left = new Set<LeftListener>()

  async start(): Promise<void> {}
  known(id: string): ContainerIdentity | undefined {
    return this.running.get(id)
  }
  async lookup(id: string): Promise<ContainerIdentity | 'unknown'> {
    return this.running.get(id) ?? 'unknown'
  }
  peer(): undefined {
    return undefined
  }
  addresses(): Iterable<string> {
    return []
  }
  subscribe(): () => void {
    return () => undefined
  }
  subscribeLeft(listener: LeftListener): () => void {
    this.#left.add(listener)
    return () => this.#left.delete(listener)
  }
  leave(id: string): void {
    if (!this.running.delete(id)) return
    for (const listener of this.#left) listener(id, 'gone')
  }
}

/** Counts known behaviours of a container, as the sensor does, and reports others as events. */
class SoakControl implements SourceControl {
  readonly scopes = new Map<string, number>()
  readonly knownIn = new Map<number, Set<BehaviourKey>>()

  assign(id: string, scope: number): void {
    this.scopes.set(id, scope)
  }
  release(id: string): void {
    this.scopes.delete(id)
  }
  known(scope: number, keys: readonly BehaviourKey[]): void {
    let known = this.knownIn.get(scope)
    if (known === undefined) {
      known = new Set()
      this.knownIn.set(scope, known)
    }
    for (const key of keys) known.add(key)
  }
  filter(): void {}
  flush(): void {}
}

/** The containers of a simulated node, one after the other, as messages of a sensor. */
export class SoakSource implements EventSource {
  readonly name = 'ebpf'
  readonly supports: SourceSupport = { kinds: eventKinds, filter: true, containers: true }
  readonly state: SourceState = { kind: 'running' }
  readonly stats = { received: 0, delivered: 0, lost: {}, facts: {} }
  readonly control = new SoakControl()
  readonly #engine: SoakEngine
  readonly #runs: Iterable<SoakRun>
  /** Called before each container, with its start. */
  readonly #onStart: (run: SoakRun) => Promise<void>
  readonly #dice = new Dice(11)
  events = 0
  counts = 0

  constructor(
    engine: SoakEngine,
    runs: Iterable<SoakRun>,
    onStart: (run: SoakRun) => Promise<void>,
  ) {
    this.#engine = engine
    this.#runs = runs
    this.#onStart = onStart
  }

  async *messages(signal: AbortSignal): AsyncGenerator<SourceBatch> {
    const ends: SoakRun[] = []
    for (const run of this.#runs) {
      if (signal.aborted) return
      while (ends[0] !== undefined && endOf(ends[0]) <= run.atMs)
        yield this.#ended(ends.shift() as SoakRun)
      await this.#onStart(run)
      const { identity, atMs } = run
      this.#engine.running.set(identity.id, identity)
      const container = {
        id: identity.id,
        cgroup: `/soak/${identity.id}`,
        time: isoOf(atMs * 1_000),
        before: false,
      }
      yield [{ type: 'container-started', container }]
      yield this.#acts(run)
      const at = ends.findIndex((other) => endOf(other) > endOf(run))
      if (at < 0) ends.push(run)
      else ends.splice(at, 0, run)
    }
    for (const run of ends) yield this.#ended(run)
  }

  #acts(run: SoakRun): SourceBatch {
    const { ref } = run.image
    const { id } = run.identity
    const known = this.control.knownIn.get(this.control.scopes.get(id) ?? -1)
    const messages: SourceMessage[] = []
    for (const { index, event } of actsOf(run, this.#dice)) {
      if (index < 0) {
        messages.push({ type: 'event', event, key: behaviourKey(this.#dice.hex(16)) })
        this.events += 1
        continue
      }
      const key = behaviourKey(`${ref.digest.slice(7, 19)}${index.toString(16).padStart(4, '0')}`)
      if (known?.has(key) === true) {
        const first = event.time
        const last = isoOf((run.atMs + run.lastsMs) * 1_000)
        messages.push({
          type: 'count-update',
          countUpdate: { key, containerId: id, count: 5, first, last },
        })
        this.counts += 1
      } else {
        messages.push({ type: 'event', event, key })
        this.events += 1
      }
    }
    return messages
  }

  #ended(run: SoakRun): SourceBatch {
    const { id } = run.identity
    this.#engine.leave(id)
    this.control.scopes.delete(id)
    return [{ type: 'container-ended', id, time: isoOf(endOf(run) * 1_000) }]
  }
}

function endOf({ atMs, lastsMs }: SoakRun): number {
  return atMs + lastsMs
}
