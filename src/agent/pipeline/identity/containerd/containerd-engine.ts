import { setTimeout as delay } from 'node:timers/promises'
import { EngineNews } from '../engine-news.ts'
import { LRUCache } from 'lru-cache'
import { describeError } from '../../../../errors.ts'
import { Backoff } from '../../../../support/backoff.ts'
import { remembered } from '../docker/docker-engine.ts'
import type { ContainerIdentity, EngineAct, EngineState, IdentityEngine } from '../identity.ts'
import type { ContainerdClient } from './containerd-client.ts'
import {
  configSchema,
  containerdIdentity,
  type ContainerdImage,
  imageArchitecture,
  manifestFor,
  manifestSchema,
} from './containerd-identity.ts'
import type { ContainerdContainer, Messages } from './containerd-messages.ts'
import { StateKeeper } from '../state-keeper.ts'

export interface ContainerdEngineOptions {
  readonly socket: string
  /** Namespaces whose containers another engine reports. */
  readonly except?: readonly string[]
  /** Receives each change of state, for the log. */
  readonly onState?: (state: EngineState) => void
}

const backoffRules = { firstMs: 200, longestMs: 3_000 } as const
/** How often an engine without events is asked whether it still answers. */
const checkMs = 5_000
const allNamespaces = ''

/**
 * Containers of containerd, of all its namespaces. It has each from its creation, before it has a process. Layers come
 * from the container's processes, and it has no networks, so it names no peers.
 */
export class ContainerdEngine extends EngineNews implements IdentityEngine {
  readonly name = 'containerd'
  readonly #options: ContainerdEngineOptions
  readonly #containers = new Map<string, ContainerIdentity>()
  readonly #gone = new LRUCache<string, ContainerIdentity>({ max: remembered })
  readonly #namespaceOf = new Map<string, string>()
  /** By digest: its content is always the same. */
  readonly #images = new LRUCache<string, ContainerdImage>({ max: 512 })
  #client: ContainerdClient | undefined
  readonly #keeper: StateKeeper

  constructor(options: ContainerdEngineOptions) {
    super()
    this.#options = options
    this.#keeper = new StateKeeper(options.onState)
  }

  get state(): EngineState {
    return this.#keeper.state
  }

  async start(signal: AbortSignal): Promise<void> {
    // An agent without containerd does not load its client.
    const { ContainerdClient: Client } = await import('./containerd-client.ts')
    const client = new Client(this.#options.socket)
    this.#client = client
    await new Promise<void>((decided) => {
      void this.#follow(client, signal, decided)
    })
  }

  known(id: string): ContainerIdentity | undefined {
    return this.#containers.get(id) ?? this.#gone.get(id)
  }

  async lookup(id: string): Promise<ContainerIdentity | 'unknown' | 'unavailable'> {
    const known = this.known(id)
    if (known !== undefined) return known
    const client = this.#client
    if (client === undefined) return 'unavailable'
    try {
      for (const namespace of await this.#namespaces(client)) {
        const identity = await this.#inspect(client, namespace, id)
        if (identity !== undefined) return identity
      }
      return 'unknown'
    } catch {
      return 'unavailable'
    }
  }

  peer(): undefined {
    return undefined
  }

  addresses(): Iterable<string> {
    return []
  }

  refusal(id: string): string | undefined {
    return this.known(id)?.workload?.kind === 'Pod' ? 'its kubelet would start another' : undefined
  }

  async act(id: string, act: EngineAct): Promise<boolean> {
    const client = this.#client
    const namespace = this.#namespaceOf.get(id)
    if (client === undefined || namespace === undefined) return false
    const { actOnTask } = await import('./containerd-tasks.ts')
    const { labels = {} } = this.known(id) ?? {}
    return actOnTask({ client, namespace, id, labels }, act)
  }

  async #follow(client: ContainerdClient, signal: AbortSignal, decided: () => void): Promise<void> {
    const backoff = new Backoff(backoffRules)
    while (!signal.aborted) {
      const attempt = new AbortController()
      const either = AbortSignal.any([signal, attempt.signal])
      try {
        const reading = this.#read(client, either)
        const listing = this.#list(client).then(() => {
          backoff.reset()
          this.#keeper.become({ kind: 'running' })
          decided()
        })
        const watching = listing.then(() => this.#watch(client, either))
        await Promise.race([reading, watching])
        if (!signal.aborted) this.#keeper.degrade('the engine closed its event stream')
      } catch (error) {
        if (!signal.aborted) this.#keeper.degrade(describeError(error))
      } finally {
        attempt.abort()
      }
      decided()
      await delay(backoff.next(), undefined, { signal }).catch(() => undefined)
    }
    client.close()
    this.#keeper.become({ kind: 'stopped' })
    decided()
  }

  async #read(client: ContainerdClient, signal: AbortSignal): Promise<void> {
    const { decodeMessage } = await import('./containerd-messages.ts')
    for await (const { namespace, topic, event } of client.events(signal)) {
      if (event === null || this.#isExcepted(namespace)) continue
      if (topic === '/containers/create' || topic === '/containers/update') {
        const { id } = decodeMessage('ById', event.value)
        void this.#inspect(client, namespace, id).catch(() => undefined)
      } else if (topic === '/containers/delete') {
        this.#forget(decodeMessage('ById', event.value).id)
      } else if (topic === '/tasks/start') {
        this.#began(decodeMessage('ById', event.value).id)
      } else if (topic === '/tasks/exit') {
        this.#ended(decodeMessage('ContainerEvent', event.value))
      }
    }
  }

  /** Fails once the engine does not answer. A quiet stream does not show whether it would. */
  async #watch(client: ContainerdClient, signal: AbortSignal): Promise<never> {
    for (;;) {
      await delay(checkMs, undefined, { signal })
      await this.#namespaces(client)
    }
  }

  /** After a gap: reads all containers, and ends those that are gone. */
  async #list(client: ContainerdClient): Promise<void> {
    const { runningTask } = await import('./containerd-messages.ts')
    const present = new Set<string>()
    for (const namespace of await this.#namespaces(client)) {
      const { containers } = await client.ask('containers', namespace, { filters: [] })
      for (const container of containers) {
        present.add(container.id)
        await this.#learn(client, namespace, container)
      }
      const { tasks } = await client.ask('tasks', namespace, { filter: '' })
      for (const { id, status } of tasks) if (runningTask.has(status)) this.#began(id)
    }
    for (const id of this.#containers.keys()) if (!present.has(id)) this.#forget(id)
  }

  async #namespaces(client: ContainerdClient): Promise<readonly string[]> {
    const { namespaces } = await client.ask('namespaces', allNamespaces, {})
    return namespaces.map(({ name }) => name).filter((name) => !this.#isExcepted(name))
  }

  #isExcepted(namespace: string): boolean {
    return this.#options.except?.includes(namespace) === true
  }

  async #inspect(
    client: ContainerdClient,
    namespace: string,
    id: string,
  ): Promise<ContainerIdentity | undefined> {
    const { isNotFound } = await import('./containerd-client.ts')
    try {
      const { container } = await client.ask('container', namespace, { id })
      return container === null ? undefined : await this.#learn(client, namespace, container)
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }

  async #learn(
    client: ContainerdClient,
    namespace: string,
    container: ContainerdContainer,
  ): Promise<ContainerIdentity | undefined> {
    const known = this.#containers.get(container.id)
    const image = await this.#image(client, namespace, container.image)
    // The image may have been removed under its container.
    const { decodeMessage } = await import('./containerd-messages.ts')
    const described = containerdIdentity(container, image, decodeMessage) ?? known
    if (described === undefined) return undefined
    const { runsSince } = known ?? {}
    const identity = runsSince === undefined ? described : { ...described, runsSince }
    this.#namespaceOf.set(identity.id, namespace)
    this.#report(identity)
    return identity
  }

  #report(identity: ContainerIdentity): void {
    this.#containers.set(identity.id, identity)
    this.#gone.delete(identity.id)
    this.found(identity)
  }

  /** Its first process runs. */
  #began(id: string): void {
    const identity = this.#containers.get(id)
    if (identity === undefined || identity.runsSince !== undefined) return
    this.#report({ ...identity, runsSince: new Date().toISOString() })
  }

  async #image(
    client: ContainerdClient,
    namespace: string,
    name: string,
  ): Promise<ContainerdImage | undefined> {
    if (name === '') return undefined
    const { isNotFound } = await import('./containerd-client.ts')
    try {
      const { image } = await client.ask('image', namespace, { name })
      const target = image?.target?.digest ?? ''
      if (target === '') return undefined
      const kept = this.#images.get(target)
      if (kept !== undefined) return kept
      const imageId = await this.#configOf(client, namespace, target)
      if (imageId === undefined) return undefined
      const { config } = configSchema.parse(await client.document(namespace, imageId))
      const found = { target, imageId, labels: config?.Labels ?? {} }
      this.#images.set(target, found)
      return found
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }

  /** The digest of the image's configuration for this host. */
  async #configOf(
    client: ContainerdClient,
    namespace: string,
    target: string,
  ): Promise<string | undefined> {
    const top = manifestSchema.parse(await client.document(namespace, target))
    if (top.config !== undefined) return top.config.digest
    const digest = manifestFor(top, imageArchitecture())
    if (digest === undefined) return undefined
    return manifestSchema.parse(await client.document(namespace, digest)).config?.digest
  }

  #ended({ containerId, execId }: Messages['ContainerEvent']): void {
    const identity = this.#containers.get(containerId)
    if (containerId !== execId || identity === undefined) return
    const { runsSince: _, ...rest } = identity
    this.#containers.set(containerId, rest)
    this.left(containerId, 'stopped')
  }

  #forget(id: string): void {
    const identity = this.#containers.get(id)
    if (identity === undefined) return
    this.#containers.delete(id)
    this.#namespaceOf.delete(id)
    this.#gone.set(id, identity)
    this.left(id, 'gone')
  }
}
