import type { Alert, AlertDecision, AlertType, Severity } from '../core/event/alert.ts'
import type { EventKind } from '../core/event/event.ts'
import type { BehaviourView, Mode, ShownState, VersionState } from './engine-views.ts'

/**
 * What the page shows beyond the plain views of the engine: joined, cut to what a screen needs, and counted where it
 * was cut. Nothing here changes anything. Plain JSON; times are RFC 3339 UTC.
 */
export interface PageViews {
  timeline(hours: number): Promise<TimelineView>
  /** The versions of an image as lines of life, oldest first. */
  lives(ref: string): Promise<readonly LifeView[]>
  /** Without `deviations` the profile alone: nothing that waits for a decision. */
  picture(ref: string, deviations?: boolean): Promise<PictureView>
  behaviours(ref: string, query: BehaviourQuery): Promise<BehaviourPage>
  review(query: ReviewQuery): Promise<ReviewPage>
  /** The behaviours of one card, in the order in which they were seen first. */
  cardBehaviours(query: CardQuery): Promise<CardBehaviourPage>
  alertRows(query: AlertRowQuery): Promise<AlertPage>
  story(id: string): Promise<AlertStory>
}

export interface TimelineView {
  readonly from: string
  readonly to: string
  readonly sliceMs: number
  readonly slices: readonly TimelineSlice[]
  /** Decisions and steps of versions, oldest first. */
  readonly marks: readonly TimelineMark[]
}

export interface TimelineSlice {
  readonly from: string
  /** Alerts that were raised, by severity. */
  readonly alerts: Readonly<Record<Severity, number>>
  /** Behaviours that were seen for the first time. */
  readonly novel: number
  /** Events known to be lost; a loss of an unknown number counts as one. */
  readonly lost: number
}

export interface TimelineMark {
  readonly time: string
  /** As in the audit: `lifecycle`, `approve`, `mode` … */
  readonly what: string
  readonly who: string
  /** `repository@digest` */
  readonly image?: string
  readonly text: string
}

export interface LifeView {
  /** `repository@digest` */
  readonly ref: string
  readonly digest: string
  readonly tags: readonly string[]
  readonly from: string
  /** Its latest event; absent while a container of it runs. */
  readonly to?: string
  /** In order of time, without gaps; the first begins with the version. */
  readonly stages: readonly LifeStage[]
  /** What people decided on it, oldest first. */
  readonly marks: readonly TimelineMark[]
}

export interface LifeStage {
  readonly state: VersionState
  readonly mode: Mode
  readonly from: string
  readonly to?: string
  readonly because: string
}

/** The programs, reads, writes and peers of each program of a version. */
export interface PictureView {
  readonly programs: readonly ProgramView[]
  /** Which program starts which, as indices of `programs`. */
  readonly runs: readonly RunView[]
  readonly peers: readonly PeerView[]
  /** Programs and peers that are left out, because there are more than a picture can hold. */
  readonly left: { readonly programs: number; readonly peers: number }
  /** Behaviours that wait for a decision, whether or not the picture has them. */
  readonly deviations: number
}

export interface ProgramView {
  readonly exe: string
  readonly script?: string
  /** As in `as uid 101`. */
  readonly users: readonly string[]
  /** Events by kind, in a fixed order; only kinds that it has. */
  readonly acts: readonly ActGroup[]
  /** Behaviours that wait for a decision, its own start among them. */
  readonly open: number
}

export const actGroups = ['read', 'write', 'connect', 'listen', 'other'] as const
export type ActGroupName = (typeof actGroups)[number]

export interface ActGroup {
  readonly group: ActGroupName
  readonly total: number
  /** The first few; the rest is in the list of behaviours. */
  readonly shown: readonly ActLine[]
}

export interface ActLine {
  readonly id: string
  readonly text: string
  readonly state: ShownState
}

export interface RunView {
  readonly from: number
  readonly to: number
  readonly id: string
  readonly state: ShownState
  readonly drift: boolean
}

export interface PeerView {
  readonly protocol: string
  readonly peer: string
  /** 0 where the protocol has no ports. */
  readonly port: number
  /** `out`: connected to; `in`: listened on. */
  readonly direction: 'out' | 'in'
  /** Indices of `programs`. */
  readonly programs: readonly number[]
  readonly count: number
  readonly state: ShownState
}

export interface BehaviourQuery {
  readonly offset: number
  readonly limit: number
  /** Text in the behaviour or its actor. */
  readonly q?: string
  readonly state?: ShownState
  readonly kind?: string
  /** An executable, or a script. */
  readonly actor?: string
}

export interface BehaviourPage {
  readonly total: number
  readonly offset: number
  readonly rows: readonly BehaviourView[]
  /** Of all of them, whatever the query. */
  readonly kinds: Readonly<Record<string, number>>
  readonly states: Readonly<Record<string, number>>
}

export interface ReviewQuery {
  readonly offset: number
  readonly limit: number
  readonly q?: string
  readonly repository?: string
  /** Only the card with this `id`. */
  readonly card?: string
}

export interface CardQuery {
  /** `key` of the card. */
  readonly card: string
  readonly offset: number
  readonly limit: number
}

export interface CardBehaviourPage {
  readonly total: number
  readonly offset: number
  readonly rows: readonly CardBehaviour[]
}

export interface ReviewPage {
  readonly total: number
  readonly offset: number
  readonly cards: readonly ReviewCard[]
  /** Behaviours in all these cards. */
  readonly behaviours: number
  /** Versions that wait for a decision on the whole version. */
  readonly versions: readonly WaitingVersion[]
  /** Images with cards, by how many. */
  readonly repositories: Readonly<Record<string, number>>
}

/**
 * What a card has in common. `cause`: actor, access and place, as alerts have it. `program`: a program that the profile
 * does not have, with what it and the programs it starts do. `session`: what only one exec session did.
 */
export const cardGroupings = ['cause', 'program', 'session'] as const
export type CardGrouping = (typeof cardGroupings)[number]

/**
 * Behaviours of an image that wait for one decision, over its versions and containers. Behaviours on which a guardrail
 * fired never share a card with others.
 */
export interface ReviewCard {
  /** The same as long as the card exists. */
  readonly key: string
  /** Of the card as it stands: another one once a behaviour comes or goes. */
  readonly id: string
  /** With `#scope`, where profiles have one. */
  readonly repository: string
  readonly grouping: CardGrouping
  /** A program or an exec session. */
  readonly actor: string
  /** As in `as uid 101`. */
  readonly user: string
  readonly kinds: readonly string[]
  /** What happened, with the actor before it: `writes 11 files in /var/lib/app/tickets/`. */
  readonly text: string
  readonly behaviours: number
  /** The first of them. */
  readonly samples: readonly CardBehaviour[]
  /** A pattern that all names of the card's place fit. */
  readonly proposed?: string
  readonly places: readonly CardPlace[]
  readonly origins: readonly string[]
  readonly containers: number
  readonly sessions: readonly string[]
  readonly count: number
  readonly firstSeen: string
  readonly lastSeen: string
  readonly guardrails: readonly string[]
  /** Why the first of them is not known, most important first. */
  readonly reasons: readonly string[]
  readonly nearest?: string
  /** Other scopes whose profile of the image expects all of it; absent: none. */
  readonly elsewhere?: readonly string[]
  /** The change in the image that explains all of it: such a card is selected in advance. */
  readonly explained?: string
  /** Ids of open alerts about it. */
  readonly alerts: readonly string[]
}

export interface CardBehaviour {
  readonly id: string
  readonly actor: string
  /** As in `as uid 101`. */
  readonly user: string
  readonly kind: string
  readonly text: string
  /** `repository@digest` of each version in which it waits. */
  readonly versions: readonly string[]
  readonly containers: number
  readonly count: number
  readonly firstSeen: string
  readonly lastSeen: string
  readonly guardrails: readonly string[]
  /** The change in the image that explains it. */
  readonly explained?: string
}

export interface CardPlace {
  /** `repository@digest` */
  readonly ref: string
  readonly tags: readonly string[]
  readonly state: VersionState
  readonly mode: Mode
  /** To be sent with a decision. */
  readonly revision: string
  /** `learned` where it is a new version's delta. */
  readonly behaviourState: ShownState
  /** Ids of the behaviours that wait in it, to be sent with a decision. */
  readonly behaviours: readonly string[]
  readonly containers: number
  readonly count: number
}

export interface WaitingVersion {
  readonly ref: string
  readonly revision: string
  readonly repository: string
  readonly tags: readonly string[]
  readonly state: VersionState
  readonly behaviours: number
  readonly sentence: string
  readonly because: string
}

export interface AlertRowQuery {
  readonly offset: number
  readonly limit: number
  readonly q?: string
  /** This severity and above. */
  readonly severity?: Severity
  readonly type?: AlertType
  readonly image?: string
  readonly decided?: boolean
  /** One row for each behaviour, over all containers. */
  readonly grouped?: boolean
  /** Only alerts up to this id: a list that is being read does not move. */
  readonly until?: string
}

export interface AlertPage {
  /** Rows that there are, in all. */
  readonly total: number
  readonly offset: number
  readonly rows: readonly AlertRow[]
  /** Alerts that match but for their severity, by severity. */
  readonly severities: Readonly<Record<Severity, number>>
  readonly repositories: Readonly<Record<string, number>>
}

export interface AlertRow {
  /** Of a group: its newest alert. */
  readonly id: string
  /** To be sent with a decision. */
  readonly revision: string
  readonly time: string
  readonly lastSeen: string
  readonly severity: Severity
  readonly type: AlertType
  readonly action: Alert['action']
  readonly text: string
  readonly actor?: string
  readonly uid?: number
  readonly repository?: string
  readonly tag?: string
  readonly container?: string
  readonly reason: string
  readonly attack: readonly string[]
  /** Names of those who began its sessions. */
  readonly persons: readonly string[]
  readonly count: number
  readonly decision?: AlertDecision['kind']
  readonly novelty?: true
  /** A pattern that all names of the alert's place fit. */
  readonly proposed?: string
  /** Alerts and containers of the group; 1 where it is none. */
  readonly alerts: number
  readonly containers: number
}

/** An alert with the events around it. */
export interface AlertStory {
  readonly alert: Alert
  /** To be sent with a decision. */
  readonly revision: string
  /** From the outermost to the process itself. */
  readonly ancestry: readonly Ancestor[]
  /** What the rest of the story is about. */
  readonly scope: 'session' | 'container'
  /** In order of time; the alert itself is among them. */
  readonly steps: readonly StoryStep[]
  /** Steps that are left out, farthest first. */
  readonly left: { readonly before: number; readonly after: number }
  /** The incident that it belongs to. */
  readonly incident?: { readonly id: string; readonly title: string }
  /** Of files that were executed and the image did not ship: SHA-256, or why there is none. */
  readonly hashes: readonly { readonly path: string; readonly text: string }[]
  /** Who began its sessions, or why that is not known. */
  readonly persons: readonly string[]
  /** Open alerts of the same behaviour elsewhere. */
  readonly alike: number
  /** The profile has the behaviour, so that an edit with it can be tried; of very many deviations it keeps a part only. */
  readonly inProfile: boolean
}

export interface Ancestor {
  readonly exe: string
  /** The profile has this program. */
  readonly known: boolean
}

export interface StoryStep {
  readonly time: string
  readonly kind: EventKind
  readonly text: string
  readonly actor: string
  readonly user?: string
  readonly count: number
  /** Present if the source reports it. */
  readonly alert?: string
  readonly severity?: Severity
  /** `alerted`, `blocked`, `killed`; absent where it is a known behaviour. */
  readonly action?: Alert['action']
}
