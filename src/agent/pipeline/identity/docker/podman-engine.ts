import { existsSync, realpathSync } from 'node:fs'
import { EngineNews } from '../engine-news.ts'
import { setTimeout as delay } from 'node:timers/promises'
import { socketsOf, type UnixSocket } from '../../../../support/socket-paths.ts'
import { DockerEngine } from './docker-engine.ts'
import { podmanRuntime } from './docker-runtimes.ts'
import type { DockerImage } from './docker-identity.ts'
import type {
  ContainerIdentity,
  EngineAct,
  EngineState,
  IdentityEngine,
  Peer,
  PendingContainer,
} from '../identity.ts'

export interface PodmanEngineOptions {
  /** Paths of sockets. `*` as a part of a path stands for every folder there. */
  readonly sockets: readonly string[]
  /** The socket of an engine that is followed already: it may be a link to Podman's. */
  readonly except?: string
  /** Engines that know better: a container that one of them has is not Podman's. */
  readonly before?: readonly IdentityEngine[]
  /** Default: every 5 s. */
  readonly lookMs?: number
  /** Receives each change of state, for the log. */
  readonly onState?: (state: EngineState) => void
}

/** One socket. */
interface Service {
  readonly path: string
  /** The user that owns the socket. */
  readonly uid: number
  readonly engine: DockerEngine
}

const lookAgainMs = 5_000
const ROOT = 0

/**
 * Containers of Podman, by its Docker-compatible sockets: that of root, and those of users (rootless). It looks for
 * sockets again and again, since those of users come with a login.
 *
 * A user's Podman is believed less than others: it reports nothing about a container of another engine, and names no
 * peers, because its networks are its own.
 */
export class PodmanEngine extends EngineNews implements IdentityEngine {
  readonly name = 'podman'
  readonly #options: PodmanEngineOptions
  /** Root's first. */
  #services: readonly Service[] = []
  readonly #pendingListeners = new Set<(container: PendingContainer) => void>()
  #state: EngineState = { kind: 'starting' }

  constructor(options: PodmanEngineOptions) {
    super()
    this.#options = options
  }

  get state(): EngineState {
    return this.#state
  }

  /** The sockets that were found, those of root first. */
  get sockets(): readonly string[] {
    return this.#services.map(({ path }) => path)
  }

  async start(signal: AbortSignal): Promise<void> {
    await this.#look(signal)
    void this.#lookAgain(signal)
  }

  known(id: string): ContainerIdentity | undefined {
    for (const { engine } of this.#services) {
      const identity = engine.known(id)
      if (identity !== undefined) return identity
    }
    return undefined
  }

  async lookup(id: string): Promise<ContainerIdentity | 'unknown' | 'unavailable'> {
    const answers = await Promise.all(this.#services.map(({ engine }) => engine.lookup(id)))
    const identity = answers.find((answer) => typeof answer === 'object')
    return identity ?? (answers.includes('unavailable') ? 'unavailable' : 'unknown')
  }

  peer(address: string): Peer | undefined {
    for (const { uid, engine } of this.#services) {
      const peer = uid === ROOT ? engine.peer(address) : undefined
      if (peer !== undefined) return peer
    }
    return undefined
  }

  *addresses(): Iterable<string> {
    for (const { uid, engine } of this.#services) if (uid === ROOT) yield* engine.addresses()
  }

  subscribePending(listener: (container: PendingContainer) => void): () => void {
    this.#pendingListeners.add(listener)
    return () => this.#pendingListeners.delete(listener)
  }

  findCreated(id: string): void {
    for (const { engine } of this.#services) engine.findCreated(id)
  }

  async act(id: string, act: EngineAct): Promise<boolean> {
    const service = this.#services.find(({ engine }) => engine.known(id) !== undefined)
    return (await service?.engine.act(id, act)) ?? false
  }

  async #lookAgain(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await delay(this.#options.lookMs ?? lookAgainMs, undefined, { signal }).catch(() => undefined)
      if (!signal.aborted) await this.#look(signal)
    }
    this.#become({ kind: 'stopped' })
  }

  /** Resolves once each new socket was asked. */
  async #look(signal: AbortSignal): Promise<void> {
    const known = new Set(this.sockets)
    const found = this.#options.sockets
      .flatMap((pattern) => socketsOf(pattern))
      .filter(({ path }) => !known.has(path) && !this.#isExcepted(path))
      .map((socket) => this.#service(socket))
    if (found.length > 0) {
      const all = [...this.#services, ...found]
      this.#services = all.toSorted((a, b) => Number(a.uid !== ROOT) - Number(b.uid !== ROOT))
      await Promise.all(found.map(({ engine }) => engine.start(signal)))
    }
    this.#report()
  }

  #isExcepted(path: string): boolean {
    const { except } = this.#options
    return except !== undefined && resolved(except) === resolved(path)
  }

  #service({ path, uid }: UnixSocket): Service {
    const engine = new DockerEngine({
      socket: path,
      name: 'podman',
      asImage: withoutLocalDigests,
      runtimeOf: podmanRuntime,
      onState: () => this.#report(),
    })
    const service = { path, uid, engine }
    engine.subscribe((identity) => {
      if (this.#mayName(service, identity.id)) this.found(identity)
    })
    engine.subscribePending((container) => {
      if (!this.#mayName(service, container.id)) return
      for (const each of this.#pendingListeners) each(container)
    })
    engine.subscribeLeft((id, how) => {
      if (this.#mayName(service, id)) this.left(id, how)
    })
    return service
  }

  /** Root's engines name each of their containers. A user's names only what none of the others has. */
  #mayName(service: Service, id: string): boolean {
    const { before = [] } = this.#options
    if (before.some((engine) => engine.known(id) !== undefined)) return false
    if (service.uid === ROOT) return true
    return !this.#services.some(
      (other) => other !== service && other.uid === ROOT && other.engine.known(id) !== undefined,
    )
  }

  #report(): void {
    if (this.#state.kind !== 'stopped') this.#become(stateOf(this.#services))
  }

  #become(state: EngineState): void {
    if (JSON.stringify(state) === JSON.stringify(this.#state)) return
    this.#state = state
    this.#options.onState?.(state)
  }
}

/** A user's socket goes with the user's session, which is no fault. */
function stateOf(services: readonly Service[]): EngineState {
  const present = services.filter(({ path, uid }) => uid === ROOT || existsSync(path))
  for (const { path, engine } of present) {
    const { state } = engine
    if (state.kind === 'degraded') return { ...state, reason: `\`${path}\`: ${state.reason}` }
  }
  if (present.length === 0) return { kind: 'absent' }
  const starts = present.some(({ engine }) => engine.state.kind === 'starting')
  return { kind: starts ? 'starting' : 'running' }
}

/** Podman gives images that were built on the host to a registry `localhost`, which there is not. */
function withoutLocalDigests(image: DockerImage): DockerImage {
  const digests = image.RepoDigests?.filter((digest) => !digest.startsWith('localhost/'))
  return { ...image, RepoDigests: digests ?? null }
}

function resolved(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
