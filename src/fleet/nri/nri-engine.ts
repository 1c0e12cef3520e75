import { setTimeout as delay } from 'node:timers/promises'
import { EngineNews } from '../../agent/pipeline/identity/engine-news.ts'
import { LRUCache } from 'lru-cache'
import { describeError, SnugError } from '../../errors.ts'
import type {
  ContainerIdentity,
  EngineAct,
  EngineState,
  IdentityEngine,
  PendingContainer,
} from '../../agent/pipeline/identity/identity.ts'
import type { CriClient } from '../../agent/pipeline/identity/nri/cri-client.ts'
import type { NriSubject } from '../../agent/pipeline/identity/nri/nri-link.ts'
import { Backoff } from '../../support/backoff.ts'
import type { KubeEngine } from '../kubernetes/kube-engine.ts'
import { madeOf } from '../kubernetes/pod-containers.ts'
import { sandboxOf } from '../kubernetes/sandboxes.ts'
import { StateKeeper } from '../../agent/pipeline/identity/state-keeper.ts'

export interface NriEngineOptions {
  /** Of the runtime's Node Resource Interface. */
  readonly socket: string
  /** Of the runtime itself (CRI). */
  readonly runtime: string
  /** What the pods of this node ask for. */
  readonly pods: Pick<KubeEngine, 'pod' | 'known' | 'refusalOf' | 'stop'>
  /** A container that the kernel does not judge yet must not start. */
  readonly failClosed: boolean
  /** Receives each container that must not start, for the log. */
  readonly onRefused?: (line: { readonly container: string; readonly reason: string }) => void
  readonly onState?: (state: EngineState) => void
}

const backoffRules = { firstMs: 200, longestMs: 5_000 } as const
/** How long a start waits for its container to be placed, in milliseconds. The runtime itself waits two seconds. */
const patience = { open: 500, closed: 1_500 } as const
/** The part of the runtime's own patience that may be used. */
const share = 0.75
/** Until then the API server may report the pod, in milliseconds. */
const placeMs = 10_000
/** Containers that were removed lately: their last events may still arrive. */
const remembered = 1_024

/** One that the runtime has made and not removed. */
interface Made {
  /** Undefined: nothing says what it is. */
  readonly placed: Promise<ContainerIdentity | undefined>
  readonly end: AbortController
}

/**
 * Containers of pods and their sandboxes before they start, from the runtime's Node Resource Interface. The engine
 * `kubernetes` reports containers again once their pod's status names them.
 */
export class NriEngine extends EngineNews implements IdentityEngine {
  readonly name = 'nri'
  readonly #options: NriEngineOptions
  readonly #identities = new Map<string, ContainerIdentity>()
  readonly #gone = new LRUCache<string, ContainerIdentity>({ max: remembered })
  readonly #startingListeners = new Set<(container: PendingContainer) => Promise<void>>()
  readonly #made = new Map<string, Made>()
  #client: CriClient | undefined
  readonly #patienceMs: number
  readonly #keeper: StateKeeper

  constructor(options: NriEngineOptions) {
    super()
    this.#options = options
    this.#keeper = new StateKeeper(options.onState)
    this.#patienceMs = patience[options.failClosed ? 'closed' : 'open']
  }

  get state(): EngineState {
    return this.#keeper.state
  }

  async start(signal: AbortSignal): Promise<void> {
    // An agent without NRI does not load its clients.
    const { CriClient: Client } = await import('../../agent/pipeline/identity/nri/cri-client.ts')
    this.#client = new Client(this.#options.runtime)
    const { followSandboxes } = await import('./sandbox-events.ts')
    void followSandboxes({
      socket: this.#options.runtime,
      created: ({ id, pod }) => this.#createOnce({ id, pod, container: '' }),
      removed: (id) => this.#remove(id),
      signal,
    })
    await new Promise<void>((decided) => {
      void this.#follow(signal, decided)
    })
  }

  known(id: string): ContainerIdentity | undefined {
    return this.#identities.get(id) ?? this.#gone.get(id)
  }

  lookup(id: string): Promise<ContainerIdentity | 'unknown'> {
    return Promise.resolve(this.known(id) ?? 'unknown')
  }

  refusal(id: string, act: EngineAct): string | undefined {
    return this.#options.pods.refusalOf(this.known(id), act)
  }

  async act(id: string, act: EngineAct): Promise<boolean> {
    const container = this.#identities.get(id)
    return act === 'stop' && (container === undefined || this.#options.pods.stop(container))
  }

  peer(): undefined {
    return undefined
  }

  addresses(): Iterable<string> {
    return []
  }

  subscribeStarting(listener: (container: PendingContainer) => Promise<void>): () => void {
    this.#startingListeners.add(listener)
    return () => this.#startingListeners.delete(listener)
  }

  async #follow(signal: AbortSignal, decided: () => void): Promise<void> {
    const { linkToNri } = await import('../../agent/pipeline/identity/nri/nri-link.ts')
    const backoff = new Backoff(backoffRules)
    while (!signal.aborted) {
      try {
        await linkToNri({
          socket: this.#options.socket,
          signal,
          handlers: {
            present: (subjects) => {
              backoff.reset()
              this.#keeper.become({ kind: 'running' })
              decided()
              this.#present(subjects)
            },
            created: (subject) => this.#create(subject),
            starting: (subject, patienceMs) => this.#starting(subject, patienceMs),
            removed: (id) => this.#remove(id),
          },
        })
        if (!signal.aborted) this.#keeper.degrade('the runtime closed the connection')
      } catch (error) {
        if (!signal.aborted) this.#keeper.degrade(describeError(error))
      }
      decided()
      await delay(backoff.next(), undefined, { signal }).catch(() => undefined)
    }
    for (const { end } of this.#made.values()) end.abort()
    this.#client?.close()
    this.#keeper.become({ kind: 'stopped' })
    decided()
  }

  /** After a gap: the others were removed meanwhile. */
  #present(subjects: readonly NriSubject[]): void {
    const ids = new Set(subjects.map(({ id }) => id))
    for (const id of this.#made.keys()) if (!ids.has(id)) this.#remove(id)
    for (const subject of subjects) this.#createOnce(subject)
  }

  #createOnce(subject: NriSubject): void {
    const isKnown = this.#options.pods.known(subject.id) !== undefined
    if (!isKnown && !this.#made.has(subject.id)) this.#create(subject)
  }

  #create(subject: NriSubject): Made {
    const end = new AbortController()
    const made = { placed: this.#place(subject, end.signal), end }
    // The start of the container looks at it again.
    made.placed.catch(() => undefined)
    this.#made.set(subject.id, made)
    return made
  }

  async #place(subject: NriSubject, ended: AbortSignal): Promise<ContainerIdentity | undefined> {
    const signal = AbortSignal.any([ended, AbortSignal.timeout(placeMs)])
    const { id, pod: uid, container: name } = subject
    const isSandbox = name === ''
    const [pod, imageRef = ''] = await Promise.all([
      this.#options.pods.pod(uid, signal),
      isSandbox ? undefined : this.#client?.imageRef(id),
    ])
    if (pod === undefined || signal.aborted) return undefined
    const identity = isSandbox ? sandboxOf(id, pod) : madeOf(pod, { id, name, imageRef })
    if (identity === undefined) return undefined
    this.#identities.set(id, identity)
    this.found(identity)
    return identity
  }

  /** Rejects where it must not start. */
  async #starting(subject: NriSubject, runtimeMs: number): Promise<void> {
    const end = new AbortController()
    const waitMs = Math.min(this.#patienceMs, runtimeMs > 0 ? runtimeMs * share : Infinity)
    const late = delay(waitMs, 'late' as const, { signal: end.signal })
    late.catch(() => undefined)
    try {
      const outcome = await Promise.race([this.#judged(subject), late])
      if (outcome === 'late') throw new SnugError('NRI_REFUSED', 'the kernel does not judge it yet')
    } catch (error) {
      if (!this.#options.failClosed) return
      const reason = describeError(error)
      this.#options.onRefused?.({ container: subject.id, reason })
      throw new SnugError('NRI_REFUSED', `snug: \`block.failClosed\` is set: ${reason}`)
    } finally {
      end.abort()
    }
  }

  /** Resolves once the kernel judges it. */
  async #judged(subject: NriSubject): Promise<void> {
    const first = await this.#made.get(subject.id)?.placed.catch(() => undefined)
    const container = first ?? (await this.#create(subject).placed)
    if (container === undefined) throw new SnugError('NRI_REFUSED', 'its pod is not known')
    await Promise.all([...this.#startingListeners].map((listener) => listener(container)))
  }

  #remove(id: string): void {
    this.#made.get(id)?.end.abort()
    // The engine that knows the pod reports the end of what it has reported.
    const isOwn = this.#made.delete(id) && this.#options.pods.known(id) === undefined
    const identity = this.#identities.get(id)
    this.#identities.delete(id)
    if (identity !== undefined) this.#gone.set(id, identity)
    if (!isOwn) return
    this.left(id, 'gone')
  }
}
