import type { BehaviourKind } from '../core/coverage/coverage-report.ts'
import type { CauseAccess } from '../core/event/alert-risk.ts'
import type { PlaceJson } from '../core/profile/profile-entry.ts'
import type { ContainerRef, ImageRef, LossSpan } from '../core/event/event.ts'
import type { HoldLevel, HoldStanding } from '../core/lifecycle/hold.ts'
import type { RootNeed } from '../supplychain/export/root-need.ts'
import type { User } from '../core/behaviour/user.ts'
import type { KeptScan } from '../supplychain/findings/kept-scan.ts'

/** What an operator sees of the engine: plain JSON, times in RFC 3339 UTC. */
export const modes = ['learn', 'alert', 'block'] as const
export type Mode = (typeof modes)[number]

export const versionStates = ['learning', 'review', 'enforced', 'incomplete'] as const
export type VersionState = (typeof versionStates)[number]

export interface LineageView {
  readonly repository: string
  readonly versions: readonly VersionView[]
}

export interface VersionView {
  readonly image: ImageRef
  readonly tags: readonly string[]
  readonly state: VersionState
  readonly mode: Mode
  /** Digest of the version whose behaviours were the prior. */
  readonly predecessor?: string
  readonly firstSeen: string
  readonly lastSeen: string
  readonly learningSince?: string
  readonly learnedAt?: string
  readonly behaviours: number
  readonly pending: number
  readonly containers: { readonly running: number; readonly seen: number; readonly before: number }
  /** Running containers whose behaviour this agent does not see, and why; absent: none. */
  readonly blind?: {
    readonly running: number
    readonly of: number
    readonly reasons: readonly string[]
  }
  readonly coverage: CoverageView
  readonly losses: readonly LossSpan[]
  /** A sentence about why it has not progressed further. */
  readonly because: string
  /** Notes, such as how its profile was widened to fit, or why it cannot block. */
  readonly notes: readonly string[]
  /** Only in mode `block`. */
  readonly blocking?: BlockingView
  /** A person decided that its programs are an open set; absent: nobody did. */
  readonly open?: { readonly by: string; readonly at: string; readonly reason?: string }
  /** Changes with each decision and each step of its life: the `ETag` of `repository@digest`. */
  readonly revision: string
  /** The quality of its evidence, in full: only in the view of a single image. */
  readonly evidence?: EvidenceView
  /** Whether it runs as root, and needs to: only in the view of a single image. */
  readonly root?: RootNeed
  /** Absent without a stored scan; findings are included only for a single image. */
  readonly scan?: ScanView
}

/** The latest scan of a version, with the observed use of packages at that time. */
export interface ScanView extends Omit<KeptScan, 'findings'> {
  readonly at: string
  /** Who reported it. */
  readonly by: string
  readonly findings?: KeptScan['findings']
}

export interface EvidenceView {
  /** 95 % upper bounds of the chance that it shows something new; 0..1. */
  readonly nextContainer: number
  readonly nextHour: number
  readonly kinds: readonly {
    readonly kind: string
    readonly behaviours: number
    /** Seen in one container only. */
    readonly singletons: number
    readonly nextContainer: number
    readonly nextHour: number
  }[]
  /** Starts and ends of containers, which are separate units of coverage. */
  readonly phases: readonly {
    readonly phase: 'start-up' | 'shutdown'
    readonly seen: number
    readonly singletons: number
    readonly bound: number
  }[]
  /** Behaviour that the window was too short to show: a phase, or a scheduled job. */
  readonly notYetSeen: readonly string[]
  /** Of class `open`: where programs are installed, and files are worked on. */
  readonly folders?: { readonly programs: readonly string[]; readonly work: readonly string[] }
  /** Why class `open` may be what the version is. */
  readonly openProposal?: string
  /** The same as text. */
  readonly sentences: readonly string[]
  readonly novelty: NoveltyView
  /** Kinds of events that were observed during learning: other kinds are not judged. */
  readonly kindsObserved: readonly string[]
  /** How many intervals were observed, and how long they are together. */
  readonly intervals: number
  readonly observedMs: number
  /** The latest 200 of them. */
  readonly observed: readonly ObservedView[]
}

/** How many behaviours were known over time. */
export interface NoveltyView {
  /** As one line of text, from the first look to now. */
  readonly curve: string
  readonly points: readonly { readonly time: string; readonly known: number }[]
  /** When the latest new behaviour was seen. */
  readonly lastNew?: string
}

/** A container was observed without a gap. */
export interface ObservedView {
  readonly container: string
  readonly from: string
  readonly to: string
  /** False: it ran already when it was first observed, or there was a gap before. */
  readonly startSeen: boolean
}

export const kernelProfileStates = ['none', 'sent', 'installed', 'evicted', 'failed'] as const
export type KernelProfileState = (typeof kernelProfileStates)[number]
export const kernelCounts = ['sent', 'installed', 'evicted', 'failed', 'blocking'] as const
export type KernelCount = (typeof kernelCounts)[number]

export interface BlockingView {
  /** It stops deviations now, as the kernel has confirmed: neither disarmed nor under break-glass. */
  readonly armed: boolean
  /** As confirmed by the kernel. */
  readonly kernel: {
    /** `sent`: not confirmed yet. `evicted`: another version has its place until a container of it starts. */
    readonly profile: KernelProfileState
    /** Deviations are stopped. */
    readonly blocks: boolean
  }
  readonly since: string
  /** Since when its budget is spent, and it only alerts. */
  readonly disarmedAt?: string
  /** The kinds of events that only alert since then; absent: all. */
  readonly disarmed?: readonly BehaviourKind[]
  readonly canary?: { readonly fraction: number; readonly until: string }
  readonly breakGlass?: { readonly until: string; readonly by: string; readonly reason: string }
  /** Running ones, and whether their deviations are stopped while it is armed. */
  readonly containers: readonly ContainerView[]
}

export interface ContainerView {
  readonly id: string
  readonly name?: string
  readonly enforced: boolean
  /** Why this agent does not see what it does, so that nothing of it is known to be stopped; absent: it does. */
  readonly blind?: string
}

export interface CoverageView {
  /** Independent looks at the image: container runs, or slices of time within long ones. */
  readonly units: number
  readonly unitKind: 'containers' | 'slices'
  readonly singletons: number
  /** Expected chance that the next unit does something new, and its 95 % upper bound; both 0..1. */
  readonly unseen: number
  readonly bound: number
  readonly sentence: string
}

export interface ProfileView {
  readonly version: VersionView
  readonly behaviours: readonly BehaviourView[]
}

export const shownStates = [
  'learned',
  'approved',
  'rejected',
  'pending',
  'quarantined',
  'apart',
  'derived',
  'vanished',
] as const
/** `vanished`: inherited and never shown in the version's own window; expected for a while yet. */
export type ShownState = (typeof shownStates)[number]

export interface BehaviourView {
  readonly id: string
  readonly actor: { readonly exe: string; readonly script?: string }
  readonly uid: User
  readonly kind: string
  readonly object: string
  /** Object as one line for people, such as `read /etc/nginx/nginx.conf`. */
  readonly text: string
  /** The place that it lies in, which lists show instead of it. */
  readonly within?: string
  readonly state: ShownState
  readonly why: string
  readonly generalised: boolean
  readonly witnesses: readonly string[]
  readonly origins: readonly string[]
  readonly count: number
  readonly containers: readonly string[]
  /** Exec sessions that showed it. */
  readonly sessions: readonly string[]
  readonly nodes: readonly string[]
  readonly sources: readonly string[]
  readonly firstSeen: string
  readonly lastSeen: string
  readonly inherited: boolean
  readonly guardrails: readonly string[]
  /** Of a folder with ever new names: its templates, figures, and the attacker's names that it would include. */
  readonly place?: PlaceJson
  readonly allowance?: {
    readonly by: string
    readonly at: string
    readonly onlyWorkload?: string
  } & Omit<AllowScope, 'peer' | 'workload'>
}

export interface ProfileDiff {
  readonly from: ImageRef
  readonly to: ImageRef
  readonly added: readonly DiffRow[]
  readonly removed: readonly DiffRow[]
  readonly unchanged: number
  /** What follows from the two images' own files: in neither list above. */
  readonly derived: { readonly added: readonly DiffRow[]; readonly removed: readonly DiffRow[] }
}

export interface DiffRow {
  readonly id: string
  readonly text: string
  readonly actor: string
  readonly uid: User
  readonly kind: string
  /** Rows of one actor, access and place have one cause: {@link AlertCause}. */
  readonly access: CauseAccess
  readonly place: string
  /** Who does it, or whom it runs, is a program or script that the later image brings: its path. */
  readonly component?: string
  readonly explained?: string
}

export interface DecisionResult {
  readonly decided: readonly string[]
  /** Behaviours that a guardrail keeps in quarantine still. */
  readonly quarantined: number
  readonly version: VersionView
}

export interface ReplayResult {
  readonly events: number
  readonly expected: number
  readonly deviations: number
  readonly unprofiled: number
  readonly learned: number
  readonly losses: number
  readonly rejected: readonly RejectedLine[]
  readonly rejectedCount: number
}

export interface RejectedLine {
  readonly line: number
  readonly code: string
  readonly message: string
}

export interface BackTestResult {
  readonly events: number
  readonly expected: number
  readonly deviations: number
  /** Sentences about kinds that no source observed during learning. */
  readonly unprofiled: number
  readonly rejectedCount: number
  readonly rejected: readonly RejectedLine[]
  /** Distinct deviations, most frequent first. */
  readonly rows: readonly BackTestRow[]
}

export interface BackTestRow {
  readonly text: string
  readonly actor: string
  readonly uid: User
  readonly outcome: 'expected' | 'deviation' | 'unprofiled'
  readonly count: number
  readonly reasons: readonly string[]
  readonly line: number
}

export interface StatusView {
  readonly version: string
  readonly node: string
  readonly pid: number
  readonly startedAt: string
  readonly state: 'starting' | 'running' | 'degraded' | 'stopping'
  readonly degraded: readonly string[]
  readonly sources: readonly SourceView[]
  readonly engines: readonly EngineView[]
  readonly containers: {
    readonly watched: number
    /** Those of them that are runs of systemd units. */
    readonly units: number
    readonly unresolved: number
    readonly before: number
    /** Those whose behaviour the agent does not see, because of their runtime. */
    readonly blind: number
  }
  readonly versions: Readonly<Record<VersionState, number>>
  readonly alerts: { readonly open: number; readonly total: number }
  readonly losses: readonly LossSpan[]
  readonly counters: Readonly<Record<string, number>>
  /** Events that two sources reported, by kind, since start; empty with one source. */
  readonly crossChecks: readonly CrossCheckView[]
  /** Versions by the confirmed state of their profiles in the kernel; `blocking`: those whose deviations it stops. */
  readonly kernelProfiles: Readonly<Record<KernelCount, number>>
  /** The response to a deviation in mode block on this host; empty if no source reports it. */
  readonly stops: readonly StopView[]
  /** The sensor's self-test of its blocking; absent until it has run. */
  readonly selfProbe?: SelfProbeView
  /** The longest time of this day (UTC) that a container ran before its events could be blocked. */
  readonly enforcementGap?: EnforcementGapView
  /** Absent where TCP is not served. */
  readonly gateway?: GatewayView
}

export interface EnforcementGapView {
  /** `repository@digest` */
  readonly image: string
  readonly container: string
  /** Of its first event. */
  readonly time: string
  readonly milliseconds: number
}

/** Updates of the live stream besides alerts. */
export type StateNews =
  | {
      readonly kind: 'version'
      readonly time: string
      readonly image: ImageRef
      readonly state: VersionState
      readonly mode: Mode
      readonly because: string
      /** Containers of it. */
      readonly running: number
      readonly revision: string
    }
  /** The agent keeps nothing of the version any more, except its alerts. */
  | { readonly kind: 'removed'; readonly time: string; readonly image: ImageRef }
  | {
      readonly kind: 'loss'
      readonly time: string
      readonly source: string
      readonly loss: LossSpan
      readonly image?: ImageRef
      readonly container?: ContainerRef
    }
  | {
      readonly kind: 'status'
      readonly time: string
      readonly state: StatusView['state']
      readonly degraded: readonly string[]
    }

export interface CrossCheckView {
  readonly kind: string
  /** The two sources. */
  readonly sources: readonly string[]
  /** Different events of the first source, of the second, and of both. */
  readonly reported: readonly number[]
  readonly both: number
  /**
   * Events that both missed: Chapman's estimate, and its 95 % upper bound; absent if too few were
   * reported by both.
   */
  readonly unreported?: number
  readonly unreportedBound?: number
  readonly sentence: string
}

export interface StopView {
  /** Class of events: `exec`, `open`, `connect`, … */
  readonly act: string
  /** The same as text. */
  readonly text: string
  readonly how: StopHow
}

export const stopHows = ['blocked', 'killed', 'alerted', 'unseen'] as const
/** Refused before it happens; its process killed first; only an alert; or not even that. */
export type StopHow = (typeof stopHows)[number]

export interface SelfProbeView {
  readonly time: string
  /** Everything that must pass did, and everything that must be stopped was. */
  readonly ok: boolean
  readonly stopped: readonly string[]
  readonly missed: readonly string[]
  readonly runs: number
  readonly failures: number
}

/** The process that serves TCP, and what it may do. */
export interface GatewayView {
  readonly url: string
  readonly pid: number
  readonly uid: number
  /** `none`, or the sets as the kernel prints them. */
  readonly capabilities: string
  readonly noNewPrivileges: boolean
}

export interface SourceView {
  readonly name: string
  readonly state: string
  /** Why it observes nothing, temporarily or for good; absent where it works, or has reached its end. */
  readonly reason?: string
  readonly received: number
  readonly lost: Readonly<Record<string, number>>
  readonly facts: Readonly<Record<string, string>>
  /** What its programs in the kernel took while somebody measured it; absent before that. */
  readonly measured?: readonly ProgramCost[]
}

export interface EngineView {
  readonly name: string
  readonly state: string
  readonly reason?: string
}

/** What the programs of a source took in the kernel within a time. */
export interface KernelCost {
  readonly seconds: number
  /** Memory of its maps. */
  readonly mapBytes: number
  readonly programs: readonly ProgramCost[]
}

export interface ProgramCost {
  readonly program: string
  readonly runs: number
  /** Of processor time, in all runs. */
  readonly nanoseconds: number
}

/** What Snug takes on this node within a time. */
export interface CostReport {
  readonly seconds: number
  readonly processors: number
  readonly processes: readonly ProcessCost[]
  /** Absent where nothing in the kernel could be measured: see `unmeasured`. */
  readonly kernel?: KernelCost
  readonly unmeasured?: string
}

export interface ProcessCost {
  readonly process: 'agent' | 'sensor' | 'gateway'
  /** Of processor time. */
  readonly seconds: number
  readonly residentBytes: number
}

export interface DoctorReport {
  readonly checks: readonly DoctorCheck[]
  /** By kind of event: observed, blocked, killed or only alerted on this host. */
  readonly acts: readonly {
    readonly act: string
    readonly seen: string
    readonly stopped: string
  }[]
  readonly images: readonly { readonly image: string; readonly because: string }[]
  /** Finer than `acts`: the response to a deviation in mode block; empty without an agent. */
  readonly stops: readonly StopView[]
}

export interface DoctorCheck {
  readonly name: string
  readonly ok: boolean
  readonly found: string
  readonly advice?: string
}

export interface AllowScope {
  /** RFC 3339; absent: for good. */
  readonly until?: string
  readonly onlyUid?: number
  /** Of a connection: a block of addresses, `10.0.0.0/8`, instead of the one address or name. */
  readonly peer?: string
  /** Only for the workload that the alert is of. */
  readonly workload?: boolean
}

/** A hold, with its containers on this node and how far it has come in each. */
export interface HoldView {
  readonly id: string
  readonly level: HoldLevel
  readonly target: string
  readonly by: string
  readonly reason: string
  readonly since: string
  readonly until: string
  readonly containers: readonly HeldContainerView[]
}

export interface HeldContainerView extends HoldStanding {
  readonly id: string
  readonly name?: string
  readonly image: string
}
