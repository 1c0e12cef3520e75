import type { KernelCost, ProgramCost } from '../../../api/status-views.ts'
import type { BehaviourKind, EventKind, Origin } from '../../../core/event/event-words.ts'
import type { Spare } from '../../../core/lifecycle/blocking.ts'
import type { KernelHold } from '../../../core/lifecycle/hold.ts'
import type { SnugEvent } from '../../../core/event/event.ts'
import type { BehaviourTag, KernelProfile } from '../../../core/compile/kernel-profile.ts'

/**
 * The contract of every event source. The conformance suite in `test/contract/source.ts` checks
 * each implementation.
 * Lifecycle: `starting → running ⇄ degraded → stopped`. `messages()` may be iterated once. It ends
 * when the input ends or the signal aborts. It throws a `SnugError` only if the source can never
 * work (no such file, no BTF). A fault that heals is reported as `degraded`, and its gap as a
 * `loss` event.
 */
export interface EventSource {
  readonly name: string
  /**
   * The kinds that it can deliver, and its optional features. Data, so that callers need no
   * `instanceof`.
   */
  readonly supports: SourceSupport
  readonly state: SourceState
  readonly stats: SourceStats
  messages(signal: AbortSignal): AsyncIterable<SourceBatch>
  /**
   * Present if `supports.filter` is set: sends the expected behaviours to the source, so that it
   * counts them in the kernel.
   */
  readonly control?: SourceControl
  /**
   * Present where another kernel reports what it does for a container: the ids of the containers that are observed so
   * now. What else is seen of such a container is its sandbox.
   */
  readonly inside?: ReadonlySet<string>
  /** Of the process that it started, while there is one. */
  readonly sensorPid?: number | undefined
  /**
   * Present where the source has programs in the kernel: measures for so many seconds what they take.
   *
   * Errors: `COST_UNMEASURED`, `SENSOR_UNAVAILABLE`
   */
  measureCost?(seconds: number): Promise<KernelCost>
}

export interface SourceSupport {
  readonly kinds: readonly EventKind[]
  /**
   * The source reports only what its rules ask for: it covers a kind after its first event of that
   * kind. Absent: it observes all of its kinds all the time.
   */
  readonly byRule?: boolean
  /**
   * Other sensors observed the events that it passes on. `source` of each event names the sensor.
   */
  readonly relays?: boolean
  /** The source folds repeats of events that were sent as known (the kernel's novelty filter). */
  readonly filter: boolean
  /** The source reports the start and end of containers. */
  readonly containers: boolean
  /** It reports files that a process receives from another one. */
  readonly received?: boolean
  /** It reports which server a client names in TLS. */
  readonly serverNames?: boolean
  /**
   * The source confirms profiles and enforcement by `policy` messages. They are in force from then
   * on.
   */
  readonly confirms?: boolean
  /** The source may keep observing while no daemon runs: `began` reports whether it did. */
  readonly keeps?: boolean
  /** What is not read in time is lost, as the producer cannot wait. */
  readonly overflows?: boolean
}

export type SourceState =
  | { readonly kind: 'starting' }
  | { readonly kind: 'running' }
  | { readonly kind: 'degraded'; readonly reason: string; readonly since: string }
  | { readonly kind: 'stopped' }

export interface SourceStats {
  readonly received: number
  readonly delivered: number
  /** reason → number of events that are certainly lost */
  readonly lost: Readonly<Record<string, number>>
  /** Facts for `snug status` and `snug doctor`: hooks attached, kernel, file offset. */
  readonly facts: Readonly<Record<string, string>>
  /** The sum of all measurements of its cost; absent before the first one. */
  readonly measured?: readonly ProgramCost[]
}

/**
 * Only batches cross the async boundary, never single events. Messages in a batch are in order of
 * observation.
 */
export type SourceBatch = readonly SourceMessage[]

export type SourceMessage =
  | { readonly type: 'event'; readonly event: SnugEvent; readonly key?: BehaviourKey }
  | { readonly type: 'count-update'; readonly countUpdate: CountUpdate }
  | { readonly type: 'container-started'; readonly container: ContainerSeen }
  | { readonly type: 'container-ended'; readonly id: string; readonly time: string }
  /** Precedes the connections that a program makes because of it. */
  | { readonly type: 'name-answer'; readonly answer: NameAnswer }
  /**
   * Blocking has disarmed itself: it refused too many different events of a version within a
   * minute.
   */
  | {
      readonly type: 'disarmed'
      readonly scope: number
      /** All that are not stopped any more. */
      readonly kinds: readonly BehaviourKind[]
      readonly time: string
    }
  | { readonly type: 'policy'; readonly report: PolicyReport }
  | { readonly type: 'self-probe'; readonly probe: SelfProbe }
  /** Every message before it was delivered. The reader calls `control.acknowledge` once they are stored. */
  | { readonly type: 'mark'; readonly mark: SourceMark }
  /**
   * The source observes from now on. If it `kept` observing without a daemon, there is no gap since
   * the last one.
   */
  | { readonly type: 'began'; readonly kept: boolean }

/** The id of the container that a message is about. */
export function containerOfMessage(message: SourceMessage): string | undefined {
  switch (message.type) {
    case 'event':
      return message.event.container?.id
    case 'count-update':
      return message.countUpdate.containerId
    case 'container-started':
      return message.container.id
    case 'container-ended':
      return message.id
    case 'name-answer':
      return message.answer.containerId
    case 'disarmed':
    case 'policy':
    case 'self-probe':
    case 'began':
    case 'mark':
      return undefined
  }
}

/** Addresses that a resolver gave a container for a name. */
export interface NameAnswer {
  readonly containerId: string
  readonly time: string
  /** The address that the answer came from. */
  readonly resolver: string
  /** The DNS name that was asked for, in lower case, without the final dot. */
  readonly name: string
  readonly addresses: readonly { readonly address: string; readonly ttl: number }[]
}

/** The source's confirmation of the profiles and the enforcement that it received. */
export type PolicyReport =
  /** The profile of the scope judges its events from here on. */
  | { readonly kind: 'installed'; readonly scope: number }
  /** The scope has no profile in the kernel: its deviations raise alerts and are not blocked. */
  | { readonly kind: 'failed'; readonly scope: number; readonly reason: string }
  /**
   * Another version took its slot while none of its containers ran. It is sent again for the next
   * one.
   */
  | { readonly kind: 'evicted'; readonly scope: number }
  /** Whether the kernel blocks deviations from the scope's profile now. */
  | { readonly kind: 'enforced'; readonly scope: number; readonly blocks: boolean }
  /**
   * The container is assigned to the scope. `since` (RFC 3339): it acted before; absent: all of its events are judged so,
   * from its first one on.
   */
  | {
      readonly kind: 'assigned'
      readonly container: string
      readonly scope: number
      /** Its deviations are stopped where the scope's are. */
      readonly enforced: boolean
      readonly since?: string
      /** It is held. `ended`: connections that the hold has ended; absent: it ended none, or could not look. */
      readonly hold?: {
        readonly network: boolean
        readonly changes: boolean
        readonly ended?: number
      }
    }
  /** The kernel lost everything that it confirmed, so it is sent again. */
  | { readonly kind: 'reset' }

/** A position in the messages of a source. A later daemon can use it too, by `control.resume`. */
export type SourceMark = string & { readonly __brand: 'SourceMark' }

export function sourceMark(text: string): SourceMark {
  return text as SourceMark
}

/** Result of the sensor's self-test in a separate cgroup. */
export interface SelfProbe {
  readonly time: string
  /** An allowed event was not blocked. */
  readonly passed: boolean
  /** Names of the events that must be blocked: `stopped` were blocked, `missed` were not. */
  readonly stopped: readonly string[]
  readonly missed: readonly string[]
}

/**
 * The kernel's key of a behaviour within one version: 64 bits as 16 hex digits. Valid as long as the
 * kernel's state, which may outlive the daemon.
 */
export type BehaviourKey = string & { readonly __brand: 'BehaviourKey' }

export function behaviourKey(hex: string): BehaviourKey {
  return hex as BehaviourKey
}

/**
 * Repeats of a known behaviour: its first event in a container, or `count` more since the last
 * report.
 */
export interface CountUpdate {
  readonly key: BehaviourKey
  readonly containerId: string
  readonly count: number
  readonly first: string
  readonly last: string
  /**
   * Present if the kernel judged the event by a compiled profile: the behaviours to count it for.
   */
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
  /** The container already ran when the source started. */
  readonly before: boolean
}

export const filterModes = ['off', 'novelty'] as const
/** `off`: the source reports every event. `novelty`: it counts events that were sent as known. */
export type FilterMode = (typeof filterModes)[number]

export interface SourceControl {
  /**
   * Assigns a version to a container. `scope` names the version's novelty set, and a new scope
   * starts empty. Unknown containers share nothing. The call may precede the container's cgroup.
   */
  assign(containerId: string, scope: number, traits?: ContainerTraits): void
  /** The container is gone for good, whether it ever ran or not: the source may drop its state. */
  release?(containerId: string): void
  /** The profile expects these behaviours of the scope: count them, do not report them again. */
  known(scope: number, keys: readonly BehaviourKey[]): void
  filter(mode: FilterMode): void
  /**
   * Replaces the compiled profile that judges the events of the scope's containers; undefined:
   * none.
   */
  profile?(scope: number, profile: KernelProfile | undefined): void
  /** Sets the response to deviations from the scope's profile. */
  enforce?(scope: number, enforcement: Enforcement): void
  /** Names for addresses, by which profiles refer to them; undefined removes the name. */
  peers?(changes: readonly PeerName[]): void
  /**
   * The resolvers of a container: the source names its peers by their answers alone. To be called when the container
   * runs. Until then a connection to a peer whose name is expected is not blocked. `found`: addresses that earlier
   * answers named; what the source saw itself takes precedence.
   */
  resolvers?(containerId: string, addresses: readonly string[], found: readonly FoundName[]): void
  /** All messages before the mark are stored, so the source need not report them again. */
  acknowledge?(mark: SourceMark): void
  /** The last mark that an earlier daemon took. Must be called before the source is read. */
  resume?(mark: SourceMark): void
  /** Whether containers that belong to no version yet may run programs. */
  failClosed?(on: boolean): void
  /** Resolves once the source has acted on all commands so far, which may take until it runs again. */
  obeyed?(): Promise<void>
  /** Whether the process still runs what it executed then. False also where that is not known. */
  runsStill?(run: Run): Promise<boolean>
  /** Requests the counts since the last report. They arrive as `count-update`. */
  flush(): void
}

/** One execution by a process. */
export interface Run {
  readonly pid: number
  /** As the kernel named it: {@link ExecutedFile.executed}. */
  readonly executed: string
}

export interface ContainerTraits {
  /** Whether to block deviations of this container if its version blocks: selects the canary. */
  readonly enforce?: boolean
  /**
   * Commands that the engine runs by itself. A session that starts with one of them has the origin
   * `probe`.
   */
  readonly probes?: readonly (readonly string[])[]
  /** The engine added an init to the container. */
  readonly init?: boolean
  /** The uid that the image or pod declares, if known. */
  readonly user?: number
  /** It is held, whatever its version's profile and mode. */
  readonly hold?: KernelHold
}

export interface Enforcement {
  readonly mode: 'alert' | 'block'
  /**
   * Blocking disarms itself for a kind after it stops this many different events of that kind
   * within a minute, in most of the version's containers.
   */
  readonly budget: number
  /** Kinds that only alert. */
  readonly except?: readonly BehaviourKind[]
  /** Accesses to files that only alert: no sensor observed them while the version learned. */
  readonly spares?: readonly Spare[]
  /** Epoch milliseconds: blocking is off until then (break-glass). */
  readonly pausedUntil?: number
}

/** A DNS name, with the final dot, that led a container to the address. */
export interface FoundName {
  /** Canonical. */
  readonly address: string
  readonly name: string
}

export interface PeerName {
  /** An address or a CIDR block, canonical. */
  readonly address: string
  readonly name: string | undefined
}
