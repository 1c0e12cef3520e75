import type { Alert, AlertType, Severity } from '../../core/event/alert.ts'
import type { FleetImage } from '../fleet-image.ts'
import type { FleetMode } from '../kubernetes/fleet-objects.ts'

/** What the console shows of a fleet: plain JSON, times in RFC 3339 UTC. */
export interface FleetWindow<Row> {
  /** Rows that match, in all. */
  readonly total: number
  readonly offset: number
  readonly rows: readonly Row[]
}

/** One version of one lineage: an ImageProfile. */
export interface FleetImageRow {
  /** Of the ImageProfile. */
  readonly name: string
  readonly image: FleetImage
  /** `repository`, or `repository#scope` */
  readonly lineage: string
  readonly state: string
  readonly mode: string
  /** The mode in the object, where the agents have not applied it yet, or cannot. */
  readonly decided?: FleetMode
  readonly authority: 'operator' | 'git'
  readonly behaviours: number
  /** Behaviours that wait for a decision on the node that wrote the status; without Kubernetes, those in the review. */
  readonly pending: number
  /** Nodes that published something of it. */
  readonly nodes: number
  /** Nodes whose learning window has ended with nothing missing. */
  readonly learned: number
  /** Alerts without a decision, of those that the console has in memory. */
  readonly openAlerts: number
  readonly createdAt: string
  readonly because: string
  /** To be sent with a decision. */
  readonly revision: string
}

export interface FleetImages extends FleetWindow<FleetImageRow> {
  /** State, or the mode of an enforced version → images that match but for it. */
  readonly stages: Readonly<Record<string, number>>
}

/** One image with what each node published of it. */
export interface FleetImageDetail extends FleetImageRow {
  /** In the answer to a decision: behaviours that it was written for; absent where that is left to the agents. */
  readonly written?: number
  readonly coverage: readonly NodeCoverage[]
  readonly decisions: readonly FleetDecision[]
}

export interface NodeCoverage {
  readonly node: string
  /** Since when its window has ended with nothing missing; absent while it learns, or where another node's counts. */
  readonly learnedAt?: string
  /** Behaviours that this node was the first to publish. */
  readonly published: number
}

/** A decision that stands in an ImageProfile, or that a node published. */
export interface FleetDecision {
  /** RFC 3339 */
  readonly at: string
  readonly by: string
  readonly what: 'mode' | 'approve all' | 'approve' | 'release' | 'reject' | 'withdraw'
  /** Of the ImageProfile. */
  readonly profile: string
  readonly lineage: string
  /** The mode, or the behaviour as text where a node published it. */
  readonly subject?: string
  /** Of the behaviour. */
  readonly id?: string
  /** The node where it was made; absent: in the ImageProfile, or at the console. */
  readonly node?: string
  readonly reason?: string
}

/** Alerts of one cause of one image that wait for one decision, over all nodes. */
export interface FleetReviewItem {
  readonly key: string
  /** Of the ImageProfile that the decision goes to; absent where the cluster has none of this image. */
  readonly profile?: string
  readonly revision?: string
  readonly isGit: boolean
  readonly lineage: string
  readonly digest: string
  readonly severity: Severity
  readonly text: string
  readonly actor?: string
  readonly reason: string
  /** Ids of the behaviours that a decision names. */
  readonly behaviours: readonly string[]
  /** Behaviours of the cause of which the alerts do not give the ids: they stay undecided. */
  readonly unnamed: number
  /** Guardrails that fired: then an approval releases from quarantine. */
  readonly guardrails: readonly string[]
  /** The first few by name. */
  readonly nodes: readonly string[]
  readonly nodeCount: number
  readonly alerts: number
  readonly count: number
  readonly firstSeen: string
  readonly lastSeen: string
}

export interface FleetReview extends FleetWindow<FleetReviewItem> {
  /** Whole versions that wait for a decision, and versions whose waiting behaviours have no alert in memory. */
  readonly versions: readonly FleetImageRow[]
  readonly lineages: Readonly<Record<string, number>>
}

export const connectionStates = ['alert', 'review', 'learned'] as const
/** `alert`: an open alert is about it. `review`: a deviation of low risk that waits. `learned`: a profile allows it. */
export type ConnectionState = (typeof connectionStates)[number]

export const partyKinds = ['workload', 'image', 'service', 'name', 'address'] as const
/**
 * `workload` and `image`: containers of the fleet, by the scope of their profiles. `service`: a service of the cluster
 * that is no such workload. `name`: a DNS name, or one below a domain. `address`: an address, or those of a block.
 */
export type PartyKind = (typeof partyKinds)[number]

/** One end of connections. */
export interface FleetParty {
  readonly id: string
  readonly kind: PartyKind
  /** Short: of an image the last part of its repository. */
  readonly name: string
  readonly namespace?: string
  /** Of an image. */
  readonly repository?: string
  /** Its latest ImageProfile. */
  readonly profile?: string
  /** Ports that it listens on. */
  readonly listens: readonly FleetListener[]
  /** Connections and ports of it that the map leaves out, because it has too many. */
  readonly left: number
}

/** What is known of one connection or port. */
export interface ConnectionFacts {
  readonly protocol: string
  /** 0: not recorded. */
  readonly port: number
  /** Of several ports: the last of them. */
  readonly lastPort?: number
  readonly state: ConnectionState
  /** Of the most severe alert about it that waits. */
  readonly severity?: Severity
  /** Key of the item of the review that the most severe alert belongs to. */
  readonly item?: string
  /** The latest ImageProfile that has it. */
  readonly profile?: string
  /** Nodes that published it or reported it in an alert. A node publishes only what no other node has published. */
  readonly nodes: number
  /** The first few of the programs. */
  readonly programs: readonly string[]
}

export interface FleetListener extends ConnectionFacts {}

/** Who connects to whom. Connections to one party that differ only in the peer's address or name are one. */
export interface FleetConnection extends ConnectionFacts {
  readonly key: string
  /** Id of a {@link FleetParty}. */
  readonly from: string
  readonly to: string
  /** The first few of the peers, as profiles and alerts name them. */
  readonly peers: readonly string[]
  readonly peerCount: number
}

export interface FleetMap extends FleetWindow<FleetConnection> {
  /** Those that the rows name, and the one that was asked for. */
  readonly parties: readonly FleetParty[]
  /** Namespace → connections from or to it that match but for the namespace. */
  readonly namespaces: Readonly<Record<string, number>>
  readonly states: Readonly<Record<ConnectionState, number>>
}

export const agentStates = [
  'missing',
  'silent',
  'blind',
  'behind',
  'degraded',
  'unknown',
  'working',
] as const
/**
 * `missing`: a node without an agent. `silent`: its agent does not report. `blind`: a source observes nothing. `behind`:
 * records wait for their delivery. `unknown`: nothing reports on it.
 */
export type AgentState = (typeof agentStates)[number]

export interface FleetNodeRow {
  readonly node: string
  readonly state: AgentState
  /** Why it is in this state; empty where it works. */
  readonly reasons: readonly string[]
  readonly version?: string
  /** When its agent reported last. */
  readonly reportedAt?: string
  /** Its latest alert in memory. */
  readonly lastAlertAt?: string
  readonly containers?: number
  readonly openAlerts: number
  /** Image versions of which it published something. */
  readonly images: number
  /** Of these, with a learning window that has ended. */
  readonly learned: number
}

export interface FleetNodes extends FleetWindow<FleetNodeRow> {
  readonly states: Readonly<Record<AgentState, number>>
}

/** An alert of a node as a short row. */
export interface FleetAlertRow {
  readonly id: string
  /** Number of its message in the stream, for the whole alert. */
  readonly seq: number
  readonly node: string
  readonly time: string
  readonly lastSeen: string
  /** When the stream received this state of it. */
  readonly receivedAt: string
  readonly severity: Severity
  readonly type: AlertType
  readonly action: Alert['action']
  readonly text: string
  readonly actor?: string
  readonly repository?: string
  readonly scope?: string
  readonly digest?: string
  readonly container?: string
  readonly namespace?: string
  readonly reason: string
  readonly count: number
  readonly decision?: string
  readonly decidedBy?: string
  readonly novelty?: true
}

export interface FleetAlerts {
  /** Newest first. */
  readonly rows: readonly FleetAlertRow[]
  /** For the next page; absent where no older alert matches. */
  readonly next?: string
  /** Everything that the stream received since then was searched. */
  readonly searchedTo: string
  /** The search ended at its limit of messages: the next page continues there. */
  readonly isPartial: boolean
}

export interface FleetStatus {
  /** Where the console reads profiles and decisions. */
  readonly store: 'kubernetes' | 'nats'
  /** What the console cannot read now, and why; empty where all is current. */
  readonly faults: readonly string[]
  readonly images: number
  readonly waiting: number
  readonly openAlerts: number
  readonly nodes: Readonly<Record<AgentState, number>>
  readonly alerts: {
    /** Absent: no engine is configured. */
    readonly from?: string
    readonly kept: number
    /** Messages of the stream that are no alert, or not valid. */
    readonly ignored: number
  }
}
