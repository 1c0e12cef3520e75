import { LRUCache } from 'lru-cache'
import { EngineNews } from '../../agent/pipeline/identity/engine-news.ts'
import type {
  ContainerIdentity,
  EngineAct,
  EngineState,
  IdentityEngine,
  Peer,
  PendingContainer,
} from '../../agent/pipeline/identity/identity.ts'
import type { KubeApi } from './api.ts'
import { podOfCgroup } from './cgroup-pod.ts'
import { Collection, type CollectionState } from './collection.ts'
import { deletePod } from './delete-pod.ts'
import { OwnerJobs } from './owner-jobs.ts'
import { PeerDirectory } from './peer-directory.ts'
import type { Pod } from './pod.ts'
import { type PodContainer, type PodView, viewOf } from './pod-containers.ts'
import { RuntimeClasses } from './runtime-classes.ts'
import { Sandboxes } from './sandboxes.ts'

export interface KubeEngineOptions {
  readonly api: KubeApi
  /** This node's name in the cluster. */
  readonly node: string
  /** Whether it may delete a pod to stop a container. Its rights may still forbid it. */
  readonly deletes?: boolean
  readonly now?: () => number
  readonly onState?: (state: EngineState) => void
}

/** Containers that ended lately: their last events may still arrive. */
const remembered = 4_096
const startMs = 5_000
/** A pod is killed after ten seconds; its kubelet then reports that. */
const deletedWithinMs = 40_000

/**
 * Containers of this node's pods, as the API server reports them, and the names of services. The engine keeps all of
 * them while the server is away.
 */
export class KubeEngine extends EngineNews implements IdentityEngine {
  readonly name = 'kubernetes'
  readonly #options: KubeEngineOptions
  readonly #now: () => number
  readonly #jobs: OwnerJobs
  readonly #classes: RuntimeClasses
  readonly #sandboxes: Sandboxes
  readonly #directory: PeerDirectory
  readonly #pods: Collection<PodView>
  readonly #containers = new Map<string, ContainerIdentity>()
  readonly #running = new Set<string>()
  readonly #gone = new LRUCache<string, ContainerIdentity>({ max: remembered })
  readonly #peerListeners = new Set<() => void>()
  readonly #waiting = new Set<() => void>()
  #state: EngineState = { kind: 'starting' }

  constructor(options: KubeEngineOptions) {
    super()
    this.#options = options
    this.#now = options.now ?? Date.now
    const { api, node } = options
    this.#jobs = new OwnerJobs(api)
    this.#classes = new RuntimeClasses(api)
    this.#sandboxes = new Sandboxes(this.#now)
    this.#directory = new PeerDirectory({
      api,
      onChanged: () => {
        for (const listener of this.#peerListeners) listener()
      },
    })
    this.#pods = new Collection<PodView>({
      api,
      path: '/api/v1/pods',
      query: { fieldSelector: `spec.nodeName=${node}` },
      take: (object) => viewOf(object as Pod),
      onPut: (pod, _, before) => void this.#put(pod, before),
      onRemoved: (pod) => this.#removed(pod),
      onState: (state) => this.#follow(state),
    })
  }

  get state(): EngineState {
    return this.#state
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#directory.start(signal)
    await new Promise<void>((decided) => {
      // A server that does not even refuse must not keep the sensor from starting.
      const patience = setTimeout(decided, startMs)
      void this.#pods.run(signal, () => {
        clearTimeout(patience)
        decided()
      })
    })
  }

  known(id: string): ContainerIdentity | undefined {
    return this.#containers.get(id) ?? this.#gone.get(id)
  }

  async lookup(id: string, cgroup = ''): Promise<ContainerIdentity | 'unknown' | 'unavailable'> {
    const known = this.known(id)
    if (known !== undefined) return known
    const cgroupName = podOfCgroup(cgroup)
    // Not in a pod's cgroup: another engine's.
    if (cgroupName === undefined) return this.#pods.listed ? 'unknown' : 'unavailable'
    this.#sandboxes.ask(id, cgroupName)
    for (const pod of this.#pods.items.values()) {
      if (!pod.cgroupNames.includes(cgroupName)) continue
      this.#settleSandbox(await this.#resolved(pod))
      return this.known(id) ?? 'unavailable'
    }
    return 'unavailable'
  }

  refusal(id: string, act: EngineAct): string | undefined {
    return this.refusalOf(this.known(id), act)
  }

  async act(id: string, act: EngineAct): Promise<boolean> {
    const container = this.#containers.get(id)
    return act === 'stop' && (container === undefined || this.stop(container))
  }

  /** Why that cannot be done with a container of a pod; undefined: it can. */
  refusalOf(
    container: Pick<PendingContainer, 'workload'> | undefined,
    act: EngineAct,
  ): string | undefined {
    if (act !== 'stop') return 'a kubelet runs it, which takes a frozen container for a failed one'
    if (this.#options.deletes !== true)
      return 'its kubelet would start another, and `engines.kubernetes.deleteHeld` is off'
    return container?.workload?.kind === 'StaticPod'
      ? 'its pod is static: its kubelet makes it again from a file'
      : undefined
  }

  /** Deletes its pod, and resolves once the container has ended. A workload then starts another pod. */
  async stop({ id, workload }: Pick<PendingContainer, 'id' | 'workload'>): Promise<true> {
    const { namespace = '', pod: name = '' } = workload ?? {}
    const pod = this.podNamed(namespace, name)
    if (pod === undefined || !mayRun(pod, id)) return true
    const within = AbortSignal.timeout(deletedWithinMs)
    await deletePod(this.#options.api, pod)
    while (!within.aborted) {
      const now = this.#pods.items.get(pod.uid)
      if (now === undefined || !mayRun(now, id)) return true
      await this.#nextPod(within)
    }
    throw new Error(`its pod is being deleted, and it ran on for ${deletedWithinMs / 1_000} s`)
  }

  get pods(): Iterable<PodView> {
    return this.#pods.items.values()
  }

  podNamed(namespace: string, name: string): PodView | undefined {
    for (const pod of this.#pods.items.values()) {
      if (pod.name === name && pod.namespace === namespace) return pod
    }
    return undefined
  }

  /**
   * The pod of such a cgroup, as soon as the API server has reported it, with what it refers to. Undefined once the
   * signal aborts.
   */
  async pod(cgroupName: string, signal: AbortSignal): Promise<PodView | undefined> {
    while (!signal.aborted) {
      for (const pod of this.#pods.items.values()) {
        if (pod.cgroupNames.includes(cgroupName)) return this.#resolved(pod)
      }
      await this.#nextPod(signal)
    }
    return undefined
  }

  /** Resolves at the next change of any pod, or once the signal aborts. */
  #nextPod(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        this.#waiting.delete(end)
        signal.removeEventListener('abort', end)
        resolve()
      }
      this.#waiting.add(end)
      signal.addEventListener('abort', end, { once: true })
    })
  }

  peer(address: string): Peer | undefined {
    return this.#directory.peer(address)
  }

  addresses(): Iterable<string> {
    return this.#directory.addresses()
  }

  subscribePeers(listener: () => void): () => void {
    this.#peerListeners.add(listener)
    return () => this.#peerListeners.delete(listener)
  }

  async #put(pod: PodView, before: PodView | undefined): Promise<void> {
    this.#wake()
    const ids = new Set(pod.containers.map(({ id }) => id))
    for (const { id } of before?.containers ?? []) if (!ids.has(id)) this.#forget(id)
    const resolved = await this.#resolved(pod)
    const now = this.#pods.items.get(pod.uid)
    // The pod changed meanwhile: the later change reports it.
    if (now !== undefined && now !== pod) return
    for (const container of pod.containers) this.#learn(container, resolved)
    if (now === undefined) this.#removed(pod)
    else this.#settleSandbox(resolved)
  }

  /** With what it only names: the owner of its Job, and the handler of its runtime class. */
  async #resolved(pod: PodView): Promise<PodView> {
    const { job, workload, runtime: [runtimeClass] = [] } = pod
    const [owner, runtime] = await Promise.all([
      job === undefined ? workload : this.#jobs.resolve(workload, job),
      runtimeClass === undefined ? undefined : this.#classes.resolve(runtimeClass),
    ])
    return { ...pod, workload: owner, ...(runtime === undefined ? {} : { runtime }) }
  }

  #learn({ id, running, identity }: PodContainer, { workload, runtime }: PodView): void {
    const known = this.#containers.get(id)
    // A pod's image can be changed in place: a container that was made before keeps the one that it was made of.
    const image = known?.image ?? identity.image
    const whole = {
      ...identity,
      image,
      imageId: image.digest,
      workload,
      ...(runtime === undefined ? {} : { runtime }),
    }
    this.#sandboxes.isContainer(id)
    this.#containers.set(id, whole)
    this.#gone.delete(id)
    if (known === undefined || JSON.stringify(known) !== JSON.stringify(whole)) this.#report(whole)
    const ran = this.#running.has(id)
    if (running) this.#running.add(id)
    else if (ran) {
      this.#running.delete(id)
      this.#left(id, 'stopped')
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve()
  }

  #removed(pod: PodView): void {
    this.#wake()
    for (const { id } of pod.containers) this.#forget(id)
    const sandbox = this.#sandboxes.forget(pod)
    if (sandbox !== undefined) this.#forget(sandbox)
  }

  #settleSandbox(pod: PodView): void {
    if (!this.#pods.items.has(pod.uid)) return
    const sandbox = this.#sandboxes.settle(pod)
    if (sandbox === undefined) return
    this.#containers.set(sandbox.id, sandbox)
    this.#report(sandbox)
  }

  #forget(id: string): void {
    const identity = this.#containers.get(id)
    if (identity === undefined) return
    this.#containers.delete(id)
    this.#running.delete(id)
    this.#gone.set(id, identity)
    this.#left(id, 'gone')
  }

  #report(identity: ContainerIdentity): void {
    this.found(identity)
  }

  #left(id: string, how: 'stopped' | 'gone'): void {
    this.left(id, how)
  }

  #follow(state: CollectionState): void {
    const now = new Date(this.#now()).toISOString()
    const since = this.#state.kind === 'degraded' ? this.#state.since : now
    this.#state = state.kind === 'degraded' ? { ...state, since } : state
    this.#options.onState?.(this.#state)
  }
}

/** The sandbox is not among the containers of its pod: it runs as long as that is there. */
function mayRun({ containers }: PodView, id: string): boolean {
  return containers.find((each) => each.id === id)?.running !== false
}
