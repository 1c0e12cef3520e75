import { z } from 'zod'
import { alertActions, alertTypes, severities } from '../../core/event/alert.ts'
import {
  agentStates,
  connectionStates,
  type FleetAlerts,
  type FleetDecision,
  type FleetImageDetail,
  type FleetImages,
  type FleetMap,
  type FleetNodes,
  type FleetReview,
  type FleetStatus,
  type FleetWindow,
  partyKinds,
} from '../../fleet/console/views.ts'
import { fleetModes } from '../../fleet/kubernetes/fleet-objects.ts'

/** The answers of the console, as JSON Schema describes them. The compiler compares them with the views. */
const whole = z.int()
const moment = z.string()
const counts = z.record(z.string(), whole)
const windowed = { total: whole, offset: whole }

const image = z.object({
  repository: z.string(),
  digest: z.string(),
  scope: z.string().exactOptional(),
})

const imageRow = z.object({
  name: z.string(),
  image,
  lineage: z.string(),
  state: z.string(),
  mode: z.string(),
  decided: z.enum(fleetModes).exactOptional(),
  authority: z.enum(['operator', 'git']),
  behaviours: whole,
  pending: whole,
  nodes: whole,
  learned: whole,
  openAlerts: whole,
  createdAt: moment,
  because: z.string(),
  revision: z.string(),
})

const decision = z.object({
  at: moment,
  by: z.string(),
  what: z.enum(['mode', 'approve all', 'approve', 'release', 'reject', 'withdraw']),
  profile: z.string(),
  lineage: z.string(),
  subject: z.string().exactOptional(),
  id: z.string().exactOptional(),
  node: z.string().exactOptional(),
  reason: z.string().exactOptional(),
})

export const images: z.ZodType<FleetImages> = z.object({
  ...windowed,
  rows: z.array(imageRow),
  stages: counts,
})

export const imageDetail: z.ZodType<FleetImageDetail> = imageRow.extend({
  coverage: z.array(
    z.object({ node: z.string(), learnedAt: moment.exactOptional(), published: whole }),
  ),
  decisions: z.array(decision),
  written: whole.exactOptional().meta({
    description: 'after a decision: behaviours that it was written for',
  }),
})

export const decisions: z.ZodType<FleetWindow<FleetDecision>> = z.object({
  ...windowed,
  rows: z.array(decision),
})

export const review: z.ZodType<FleetReview> = z.object({
  ...windowed,
  rows: z.array(
    z.object({
      key: z.string(),
      profile: z.string().exactOptional(),
      revision: z.string().exactOptional(),
      isGit: z.boolean(),
      lineage: z.string(),
      digest: z.string(),
      severity: z.enum(severities),
      text: z.string(),
      actor: z.string().exactOptional(),
      reason: z.string(),
      behaviours: z.array(z.string()),
      unnamed: whole,
      guardrails: z.array(z.string()),
      nodes: z.array(z.string()),
      nodeCount: whole,
      alerts: whole,
      count: whole,
      firstSeen: moment,
      lastSeen: moment,
    }),
  ),
  versions: z.array(imageRow),
  lineages: counts,
})

const connectionFacts = z.object({
  protocol: z.string(),
  port: whole,
  lastPort: whole.exactOptional(),
  state: z.enum(connectionStates),
  severity: z.enum(severities).exactOptional(),
  item: z.string().exactOptional(),
  profile: z.string().exactOptional(),
  nodes: whole,
  programs: z.array(z.string()),
})

export const map: z.ZodType<FleetMap> = z.object({
  ...windowed,
  rows: z.array(
    connectionFacts.extend({
      key: z.string(),
      from: z.string(),
      to: z.string(),
      peers: z.array(z.string()),
      peerCount: whole,
    }),
  ),
  parties: z.array(
    z.object({
      id: z.string(),
      kind: z.enum(partyKinds),
      name: z.string(),
      namespace: z.string().exactOptional(),
      repository: z.string().exactOptional(),
      profile: z.string().exactOptional(),
      listens: z.array(connectionFacts),
      left: whole,
    }),
  ),
  namespaces: counts,
  states: z.object({ alert: whole, review: whole, learned: whole }),
})

const byState = z.object(
  Object.fromEntries(agentStates.map((state) => [state, whole])) as Record<
    (typeof agentStates)[number],
    typeof whole
  >,
)

export const nodes: z.ZodType<FleetNodes> = z.object({
  ...windowed,
  rows: z.array(
    z.object({
      node: z.string(),
      state: z.enum(agentStates),
      reasons: z.array(z.string()),
      version: z.string().exactOptional(),
      reportedAt: moment.exactOptional(),
      lastAlertAt: moment.exactOptional(),
      containers: whole.exactOptional(),
      openAlerts: whole,
      images: whole,
      learned: whole,
    }),
  ),
  states: byState,
})

export const alerts: z.ZodType<FleetAlerts> = z.object({
  rows: z.array(
    z.object({
      id: z.string(),
      seq: whole,
      node: z.string(),
      time: moment,
      lastSeen: moment,
      receivedAt: moment,
      severity: z.enum(severities),
      type: z.enum(alertTypes),
      action: z.enum(alertActions),
      text: z.string(),
      actor: z.string().exactOptional(),
      repository: z.string().exactOptional(),
      scope: z.string().exactOptional(),
      digest: z.string().exactOptional(),
      container: z.string().exactOptional(),
      namespace: z.string().exactOptional(),
      reason: z.string(),
      count: whole,
      decision: z.string().exactOptional(),
      decidedBy: z.string().exactOptional(),
      novelty: z.literal(true).exactOptional(),
    }),
  ),
  next: z.string().exactOptional(),
  searchedTo: moment,
  isPartial: z.boolean(),
})

export const status: z.ZodType<FleetStatus> = z.object({
  store: z.enum(['kubernetes', 'nats']),
  faults: z.array(z.string()),
  images: whole,
  waiting: whole,
  openAlerts: whole,
  nodes: byState,
  alerts: z.object({ from: moment.exactOptional(), kept: whole, ignored: whole }),
})
