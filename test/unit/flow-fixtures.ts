import { type ActEvent, eventKinds } from '../../src/event/event.ts'
import { Daemon } from '../../src/flow/daemon.ts'
import { SnugEngine } from '../../src/flow/snug-engine.ts'
import { Identifier } from '../../src/identity/identifier.ts'
import { ImageFiles } from '../../src/identity/image-files.ts'
import type { LearnRules } from '../../src/lifecycle/version.ts'
import type { KernelProfile } from '../../src/match/kernel-profile.ts'
import { Dispatcher } from '../../src/deliver/dispatcher.ts'
import type { Outlet } from '../../src/deliver/sink.ts'
import type {
  ContainerTraits,
  Enforcement,
  EventSource,
  PeerName,
  SourceBatch,
  SourceControl,
  SourceMessage,
  SourceState,
  SourceSupport,
} from '../../src/sources/source.ts'
import type { AlertGrade } from '../../src/respond/alert-grade.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { Store } from '../../src/store/store.ts'
import { createLog } from '../../src/telemetry/log.ts'
import { guardrails, shaper } from './act-fixture.ts'
import { ScriptedEngine } from './identity-fixtures.ts'

type Told =
  | {
      readonly what: 'assign'
      readonly id: string
      readonly scope: number
      readonly traits: ContainerTraits
    }
  | { readonly what: 'release'; readonly id: string }
  | { readonly what: 'known'; readonly scope: number; readonly keys: readonly string[] }
  | {
      readonly what: 'profile'
      readonly scope: number
      readonly profile: KernelProfile | undefined
    }
  | { readonly what: 'enforce'; readonly scope: number; readonly enforcement: Enforcement }
  | { readonly what: 'peers'; readonly changes: readonly PeerName[] }
  | { readonly what: 'failClosed'; readonly on: boolean }

/** Writes down what a source is told, in order. */
export class RecordingControl implements SourceControl {
  readonly told: Told[] = []

  assign(id: string, scope: number, traits: ContainerTraits = {}): void {
    this.told.push({ what: 'assign', id, scope, traits })
  }
  release(id: string): void {
    this.told.push({ what: 'release', id })
  }
  known(scope: number, keys: readonly string[]): void {
    this.told.push({ what: 'known', scope, keys })
  }
  profile(scope: number, profile: KernelProfile | undefined): void {
    this.told.push({ what: 'profile', scope, profile })
  }
  enforce(scope: number, enforcement: Enforcement): void {
    this.told.push({ what: 'enforce', scope, enforcement })
  }
  peers(changes: readonly PeerName[]): void {
    this.told.push({ what: 'peers', changes })
  }
  failClosed(on: boolean): void {
    this.told.push({ what: 'failClosed', on })
  }
  filter(): void {}
  flush(): void {}

  all<W extends Told['what']>(what: W): readonly Extract<Told, { what: W }>[] {
    return this.told.filter((each): each is Extract<Told, { what: W }> => each.what === what)
  }
  last<W extends Told['what']>(what: W): Extract<Told, { what: W }> | undefined {
    return this.all(what).at(-1)
  }
  /** Whether this container's deviations are blocked where its version's are, as it was told last. */
  enforced(id: string): boolean | undefined {
    return this.all('assign').findLast((each) => each.id === id)?.traits.enforce
  }
}

/** A source that says what a test has it say. */
export class ScriptedSource implements EventSource {
  readonly name: string
  readonly supports: SourceSupport
  readonly state: SourceState = { kind: 'running' }
  readonly stats = { received: 0, delivered: 0, lost: {}, facts: { 'stop.exec': 'killed' } }
  readonly control?: SourceControl
  readonly #queue: SourceBatch[] = []
  #wake: () => void = () => undefined
  readonly #awaited: (() => void)[] = []

  /** Without a control: a sensor of somebody else's. */
  constructor(control?: SourceControl, name = 'ebpf', supports: Partial<SourceSupport> = {}) {
    const isOurs = control !== undefined
    this.name = name
    this.supports = { kinds: eventKinds, filter: isOurs, containers: isOurs, ...supports }
    if (isOurs) this.control = control
  }

  say(...messages: SourceMessage[]): void {
    this.#queue.push(messages)
    this.#wake()
  }

  /** Resolves once everything that was said is judged. */
  heard(): Promise<void> {
    this.#wake()
    return new Promise((resolve) => this.#awaited.push(resolve))
  }

  async *messages(signal: AbortSignal): AsyncGenerator<SourceBatch> {
    signal.addEventListener('abort', () => this.#wake(), { once: true })
    while (!signal.aborted) {
      const next = this.#queue.shift()
      if (next !== undefined) {
        yield next
        continue
      }
      for (const heard of this.#awaited.splice(0)) heard()
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }
}

export interface DaemonWorld {
  readonly control: RecordingControl
  readonly source: ScriptedSource
  readonly containers: ScriptedEngine
  readonly store: Store
  readonly daemon: Daemon
  readonly engine: SnugEngine
  /** Moves the daemon's own clock on, and its versions with it. */
  advance(ms: number): void
  now(): number
  start(): Promise<void>
  stop(): Promise<void>
}

export interface WorldOptions {
  readonly rules?: Partial<LearnRules>
  readonly store?: Store
  readonly control?: SourceControl
  readonly startMs?: number
  readonly failClosed?: boolean
  /** Beside the one that every world has. */
  readonly sources?: readonly EventSource[]
  readonly outlets?: readonly Outlet[]
  readonly grade?: AlertGrade
}

/** A whole daemon with a source, an engine and a clock of the test's own; nothing of it is stubbed between them. */
export function daemonWorld(options: WorldOptions = {}): DaemonWorld {
  let nowMs = options.startMs ?? Date.now()
  const control = new RecordingControl()
  const source = new ScriptedSource(options.control ?? control)
  const containers = new ScriptedEngine()
  const store = options.store ?? new MemoryStore()
  const files = new ImageFiles()
  const log = createLog('silent')
  const daemon = new Daemon({
    node: 'n1',
    sources: [source, ...(options.sources ?? [])],
    engines: [containers],
    files,
    makeIdentifier: (release) =>
      new Identifier({ engines: [containers], files, node: 'n1', release }),
    shaper,
    guardrails,
    rules: { floorMs: 1_000, ceilingMs: 60_000, unseen: 1, after: 'alert', ...options.rules },
    failClosed: options.failClosed ?? false,
    ...(options.grade === undefined ? {} : { grade: options.grade }),
    store,
    makeDispatcher: (news) =>
      new Dispatcher(options.outlets ?? [], {
        node: 'n1',
        outbox: { maxBytes: 1_048_576, maxAgeMs: 3_600_000, maxSpan: 1_000 },
        repeatMs: 0,
        onError: () => undefined,
        ...news,
      }),
    storms: { each: 20, withinMs: 60_000, always: 'critical' },
    flushIntervalMs: 60_000,
    alertsKept: 100,
    log,
    now: () => nowMs,
  })
  const stop = new AbortController()
  let running: Promise<void> | undefined
  return {
    control,
    source,
    containers,
    store,
    daemon,
    engine: new SnugEngine(daemon, '0', {}),
    advance: (ms) => {
      nowMs += ms
      daemon.tick()
    },
    now: () => nowMs,
    start: async () => {
      await daemon.load()
      running = daemon.run(stop.signal)
      await new Promise((resolve) => setImmediate(resolve))
    },
    stop: async () => {
      stop.abort()
      await running
    },
  }
}

export function eventMessage(event: ActEvent): SourceMessage {
  return { type: 'event', event }
}
