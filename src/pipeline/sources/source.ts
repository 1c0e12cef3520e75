import type { EventKind, Origin, SnugEvent } from '../../core/event/event.ts'
import type { BehaviourTag, KernelProfile } from '../../core/compile/kernel-profile.ts'

/**
 * What every event source keeps to; the conformance suite in `test/contract/source.ts` holds each
 * implementation to it.
 *
 * Lifecycle: `starting → running ⇄ degraded → stopped`. `messages()` may be iterated once. It ends when
 * the input ends or the signal aborts; it throws a `SnugError` only where the source can never work
 * (no such file, no BTF). What heals is told as `degraded` and as a `loss` event for the gap.
 */
export interface EventSource {
  readonly name: string
  /** Which kinds it can deliver, and what it can do for the pipeline. Data, so that callers need no `instanceof`. */
  readonly supports: SourceSupport
  readonly state: SourceState
  readonly stats: SourceStats
  messages(signal: AbortSignal): AsyncIterable<SourceBatch>
  /** Present where `supports.filter`: tells the source what the pipeline knows, so that known acts stay in the kernel. */
  readonly control?: SourceControl
}

export interface SourceSupport {
  readonly kinds: readonly EventKind[]
  /**
   * It tells only what rules of its own ask for: it is taken to watch for a kind once it has told an act of it.
   * Absent: it watches for all of its kinds all the time.
   */
  readonly byRule?: boolean
  /** Others observed what it passes on, and are named in `source` of its events. */
  readonly relays?: boolean
  /** The source folds repeats of what it was told is known (the kernel's novelty filter). */
  readonly filter: boolean
  /** The source tells the start and end of containers. */
  readonly containers: boolean
  /** The source confirms profiles and enforcement by `policy` messages: they are in force once it did. */
  readonly confirms?: boolean
  /** The source may go on observing while there is no daemon: it says in `began` whether it did. */
  readonly keeps?: boolean
}

export type SourceState =
  | { readonly kind: 'starting' }
  | { readonly kind: 'running' }
  | { readonly kind: 'degraded'; readonly reason: string; readonly since: string }
  | { readonly kind: 'stopped' }

export interface SourceStats {
  readonly received: number
  readonly delivered: number
  /** reason → how many acts are known to be lost */
  readonly lost: Readonly<Record<string, number>>
  /** Facts for `snug status` and `snug doctor`: hooks attached, kernel, file offset. */
  readonly facts: Readonly<Record<string, string>>
}

/** Batches, never single events, cross the async boundary; within one, messages are in order of observation. */
export type SourceBatch = readonly SourceMessage[]

export type SourceMessage =
  | { readonly type: 'event'; readonly event: SnugEvent; readonly key?: BehaviourKey }
  | { readonly type: 'count-update'; readonly countUpdate: CountUpdate }
  | { readonly type: 'container-started'; readonly container: ContainerSeen }
  | { readonly type: 'container-ended'; readonly id: string; readonly time: string }
  /** So many different acts of a version were refused within a minute that blocking has disarmed itself. */
  | { readonly type: 'disarmed'; readonly scope: number; readonly time: string }
  | { readonly type: 'policy'; readonly report: PolicyReport }
  | { readonly type: 'self-probe'; readonly probe: SelfProbe }
  /** Everything before it was told: once that is safe, `control.taken` says so. */
  | { readonly type: 'mark'; readonly mark: SourceMark }
  /** It observes from now on, or, where it `kept` on observing while there was no daemon, from where that one stopped. */
  | { readonly type: 'began'; readonly kept: boolean }

/** What the source confirms of the profiles and the enforcement that it was sent. */
export type PolicyReport =
  /** The events of the scope are judged by its profile from here on. */
  | { readonly kind: 'installed'; readonly scope: number }
  /** The scope has no profile in the kernel: its deviations are alerted on, and not stopped. */
  | { readonly kind: 'failed'; readonly scope: number; readonly reason: string }
  /** Its place went to another version, as none of its containers ran. It is sent again for the next one. */
  | { readonly kind: 'evicted'; readonly scope: number }
  /** Whether deviations from the scope's profile are stopped now. */
  | { readonly kind: 'enforced'; readonly scope: number; readonly blocks: boolean }
  /** The kernel has nothing of all that was confirmed: it is sent again. */
  | { readonly kind: 'reset' }

/** A place in what a source tells. Also good for a later daemon, by `control.resume`. */
export type SourceMark = string & { readonly __brand: 'SourceMark' }

export function sourceMark(text: string): SourceMark {
  return text as SourceMark
}

/** What the sensor's own trial in a cgroup of its own came to. */
export interface SelfProbe {
  readonly time: string
  /** An act that is allowed went through. */
  readonly passed: boolean
  /** Acts that must be stopped and were, by name; and those that were not. */
  readonly stopped: readonly string[]
  readonly missed: readonly string[]
}

/** The kernel's name for a behaviour within one version: 64 bits as 16 hex digits. Means nothing after the sensor restarts. */
export type BehaviourKey = string & { readonly __brand: 'BehaviourKey' }

export function behaviourKey(hex: string): BehaviourKey {
  return hex as BehaviourKey
}

/** A known behaviour was seen again: in a container for the first time, or `count` more times since last told. */
export interface CountUpdate {
  readonly key: BehaviourKey
  readonly containerId: string
  readonly count: number
  readonly first: string
  readonly last: string
  /** Present where the kernel itself judged it by a compiled profile: the behaviours that it counts for. */
  readonly expected?: {
    readonly tags: readonly BehaviourTag[]
    readonly origin: Origin
    readonly session?: string
  }
}

export interface ContainerSeen {
  readonly id: string
  readonly cgroup: string
  readonly time: string
  /** It already ran when the source began. */
  readonly before: boolean
}

export const filterModes = ['off', 'novelty'] as const
/** `off`: every act comes up. `novelty`: an act that was told as known does not, it is counted. */
export type FilterMode = (typeof filterModes)[number]

export interface SourceControl {
  /**
   * Which version a container runs; `scope` names the version's novelty set (a fresh scope forgets it). Unknown
   * containers share nothing. May come before the container's cgroup does.
   */
  assign(containerId: string, scope: number, traits?: ContainerTraits): void
  /** The container is gone for good, whether it ever ran or not: what was told of it may be forgotten. */
  release?(containerId: string): void
  /** These behaviours of that scope were judged expected: count them, do not send them again. */
  known(scope: number, keys: readonly BehaviourKey[]): void
  filter(mode: FilterMode): void
  /** The compiled profile that the acts of the scope's containers are judged by, swapped whole; undefined: none. */
  profile?(scope: number, profile: KernelProfile | undefined): void
  /** What a deviation from the scope's profile gets. */
  enforce?(scope: number, enforcement: Enforcement): void
  /** Addresses that have a name, by which profiles know them; undefined takes the name away. */
  peers?(changes: readonly PeerName[]): void
  /** What came before the mark is safe: it need not be told again, whatever happens. */
  taken?(mark: SourceMark): void
  /** The last mark that an earlier daemon had taken. To be said before the source is read. */
  resume?(mark: SourceMark): void
  /** Whether containers that belong to no version yet may run programs. */
  failClosed?(on: boolean): void
  /** Asks for counts of everything seen since last told; they arrive as `sighting`. */
  flush(): void
}

export interface ContainerTraits {
  /** Deviations of this container are blocked where its version's are: the canary's choice. */
  readonly enforce?: boolean
  /** Commands that the engine runs by itself: a session that begins with one of them is of origin `probe`. */
  readonly probes?: readonly (readonly string[])[]
  /** The engine put its own init into the container. */
  readonly init?: boolean
  /** The uid that image or pod declare, where that is known. */
  readonly user?: number
}

export interface Enforcement {
  readonly mode: 'alert' | 'block'
  /** Different acts of the version that are refused within a minute before blocking disarms itself. */
  readonly budget: number
  /** Epoch milliseconds: until then nothing is blocked (break-glass). */
  readonly pausedUntil?: number
}

export interface PeerName {
  /** An address, or a block of them in CIDR form; canonical. */
  readonly address: string
  readonly name: string | undefined
}
