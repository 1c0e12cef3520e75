import type { ImageRef, WorkloadRef } from '../../../core/event/event.ts'
import type { ContainerRole } from '../../../core/event/event-words.ts'
import type { Blindness } from '../../../core/sight/blindness.ts'

/**
 * The identity of a container from its engine. It is constant while the container lives, except for
 * `addresses`, `name` and `runsSince`.
 */
export interface ContainerIdentity {
  /** 64 hex digits. */
  readonly id: string
  readonly name: string
  /**
   * `repository` is what the user typed without tag and digest (`bb`, `registry.local/shop/web`), in its canonical
   * form: without `docker.io/library/`. A container started by image id takes the image's first name,
   * or the first 12 digits of the id where it has none.
   */
  readonly image: ImageRef
  /** `sha256:…` of the image's configuration, also where `image.digest` is a repository digest. */
  readonly imageId: string
  readonly labels: Readonly<Record<string, string>>
  readonly workload?: WorkloadRef
  /** The argument vector of the container's first process: entrypoint, then command. */
  readonly entrypoint: readonly string[]
  /**
   * Argument vectors that the engine runs in the container. A health check is `["/bin/sh", "-c",
   * …]` if it uses a shell. A pod has at most three probes and two lifecycle hooks.
   */
  readonly probes?: readonly (readonly string[])[]
  /** For containers of a pod; absent for its app containers. */
  readonly role?: ContainerRole
  /** As declared by image or container; empty: root. */
  readonly declaredUser: string
  /** The resolved uid; absent if unknown. */
  readonly user?: number
  /** The engine starts an init before the entrypoint (`docker run --init`). */
  readonly initInjected: boolean
  /** Canonical addresses on the engine's networks. */
  readonly addresses: readonly string[]
  /** Mount points of volumes and bind mounts inside the container: they hide files of the image. */
  readonly mounts: readonly string[]
  /** Absent if neither the engine nor the container's processes report layers as folders. */
  readonly rootfs?: Rootfs
  /** Of a unit of systemd, which has the root of the host. */
  readonly host?: HostPrograms
  /**
   * The name of its runtime, then what that stands for: its program, and the file that this links to. Absent: the engine
   * does not report it.
   */
  readonly runtime?: readonly string[]
  /** Absent: the kernel of this host runs its processes. Set by `Runtimes`. */
  readonly blind?: Blindness
  /** RFC 3339. Since when it runs, where the engine reports that; absent while it does not run. */
  readonly runsSince?: string
}

export interface HostPrograms {
  /** The folder that is `/` for the manager of the unit. */
  readonly root: string
  /** SHA-256 of the programs and scripts that the unit's files name and no package ships, by path. */
  readonly programs: Readonly<Record<string, string>>
}

/** Folders on the host. */
export interface Rootfs {
  readonly upper: string
  /** The layers of the image, topmost first, without the one that the engine adds at start. */
  readonly layers: readonly string[]
}

/** `absent`: this host does not have such an engine, which is no fault. */
export type EngineState =
  | { readonly kind: 'starting' }
  | { readonly kind: 'absent' }
  | { readonly kind: 'running' }
  | { readonly kind: 'degraded'; readonly reason: string; readonly since: string }
  | { readonly kind: 'stopped' }

export interface Peer {
  /** Container or compose service. */
  readonly name: string
  readonly image?: string
  readonly workload?: string
}

/** The part of an identity that is known when the container is created. */
export type PendingContainer = Pick<
  ContainerIdentity,
  | 'id'
  | 'image'
  | 'imageId'
  | 'probes'
  | 'role'
  | 'initInjected'
  | 'user'
  | 'workload'
  | 'runtime'
  | 'blind'
>

export type EngineAct = 'freeze' | 'thaw' | 'stop'

export type LeftListener = (id: string, how: 'stopped' | 'gone') => void

/**
 * Identifies containers. Lifecycle: `starting → running ⇄ degraded → stopped`. An unreachable
 * engine is `degraded`, or `absent` if it was never there, and the agent retries it indefinitely.
 */
export interface IdentityEngine {
  readonly name: string
  readonly state: EngineState
  /** Resolves once the first attempt succeeds or fails; work continues until the signal aborts. */
  start(signal: AbortSignal): Promise<void>
  /** Returns the cached identity without a query. */
  known(id: string): ContainerIdentity | undefined
  /**
   * Queries the engine. `unknown`: the engine has no such container. `unavailable`: the engine is
   * unreachable, or has no answer yet. `cgroup`: the path of the cgroup, if a source reported it.
   */
  lookup(id: string, cgroup?: string): Promise<ContainerIdentity | 'unknown' | 'unavailable'>
  /** The owner of the address. Link-local addresses are not asked for: they have one on every network. */
  peer(address: string): Peer | undefined
  /** All addresses that currently have an owner. */
  addresses(): Iterable<string>
  /** Called when a container becomes known or changes. Returns the function to unsubscribe. */
  subscribe(listener: (identity: ContainerIdentity) => void): () => void
  /**
   * Called when a container is created, if the engine cannot be queried yet. A container that
   * starts at once cannot be queried before it runs. A later report to {@link subscribe} takes
   * precedence.
   */
  subscribePending?(listener: (container: PendingContainer) => void): () => void
  /** Reports a created container now, by {@link subscribePending}, where its report may still be on its way. */
  findCreated?(id: string): void
  /**
   * Called before a created container starts, by an engine that can wait. It starts the container once the promise
   * resolves, or its own patience ends.
   */
  subscribeStarting?(listener: (container: PendingContainer) => Promise<void>): () => void
  /**
   * Called when a container stops, and so loses its addresses, and when it is gone for good.
   * Returns the function to unsubscribe.
   */
  subscribeLeft(listener: LeftListener): () => void
  /** Why it cannot do that with the container; undefined: it can. */
  refusal?(id: string, act: EngineAct): string | undefined
  /** Absent where the engine can do none of it. False where the container does not run, and so cannot be frozen. */
  act?(id: string, act: EngineAct): Promise<boolean>
  /** Called when names of addresses change although no container of this node started or ended. */
  subscribePeers?(listener: () => void): () => void
}
