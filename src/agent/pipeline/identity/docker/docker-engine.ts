import { setTimeout as delay } from 'node:timers/promises'
import { EngineNews } from '../engine-news.ts'
import type Docker from 'dockerode'
import { LRUCache } from 'lru-cache'
import { describeError } from '../../../../errors.ts'
import { Backoff } from '../../../../support/backoff.ts'
import {
  type DockerContainer,
  type DockerImage,
  pendingContainerOf,
  identityOf,
  removedIdentityOf,
} from './docker-identity.ts'
import { declaredUid } from '../declared-user.ts'
import { answerMs, isRemoval, readCreation, readDockerEvents } from './docker-events.ts'
import { dockerRuntime, type RuntimeNames } from './docker-runtimes.ts'
import type {
  ContainerIdentity,
  EngineAct,
  EngineState,
  PendingContainer,
  IdentityEngine,
  Peer,
} from '../identity.ts'
import { StateKeeper } from '../state-keeper.ts'

export interface DockerEngineOptions {
  readonly socket: string
  /** Of the engine, for people; default: `docker`. */
  readonly name?: string
  /** Changes what the engine reports of an image. */
  readonly asImage?: (image: DockerImage) => DockerImage
  /** Names the runtime of a container; default: as Docker does. */
  readonly runtimeOf?: RuntimeNames
  /** Whether it is no fault that there is no such socket: then the state is `absent`. */
  readonly isOptional?: () => boolean
  readonly now?: () => Date
  /** Receives each change of state, for the log. */
  readonly onState?: (state: EngineState) => void
}

const backoffRules = { firstMs: 200, longestMs: 3_000 } as const
/** Hooks of users name containers: they must not decide how much is asked of an engine. */
const foundAtOnce = 32
/** Containers that ended recently: their last events may still arrive. */
export const remembered = 4_096

/**
 * Containers of a Docker engine, or of one with its API. It follows the engine's event stream, so a container is known from
 * its creation: one that lives for 50 ms is known before it ends. It reconnects indefinitely.
 */
export class DockerEngine extends EngineNews implements IdentityEngine {
  readonly name: string
  readonly #options: DockerEngineOptions
  readonly #pendingListeners = new Set<(container: PendingContainer) => void>()
  readonly #containers = new Map<string, ContainerIdentity>()
  readonly #gone = new LRUCache<string, ContainerIdentity>({ max: remembered })
  /**
   * Identities of created containers, from their images: a container may be removed before the
   * engine answers.
   */
  readonly #made = new LRUCache<string, Promise<ContainerIdentity | undefined>>({ max: remembered })
  readonly #images = new LRUCache<string, Promise<DockerImage | undefined>>({ max: 512 })
  /** Containers whose creation is being looked for. */
  readonly #finding = new Set<string>()
  readonly #asking = new Map<string, Promise<ContainerIdentity | 'unknown' | 'unavailable'>>()
  readonly #addresses = new Map<string, string>()
  #docker: Docker | undefined
  readonly #keeper: StateKeeper
  #reached = false

  constructor(options: DockerEngineOptions) {
    super()
    this.#options = options
    this.#keeper = new StateKeeper(options.onState, options.now)
    this.name = options.name ?? 'docker'
  }

  get state(): EngineState {
    return this.#keeper.state
  }

  async start(signal: AbortSignal): Promise<void> {
    const { default: Client } = await import('dockerode')
    this.#docker = new Client({ socketPath: this.#options.socket })
    await new Promise<void>((decided) => {
      void this.#follow(this.#docker, signal, decided)
    })
  }

  known(id: string): ContainerIdentity | undefined {
    return this.#containers.get(id) ?? this.#gone.get(id)
  }

  async lookup(id: string): Promise<ContainerIdentity | 'unknown' | 'unavailable'> {
    return this.known(id) ?? this.#inspect(id)
  }

  peer(address: string): Peer | undefined {
    const identity = this.#containers.get(this.#addresses.get(address) ?? '')
    if (identity === undefined) return undefined
    const { name, workload, image } = identity
    if (workload === undefined) return { name, image: image.repository }
    const { namespace } = workload
    const service = namespace === undefined ? workload.name : `${workload.name}.${namespace}`
    return { name: service, image: image.repository, workload: workload.name }
  }

  addresses(): Iterable<string> {
    return this.#addresses.keys()
  }

  subscribePending(listener: (container: PendingContainer) => void): () => void {
    this.#pendingListeners.add(listener)
    return () => this.#pendingListeners.delete(listener)
  }

  findCreated(id: string): void {
    const docker = this.#docker
    const isKnown = this.#made.has(id) || this.#containers.has(id)
    if (docker === undefined || isKnown || this.#finding.has(id)) return
    // The event stream reports it too, only later.
    if (this.#finding.size >= foundAtOnce) return
    this.#finding.add(id)
    readCreation(docker, id)
      .then((attributes) => {
        if (attributes === undefined || this.#made.has(id)) return
        this.#made.set(id, this.#report(id, attributes))
      })
      // The event stream reports what is wrong with the engine.
      .catch(() => undefined)
      .finally(() => this.#finding.delete(id))
  }

  async act(id: string, act: EngineAct): Promise<boolean> {
    const container = this.#docker?.getContainer(id)
    if (container === undefined) return false
    const { State } = await container.inspect()
    if (!State.Running) return act === 'stop'
    if (act === 'stop') await container.stop()
    else if (State.Paused !== (act === 'freeze'))
      await (State.Paused ? container.unpause() : container.pause())
    return true
  }

  async #follow(
    docker: Docker | undefined,
    signal: AbortSignal,
    decided: () => void,
  ): Promise<void> {
    const backoff = new Backoff(backoffRules)
    while (docker !== undefined && !signal.aborted) {
      try {
        await readDockerEvents(docker, signal, {
          onOpen: async () => {
            await this.#list(docker)
            backoff.reset()
            this.#reached = true
            this.#keeper.become({ kind: 'running' })
            decided()
          },
          onContainer: (action, id, attributes) => this.#changed(action, id, attributes),
          onImage: () => this.#images.clear(),
        })
        if (!signal.aborted) this.#keeper.degrade('the engine closed its event stream')
      } catch (error) {
        if (this.#isAbsent(error)) this.#keeper.become({ kind: 'absent' })
        else this.#keeper.degrade(describeError(error))
      }
      decided()
      if (signal.aborted) break
      await delay(backoff.next(), undefined, { signal }).catch(() => undefined)
    }
    this.#keeper.become({ kind: 'stopped' })
    decided()
  }

  /** After a gap: queries new containers, and ends those that are gone. */
  async #list(docker: Docker): Promise<void> {
    const abortSignal = AbortSignal.timeout(answerMs)
    const present = await docker.listContainers({ all: true, abortSignal })
    const ids = new Set(present.map(({ Id }) => Id))
    for (const id of this.#containers.keys()) if (!ids.has(id)) this.#forget(id)
    const queue = [...ids]
    const workers = Array.from({ length: 8 }, async () => {
      for (let id = queue.pop(); id !== undefined; id = queue.pop()) await this.#inspect(id)
    })
    await Promise.all(workers)
  }

  #changed(action: string, id: string, attributes: Readonly<Record<string, string>>): void {
    if (action === 'create' && !this.#made.has(id)) {
      this.#made.set(id, this.#report(id, attributes))
    }
    if (isRemoval(action)) {
      this.#forget(id)
    } else if (action === 'die') {
      for (const [address, owner] of this.#addresses) {
        if (owner === id) this.#addresses.delete(address)
      }
      this.left(id, 'stopped')
    } else {
      // `create` makes it known, `start` and `connect` give it its addresses, `rename` its name.
      void this.#inspect(id, true)
    }
  }

  /**
   * The engine answers queries about a starting container only after the start, but queries about
   * its image at once.
   */
  async #report(
    id: string,
    attributes: Readonly<Record<string, string>>,
  ): Promise<ContainerIdentity | undefined> {
    const { image: typed = '' } = attributes
    if (typed === '') return undefined
    const image = await this.#image(typed).catch(() => undefined)
    const container = pendingContainerOf(id, typed, image, attributes)
    if (container === undefined) return undefined
    if (!this.#containers.has(id)) {
      for (const listener of this.#pendingListeners) listener(container)
    }
    return removedIdentityOf(container, attributes, image)
  }

  async #inspect(
    id: string,
    again = false,
  ): Promise<ContainerIdentity | 'unknown' | 'unavailable'> {
    const asking = this.#asking.get(id)
    // The pending answer may precede the change, so query again after it.
    if (asking !== undefined && !again) return asking
    const answer = (asking ?? Promise.resolve()).then(() => this.#ask(id))
    this.#asking.set(id, answer)
    try {
      return await answer
    } finally {
      if (this.#asking.get(id) === answer) this.#asking.delete(id)
    }
  }

  async #ask(id: string): Promise<ContainerIdentity | 'unknown' | 'unavailable'> {
    if (this.#docker === undefined) return 'unavailable'
    try {
      const abortSignal = AbortSignal.timeout(answerMs)
      const found = await this.#docker.getContainer(id).inspect({ abortSignal })
      const container = found as unknown as DockerContainer
      const runtime = await this.#runtime(this.#docker, container)
      const known = identityOf(container, await this.#image(container.Image), runtime)
      const user = declaredUid(known.declaredUser, known.rootfs?.layers ?? [])
      const identity = user === undefined ? known : { ...known, user }
      this.#learn(identity, found.State?.Running === true)
      return identity
    } catch (error) {
      if (statusOf(error) === 404) return await this.#removed(id)
      // A host without Docker has no Docker containers, so nothing should wait for it.
      return isMissing(error) && !this.#reached ? 'unknown' : 'unavailable'
    }
  }

  /** Undefined where the engine does not say. */
  async #runtime(
    docker: Docker,
    container: DockerContainer,
  ): Promise<readonly string[] | undefined> {
    const { runtimeOf = dockerRuntime } = this.#options
    try {
      return await runtimeOf(docker, container)
    } catch (error) {
      if (statusOf(error) === undefined) throw error
      // The table is withheld, as by a proxy before the socket. What the name stands for stays open.
      const name = container.HostConfig?.Runtime
      return name === undefined ? undefined : [name]
    }
  }

  async #removed(id: string): Promise<ContainerIdentity | 'unknown'> {
    const identity = await this.#made.get(id)
    if (identity === undefined) return 'unknown'
    this.#gone.set(id, identity)
    return identity
  }

  async #image(id: string): Promise<DockerImage | undefined> {
    const kept = this.#images.get(id)
    if (kept !== undefined) return kept
    const asked = this.#askImage(id)
    this.#images.set(id, asked)
    try {
      return await asked
    } catch (error) {
      this.#images.delete(id)
      throw error
    }
  }

  async #askImage(id: string): Promise<DockerImage | undefined> {
    try {
      const abortSignal = AbortSignal.timeout(answerMs)
      // The type omits the options, but the method passes them on.
      const image = this.#docker?.getImage(id) as
        | { inspect(options: { abortSignal: AbortSignal }): Promise<unknown> }
        | undefined
      const found = (await image?.inspect({ abortSignal })) as DockerImage | undefined
      return found === undefined ? undefined : (this.#options.asImage?.(found) ?? found)
    } catch (error) {
      if (statusOf(error) === 404) return undefined
      throw error
    }
  }

  #learn(identity: ContainerIdentity, running: boolean): void {
    const { id } = identity
    this.#containers.set(id, identity)
    this.#gone.delete(id)
    for (const [address, owner] of this.#addresses) {
      if (owner === id) this.#addresses.delete(address)
    }
    if (running) for (const address of identity.addresses) this.#addresses.set(address, id)
    this.found(identity)
  }

  #forget(id: string): void {
    const identity = this.#containers.get(id)
    if (identity === undefined) return
    this.#containers.delete(id)
    this.#gone.set(id, identity)
    for (const address of identity.addresses) {
      if (this.#addresses.get(address) === id) this.#addresses.delete(address)
    }
    this.left(id, 'gone')
  }

  #isAbsent(error: unknown): boolean {
    return isMissing(causeOf(error)) && !this.#reached && this.#options.isOptional?.() === true
  }
}

function statusOf(error: unknown): number | undefined {
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined
  return typeof status === 'number' ? status : undefined
}

function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? error.cause : error
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
