import type { CauseAccess, PlaceClass, RiskFacts } from './alert-risk.ts'
import type { Actor, BehaviourObject } from '../behaviour/behaviour.ts'
import type { User } from '../behaviour/user.ts'
import type { Literal } from '../behaviour/witness.ts'
import type { AlertSession } from '../person/session-person.ts'
import type { HashedFile } from './file-hash.ts'
import type { ContainerRef, ImageRef, ProcessRef, SnugEvent, WorkloadRef } from './event.ts'
import type { Origin } from './event-words.ts'

export const severities = ['low', 'medium', 'high', 'critical'] as const
export type Severity = (typeof severities)[number]

export const alertTypes = ['deviation', 'guardrail', 'loss', 'enforcement'] as const
export type AlertType = (typeof alertTypes)[number]

export const alertActions = ['alerted', 'blocked', 'killed', 'missed'] as const
/**
 * What happened, verified. `blocked`: it has no effect. `killed`: nothing survives that the process
 * obtained. `missed`: it was to be stopped, and had its effect.
 */
export type AlertAction = (typeof alertActions)[number]

/** True where the event had no effect. */
export function hasStopped(action: AlertAction): boolean {
  return action === 'blocked' || action === 'killed'
}

/** `snug.alert/v1`. Repeats of one event are one alert with a rising count. */
export interface Alert {
  readonly schema: 'snug.alert/v1'
  /** Sortable by time of creation. */
  readonly id: string
  readonly time: string
  readonly node: string
  readonly severity: Severity
  readonly type: AlertType
  readonly action: AlertAction
  /** Most important first. */
  readonly reasons: readonly string[]
  readonly nearest: AlertBehaviour | null
  readonly behaviour: AlertBehaviour | null
  readonly image?: ImageRef
  readonly container?: ContainerRef
  readonly workload?: WorkloadRef
  readonly process?: ProcessRef
  /**
   * For an `enforcement` alert without an event: a loss of blocking, not of observation, with its
   * span.
   */
  readonly event: SnugEvent
  readonly count: number
  readonly firstSeen: string
  readonly lastSeen: string
  readonly mode: string
  /** Names of the sources, if several reported the event. */
  readonly sources?: readonly string[]
  /** Absent: full. `partial`: the evidence behind it has holes, which the reasons name. */
  readonly confidence?: 'partial'
  /** Guardrail ids that fired. */
  readonly guardrails: readonly string[]
  /** MITRE ATT&CK technique ids. */
  readonly attack: readonly string[]
  readonly decision?: AlertDecision
  /** Present where several deviations of one actor, access and place may share the alert. */
  readonly cause?: AlertCause
  /** Different deviations that share the alert: the first few and the latest few. */
  readonly samples?: readonly AlertBehaviour[]
  /**
   * Of the run of a program: files of the image that it loaded because of its build, such as its libraries. These reads
   * are expected once the run is.
   */
  readonly loaded?: readonly AlertBehaviour[]
  /** Further files that were executed and that the image did not ship: the first ones. The first of all is the event's. */
  readonly files?: readonly HashedFile[]
  /** Sessions whose events are in it, the first few and the latest few, with who began them as far as that is known. */
  readonly sessions?: readonly AlertSession[]
  /** Of a deviation without a guardrail: what its severity follows from. */
  readonly risk?: RiskFacts
  /** Containers of the version with an open alert of the cause, and all that ran then. */
  readonly replicas?: { readonly shown: number; readonly running: number }
  /** A deviation of low risk: for review, and not sent to sinks by default. */
  readonly novelty?: true
  /** Of an alert that stands for others of its container and type: what they are. Its count is how many. */
  readonly summary?: AlertSummary
  /** Id of the alert that stands for this one. */
  readonly partOf?: string
  /** Id of its incident, where that was known as the alert was sent. Only sinks get it: it may change. */
  readonly incident?: string
}

export interface AlertCause {
  readonly id: string
  readonly access: CauseAccess
  /** A folder with `/` at its end, a program, a peer, or a name. Of a wide cause the folder that holds all. */
  readonly place: string
  readonly placeClass: PlaceClass
  /** How many different behaviours share the alert. */
  readonly names: number
  /**
   * The alert summarises causes of this actor, access and class of place without a separate alert.
   */
  readonly wide?: true
  /**
   * The first causes of a wide one, as far as a decision on it may cover later names: in places that the service owns.
   */
  readonly parts?: readonly AlertCausePart[]
  /**
   * The cause is a program or script of the image that is new in this version, `place`, in all of its containers. These
   * are the first acts of it that nothing else explains, of each cause one.
   */
  readonly component?: readonly AlertComponentPart[]
  /**
   * The component is no new one: a script of the image that the window did not show, with the programs of the image that
   * it runs, in one container.
   */
  readonly firstRun?: true
  /** The actor does below this folder what the window showed of it below one beside. */
  readonly instance?: string
  /** What would admit all of them, in the language of shapes; absent where it would admit too much. */
  readonly proposed?: string
}

export interface AlertCausePart extends Pick<AlertCause, 'id' | 'place' | 'names'> {}

export interface AlertComponentPart extends Pick<AlertCause, 'id' | 'access' | 'place'> {}

export interface AlertSummary {
  /** Kind of event → number. */
  readonly kinds: Readonly<Record<string, number>>
  /** Severity → how many. */
  readonly severities: Readonly<Record<string, number>>
  /** The most frequent first reasons. */
  readonly reasons: readonly { readonly text: string; readonly count: number }[]
  /** Ids of the first ones; `snug alert list` has all. */
  readonly first: readonly string[]
}

export interface AlertBehaviour {
  readonly id: string
  readonly kind: string
  readonly object: string
  readonly text: string
  /** Of a deviation: who does what, as the event showed it. The id follows from it. */
  readonly form?: BehaviourForm
}

/** A behaviour with the evidence of one event: enough to decide on it where no profile has it. */
export interface BehaviourForm {
  readonly actor: Actor
  readonly uid: User
  readonly object: BehaviourObject
  readonly origin: Origin
  /** Present where the object is shaped. */
  readonly literal?: Literal
}

export interface AlertDecision {
  readonly kind: 'allowed' | 'rejected' | 'acknowledged'
  readonly by: string
  readonly at: string
  readonly reason?: string
  readonly until?: string
  readonly onlyUid?: number
  /** `namespace/kind/name` */
  readonly onlyWorkload?: string
}
