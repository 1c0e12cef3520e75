import type { ContainerRole, ImageRef, WorkloadRef } from '../../core/event/event.ts'

/** What a container is, as its engine tells it. Does not change while the container lives, but for `addresses` and `name`. */
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
   * Argument vectors of what the engine runs in the container by itself: a health check (`["/bin/sh", "-c", …]` where
   * it is a shell's), a pod's probes and lifecycle hooks. At most five: three probes, two hooks.
   */
  readonly probes?: readonly (readonly string[])[]
  /** Of a pod's container; absent for those of its app. */
  readonly role?: ContainerRole
  /** As declared by image or container; empty: root. */
  readonly declaredUser: string
  /** The uid that this is; absent where that is not known. */
  readonly user?: number
  /** The engine puts its own init before the entrypoint (`docker run --init`). */
  readonly initInjected: boolean
  /** Canonical addresses on the engine's networks. */
  readonly addresses: readonly string[]
  /** Where volumes and bind mounts are, inside the container: they hide what the image ships there. */
  readonly mounts: readonly string[]
  /** Absent where neither the engine nor the container's processes tell layers as folders. */
  readonly rootfs?: Rootfs
}

/** Folders on the host. */
export interface Rootfs {
  readonly upper: string
  /** The image's own layers, topmost first, without the one that the engine adds at start. */
  readonly layers: readonly string[]
}

export type EngineState =
  | { readonly kind: 'starting' }
  | { readonly kind: 'running' }
  | { readonly kind: 'degraded'; readonly reason: string; readonly since: string }
  | { readonly kind: 'stopped' }

export interface Peer {
  /** Container or compose service. */
  readonly name: string
  readonly image?: string
  readonly workload?: string
}

/** As much of a container as is known the moment that it is made. */
export type PendingContainer = Pick<
  ContainerIdentity,
  'id' | 'image' | 'imageId' | 'probes' | 'role' | 'initInjected' | 'user'
>

export type LeftListener = (id: string, how: 'stopped' | 'gone') => void

/**
 * Tells containers apart. Lifecycle: `starting → running ⇄ degraded → stopped`; an engine that cannot be
 * reached is `degraded` and is tried again for ever.
 */
export interface IdentityEngine {
  readonly name: string
  readonly state: EngineState
  /** Resolves once the first attempt is decided, whichever way; work goes on until the signal aborts. */
  start(signal: AbortSignal): Promise<void>
  /** What is known at once, without asking. */
  known(id: string): ContainerIdentity | undefined
  /**
   * Asks. `unknown`: the engine says that it has no such container. `unavailable`: it cannot be asked now, or does not
   * know yet. `cgroup`: its path, where a source told it.
   */
  lookup(id: string, cgroup?: string): Promise<ContainerIdentity | 'unknown' | 'unavailable'>
  /** Whose address this is. */
  peer(address: string): Peer | undefined
  /** Every address that is somebody's now. */
  addresses(): Iterable<string>
  /** Called whenever a container becomes known or changes. Returns the way to unsubscribe. */
  subscribe(listener: (identity: ContainerIdentity) => void): () => void
  /**
   * Called as soon as a container is made, where that is before the engine can be asked about it: one that is
   * started at once cannot be asked about until it runs. What {@link subscribe} tells later stands above it.
   */
  subscribePending?(listener: (container: PendingContainer) => void): () => void
  /** Called when a container has stopped, and so lost its addresses, and when it is gone for good. Returns the way to unsubscribe. */
  subscribeLeft(listener: LeftListener): () => void
  /** Called when the names of addresses changed without any container of this node having come or gone. */
  subscribePeers?(listener: () => void): () => void
}
