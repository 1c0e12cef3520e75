import { z } from 'zod'
import { alertActions, alertTypes, severities } from '../../core/event/alert-words.ts'
import { fleetHold } from '../../api/hold-views.ts'
import { each } from '../../api/view-parts.ts'
import { fleetCase } from './case-view.ts'
import { openWord, type View } from '../../core/view.ts'
import { modes } from '../../core/lifecycle/mode.ts'

/** What the console shows of a fleet: plain JSON, times in RFC 3339 UTC. Each schema is an answer of the console. */
const whole = z.int()
const moment = z.string()
const text = z.string()
const optionalText = text.exactOptional()
const counts = z.record(text, whole)

/** `total`: rows that match, in all. */
const windowed = { total: whole, offset: whole }
export interface FleetWindow<Row> extends View<z.ZodObject<typeof windowed>> {
  readonly rows: readonly Row[]
}

const image = z.object({ repository: text, digest: text, scope: optionalText })

/** One version of one lineage: an ImageProfile. */
const imageRow = z.object({
  /** Of the ImageProfile. */
  name: text,
  image,
  /** `repository`, or `repository#scope` */
  lineage: text,
  state: text,
  mode: text,
  /** The mode in the object, where the agents have not applied it yet, or cannot. */
  decided: z.enum(modes).exactOptional(),
  authority: z.enum(['operator', 'git']),
  behaviours: whole,
  /** Behaviours that wait for a decision on the node that wrote the status; without Kubernetes, those in the review. */
  pending: whole,
  /** Nodes that published something of it. */
  nodes: whole,
  /** Nodes whose learning window has ended with nothing missing. */
  learned: whole,
  /** Its blind containers, by the latest reports of agents that are not silent; absent: none. Ten reasons at most. */
  blind: z.object({ running: whole, nodes: whole, reasons: z.array(text) }).exactOptional(),
  /** Alerts without a decision, of those that the console has in memory. */
  openAlerts: whole,
  createdAt: moment,
  because: text,
  /** To be sent with a decision. */
  revision: text,
})
export type FleetImageRow = View<typeof imageRow>

export const images = z.object({
  ...windowed,
  rows: z.array(imageRow),
  /** State, or the mode of an enforced version → images that match but for it. */
  stages: counts,
})
export type FleetImages = View<typeof images>

const coverage = z.object({
  node: text,
  /** Since when its window has ended with nothing missing; absent while it learns, or where another node's counts. */
  learnedAt: moment.exactOptional(),
  /** Behaviours that this node was the first to publish. */
  published: whole,
})

/** A decision that stands in an ImageProfile, or that a node published. */
const decision = z.object({
  at: moment,
  by: text,
  what: z.enum(['mode', 'approve all', 'approve', 'release', 'reject', 'withdraw']),
  /** Of the ImageProfile. */
  profile: text,
  lineage: text,
  /** The mode, or the behaviour as text where a node published it. */
  subject: optionalText,
  /** Of the behaviour. */
  id: optionalText,
  /** The node where it was made; absent: in the ImageProfile, or at the console. */
  node: optionalText,
  reason: optionalText,
})
export type FleetDecision = View<typeof decision>

export const holds = z.object({ ...windowed, rows: z.array(fleetHold) })

/** One image with what each node published of it. */
export const imageDetail = imageRow.extend({
  coverage: z.array(coverage),
  decisions: z.array(decision),
  holds: z.array(fleetHold),
  /** Absent where that is left to the agents. */
  written: whole.exactOptional().meta({
    description: 'after a decision: behaviours that it was written for',
  }),
})
export type FleetImageDetail = View<typeof imageDetail>

export const decisions = z.object({ ...windowed, rows: z.array(decision) })

/** Alerts of one cause of one image that wait for one decision, over all nodes. */
const reviewItem = z.object({
  key: text,
  /** Of the ImageProfile that the decision goes to; absent where the cluster has none of this image. */
  profile: optionalText,
  revision: optionalText,
  isGit: z.boolean(),
  lineage: text,
  digest: text,
  severity: z.enum(severities),
  text,
  actor: optionalText,
  reason: text,
  /** Ids of the behaviours that a decision names. */
  behaviours: z.array(text),
  /** Behaviours of the cause of which the alerts do not give the ids: they stay undecided. */
  unnamed: whole,
  /** Guardrails that fired: then an approval releases from quarantine. */
  guardrails: z.array(text),
  /** The first few by name. */
  nodes: z.array(text),
  nodeCount: whole,
  alerts: whole,
  count: whole,
  firstSeen: moment,
  lastSeen: moment,
})
export type FleetReviewItem = View<typeof reviewItem>

export const review = z.object({
  ...windowed,
  rows: z.array(reviewItem),
  /** Whole versions that wait for a decision, and versions whose waiting behaviours have no alert in memory. */
  versions: z.array(imageRow),
  lineages: counts,
})
export type FleetReview = View<typeof review>

export const connectionStates = ['alert', 'review', 'learned'] as const
/** `alert`: an open alert is about it. `review`: a deviation of low risk that waits. `learned`: a profile allows it. */
export type ConnectionState = (typeof connectionStates)[number]

const partyKinds = ['workload', 'image', 'service', 'name', 'address'] as const
/**
 * `workload` and `image`: containers of the fleet, by the scope of their profiles. `service`: a service of the cluster
 * that is no such workload. `name`: a DNS name, or one below a domain. `address`: an address, or those of a block.
 */
export type PartyKind = (typeof partyKinds)[number]

/** What is known of one connection or port. */
const connectionFacts = z.object({
  protocol: text,
  /** 0: not recorded. */
  port: whole,
  /** Of several ports: the last of them. */
  lastPort: whole.exactOptional(),
  state: z.enum(connectionStates),
  /** Of the most severe alert about it that waits. */
  severity: z.enum(severities).exactOptional(),
  /** Key of the item of the review that the most severe alert belongs to. */
  item: optionalText,
  /** The latest ImageProfile that has it. */
  profile: optionalText,
  /** Nodes that published it or reported it in an alert. A node publishes only what no other node has published. */
  nodes: whole,
  /** The first few of the programs. */
  programs: z.array(text),
})
export type ConnectionFacts = View<typeof connectionFacts>

/** Who connects to whom. Connections to one party that differ only in the peer's address or name are one. */
const connection = connectionFacts.extend({
  key: text,
  /** Id of a {@link FleetParty}. */
  from: text,
  to: text,
  /** The first few of the peers, as profiles and alerts name them. */
  peers: z.array(text),
  peerCount: whole,
})
export type FleetConnection = View<typeof connection>

/** One end of connections. */
const party = z.object({
  id: text,
  kind: z.enum(partyKinds),
  /** Short: of an image the last part of its repository. */
  name: text,
  namespace: optionalText,
  /** Of an image. */
  repository: optionalText,
  /** Its latest ImageProfile. */
  profile: optionalText,
  /** Ports that it listens on. */
  listens: z.array(connectionFacts),
  /** Connections and ports of it that the map leaves out, because it has too many. */
  left: whole,
})
export type FleetParty = View<typeof party>

export const map = z.object({
  ...windowed,
  rows: z.array(connection),
  /** Those that the rows name, and the one that was asked for. */
  parties: z.array(party),
  /** Namespace → connections from or to it that match but for the namespace. */
  namespaces: counts,
  states: z.object({ alert: whole, review: whole, learned: whole }),
})
export type FleetMap = View<typeof map>

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

const byState = each(agentStates, whole)

const nodeRow = z.object({
  node: text,
  state: z.enum(agentStates),
  /** Why it is in this state; empty where it works. */
  reasons: z.array(text),
  version: optionalText,
  /** When its agent reported last. */
  reportedAt: moment.exactOptional(),
  /** Its latest alert in memory. */
  lastAlertAt: moment.exactOptional(),
  containers: whole.exactOptional(),
  /** Those of them that are blind; absent: none. */
  blindContainers: whole.exactOptional(),
  openAlerts: whole,
  /** Image versions of which it published something. */
  images: whole,
  /** Of these, with a learning window that has ended. */
  learned: whole,
})
export type FleetNodeRow = View<typeof nodeRow>

export const nodes = z.object({ ...windowed, rows: z.array(nodeRow), states: byState })
export type FleetNodes = View<typeof nodes>

/** An alert of a node as a short row. */
const alertRow = z.object({
  id: text,
  /** Number of its message in the stream, for the whole alert. */
  seq: whole,
  node: text,
  time: moment,
  lastSeen: moment,
  /** When the stream received this state of it. */
  receivedAt: moment,
  severity: z.enum(severities),
  type: openWord(alertTypes),
  action: openWord(alertActions),
  text,
  actor: optionalText,
  repository: optionalText,
  scope: optionalText,
  digest: optionalText,
  container: optionalText,
  namespace: optionalText,
  reason: text,
  count: whole,
  decision: optionalText,
  decidedBy: optionalText,
  novelty: z.literal(true).exactOptional(),
  /** Who began sessions whose events are in it, as far as that is known. */
  persons: z.array(text),
})
export type FleetAlertRow = View<typeof alertRow>

export const alerts = z.object({
  /** Newest first. */
  rows: z.array(alertRow),
  /** For the next page; absent where no older alert matches. */
  next: optionalText,
  /** Everything that the stream received since then was searched. */
  searchedTo: moment,
  /** The search ended at its limit of messages: the next page continues there. */
  isPartial: z.boolean(),
})
export type FleetAlerts = View<typeof alerts>

const texts = z.array(text)
const incidentFacts = {
  /** Id of the alert that was raised first, and its node. */
  id: text,
  /** To be sent with a decision. It changes when an alert joins, becomes graver or is decided on. */
  revision: text,
  title: text,
  severity: z.enum(severities),
  state: z.enum(['open', 'closed']),
  firstSeen: moment,
  lastSeen: moment,
  /** Of those that the console has in memory. */
  alerts: whole,
  /** Alerts without a decision. */
  open: whole,
  /** Alerts that a person closed here, and whose nodes have not confirmed that yet. */
  unconfirmed: whole,
  /** The latest decision, where no alert is without one. */
  closed: z
    .object({ kind: text, by: text, at: moment.exactOptional(), reason: optionalText })
    .exactOptional(),
  events: whole,
  containers: whole,
  /** The first few. */
  nodes: texts,
  nodeCount: whole,
  /** Workloads, or containers without one: the first few. */
  places: texts,
  /** Repositories */
  images: texts,
  persons: texts,
  attack: texts,
  guardrails: texts,
}
const incidentRow = z.object(incidentFacts)
export type FleetIncidentRow = View<typeof incidentRow>

/** The most severe first, of these the latest. */
export const incidents = z.object({ ...windowed, rows: z.array(incidentRow) })
export type FleetIncidents = View<typeof incidents>

export const incidentStory = z.object({
  ...incidentFacts,
  /** Newest first. */
  cases: z.array(fleetCase),
  /** Equal alerts of all containers are one step. The gravest ones, in order of time. */
  steps: z.array(
    z.object({
      firstSeen: moment,
      lastSeen: moment,
      severity: z.enum(severities),
      action: openWord(alertActions),
      actor: optionalText,
      text,
      decision: optionalText,
      /** Number of the message of its first alert in the stream. */
      seq: whole,
      alerts: whole,
      events: whole,
      containers: whole,
      nodes: texts,
    }),
  ),
  /** Steps that are left out. */
  left: whole,
})
export type FleetIncidentStory = View<typeof incidentStory>

export const incidentClosure = z.object({
  /** Of the incident. */
  id: text,
  /** Open alerts that the agents acknowledge with it. */
  alerts: whole,
  /** Open alerts beyond the limits of one closing: close the incident again. */
  left: whole,
})
export type FleetIncidentClosure = View<typeof incidentClosure>

export const status = z.object({
  /** Where the console reads profiles and decisions. */
  store: z.enum(['kubernetes', 'nats']),
  /** What the console cannot read now, and why; empty where all is current. */
  faults: z.array(text),
  images: whole,
  waiting: whole,
  openAlerts: whole,
  nodes: byState,
  alerts: z.object({
    /** Absent: no engine is configured. */
    from: moment.exactOptional(),
    kept: whole,
    /** Messages of the stream that are no alert, or not valid. */
    ignored: whole,
  }),
})
export type FleetStatus = View<typeof status>
