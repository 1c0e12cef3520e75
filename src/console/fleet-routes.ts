import { z } from 'zod'
import { alertTypes, severities } from '../core/event/alert-words.ts'
import { SnugError } from '../errors.ts'
import type { ImageDecision } from './reading/console-fleet.ts'
import { containerId, type NewHold, podName } from '../core/lifecycle/shared-hold.ts'
import { holdLevels, podText } from '../core/lifecycle/hold.ts'
import { modes } from '../core/lifecycle/mode.ts'
import { duration, moment, reason } from '../api/body-parts.ts'
import { alert } from '../core/event/alert-schema.ts'
import { present } from '../serve/call-parts.ts'
import { liveQuery } from '../serve/live-query.ts'
import { openApi } from '../serve/openapi.ts'
import { sessionParts } from '../serve/routes/session-routes.ts'
import * as answer from './reading/views.ts'
import { imageSchema } from '../fleet/slices/slice-content.ts'
import { newHold } from '../fleet/fleet-hold.ts'
import { profileName } from '../fleet/fleet-image.ts'
import { authorName } from './author-name.ts'
import {
  type ConsoleWorld,
  type FleetCall,
  type FleetRoute,
  fleetRoute,
  name,
  q,
  windowed,
} from './fleet-route.ts'
import { incidentRoutes } from './incident-routes.ts'

const id = z.string().regex(/^b[0-9a-f]{20}$/, 'must be the id of a behaviour')
const ids = z.array(id).max(1_000)

const approveBody = z
  .strictObject({
    behaviours: ids.default([]).meta({ description: 'ids of behaviours' }),
    quarantined: ids
      .default([])
      .meta({ description: 'ids of behaviours that a guardrail keeps in quarantine' }),
    all: z.boolean().default(false).meta({
      description:
        'everything that waits on a node when it reads the decision. Without Kubernetes: all that the review has of the image, except quarantined behaviours',
    }),
  })
  .refine(({ behaviours, quarantined, all }) => all || behaviours.length + quarantined.length > 0, {
    message: 'approves nothing',
  })

const holdBody = {
  level: z.enum(holdLevels).default('network'),
  for: duration.default(3_600_000),
  reason,
}

/** Every route of the console. */
export const fleetRoutes: readonly FleetRoute[] = [
  fleetRoute({
    method: 'GET',
    path: '/healthz',
    role: 'nobody',
    summary: 'the process answers',
    answer: 'text',
    handle: () => 'ok\n',
  }),
  fleetRoute({
    method: 'GET',
    path: '/readyz',
    role: 'nobody',
    summary: 'the fleet and the latest alerts were read; otherwise 503',
    answer: 'text',
    handle: ({ isReady }) => {
      if (isReady()) return 'ready\n'
      throw new SnugError('CONSOLE_STARTING', 'the console has not read the whole fleet yet')
    },
  }),
  fleetRoute({
    method: 'GET',
    path: '/openapi.json',
    role: 'viewer',
    summary: 'this API as an OpenAPI 3.1 document',
    answer: z.record(z.string(), z.unknown()),
    handle: () => openApi(fleetRoutes),
  }),
  fleetRoute({
    method: 'GET',
    path: '/v1/fleet',
    role: 'viewer',
    summary: 'counts of the fleet, and what the console cannot read now',
    answer: answer.status,
    handle: ({ status }) => status(),
  }),
  fleetRoute({
    method: 'GET',
    path: '/v1/fleet/images',
    role: 'viewer',
    summary: 'a range of the image versions of the fleet, with their total number',
    query: z.strictObject({
      ...windowed,
      q,
      stage: name.meta({
        description: 'state, or the mode of an enforced version: `learning`, `review`, `alert`, …',
      }),
      namespace: name,
    }),
    answer: answer.images,
    handle: ({ views }, { query }) => views.images(present(query)),
  }),
  fleetRoute({
    method: 'GET',
    path: '/v1/fleet/images/:name',
    role: 'viewer',
    summary: 'one image version: what each node published of it, and the decisions on it',
    subject: 'image',
    answer: answer.imageDetail,
    handle: ({ views }, { params }) => views.image(params['name'] ?? ''),
  }),
  fleetRoute({
    method: 'POST',
    path: '/v1/fleet/images/:name/approve',
    role: 'reviewer',
    summary: 'approves behaviours of an image version on every node',
    subject: 'image',
    body: approveBody,
    answer: answer.imageDetail,
    handle: (world, call) => decide(world, call, { kind: 'approve', ...call.body }),
  }),
  fleetRoute({
    method: 'POST',
    path: '/v1/fleet/images/:name/reject',
    role: 'reviewer',
    summary: 'rejects behaviours of an image version on every node',
    subject: 'image',
    body: z.strictObject({ behaviours: ids.min(1) }),
    answer: answer.imageDetail,
    handle: (world, call) => decide(world, call, { kind: 'reject', ...call.body }),
  }),
  fleetRoute({
    method: 'PUT',
    path: '/v1/fleet/images/:name/mode',
    role: 'admin',
    summary: 'sets the mode of an image version on every node',
    subject: 'image',
    body: z.strictObject({ mode: z.enum(modes) }),
    answer: answer.imageDetail,
    handle: (world, call) => decide(world, call, { kind: 'mode', ...call.body }),
  }),
  fleetRoute({
    method: 'POST',
    path: '/v1/fleet/images/:name/holds',
    role: 'admin',
    summary: 'keeps containers of an image version from acting, on every node, for a limited time',
    body: z
      .strictObject({
        ...holdBody,
        pod: podName.optional().meta({ description: '`NAMESPACE/POD`: its containers alone' }),
        container: containerId.optional().meta({ description: 'id of one container' }),
      })
      .refine(({ pod, container }) => pod === undefined || container === undefined, {
        message: 'a hold is for a pod or for a container',
      }),
    answer: answer.imageDetail,
    handle: (world, call) =>
      decide(world, call, { kind: 'hold', hold: holdOf(present(call.body)) }),
  }),
  fleetRoute({
    method: 'POST',
    path: '/v1/fleet/alerts/:seq/hold',
    role: 'admin',
    summary: 'keeps the pod of an alert from acting, or its container where it is in no pod',
    body: z.strictObject(holdBody),
    answer: answer.imageDetail,
    handle: async (world, call) => {
      const seen = await world.alerts().alert(seqOf(call.params['seq']))
      const { name: profile, target } = heldFor(seen)
      const hold = holdOf({ ...call.body, ...target })
      return decide(world, { ...call, params: { name: profile } }, { kind: 'hold', hold })
    },
  }),
  fleetRoute({
    method: 'POST',
    path: '/v1/fleet/images/:name/release-hold',
    role: 'admin',
    summary: 'ends a hold on every node, before its time',
    body: z.strictObject({ id: z.string().min(1).max(100), reason: reason.optional() }),
    answer: answer.imageDetail,
    handle: (world, call) => decide(world, call, { kind: 'release-hold', ...present(call.body) }),
  }),
  fleetRoute({
    method: 'GET',
    path: '/v1/fleet/holds',
    role: 'viewer',
    summary: 'holds that are not over, with how far each has come on each node, newest first',
    query: z.strictObject({ ...windowed, q }),
    answer: answer.holds,
    handle: ({ views }, { query }) => views.holds(present(query)),
  }),
  fleetRoute({
    method: 'GET',
    path: '/v1/fleet/review',
    role: 'viewer',
    summary:
      'what waits for a decision: one item for each cause of each image version, over all nodes',
    query: z.strictObject({ ...windowed, q, lineage: name }),
    answer: answer.review,
    handle: ({ views }, { query }) => views.review(present(query)),
  }),
  fleetRoute({
    method: 'GET',
    path: '/v1/fleet/map',
    role: 'viewer',
    summary: 'a range of the connections between workloads, and to peers outside of the fleet',
    query: z.strictObject({
      offset: windowed.offset,
      limit: z.coerce.number().int().min(1).max(1_000).default(100),
      q,
      namespace: name.meta({ description: 'from or to a workload or service of it' }),
      party: z.string().min(1).max(1_000).optional().meta({
        description: '`id` of a party: the connections from it and to it',
      }),
      state: z.enum(answer.connectionStates).optional(),
    }),
    answer: answer.map,
    handle: ({ views }, { query }) => views.map(present(query)),
  }),
  fleetRoute({
    method: 'GET',
    path: '/v1/fleet/nodes',
    role: 'viewer',
    summary: 'a range of the nodes with the states of their agents, the worst first',
    query: z.strictObject({ ...windowed, q, state: z.enum(answer.agentStates).optional() }),
    answer: answer.nodes,
    handle: ({ views }, { query }) => views.nodes(present(query)),
  }),
  fleetRoute({
    method: 'GET',
    path: '/v1/fleet/decisions',
    role: 'viewer',
    summary: 'decisions that stand, with their authors, newest first',
    query: z.strictObject({ ...windowed, q }),
    answer: answer.decisions,
    handle: ({ views }, { query }) => views.decisions(present(query)),
  }),
  fleetRoute({
    method: 'GET',
    path: '/v1/fleet/alerts',
    role: 'viewer',
    summary: 'alerts of all nodes, newest first; older ones are read from the stream',
    query: z.strictObject({
      limit: z.coerce.number().int().min(1).max(500).default(100),
      next: z.coerce.number().int().min(1).optional().meta({
        description: '`next` of the answer before',
      }),
      q,
      severity: z.enum(severities).optional().meta({ description: 'this severity and above' }),
      type: z.enum(alertTypes).optional(),
      image: name.meta({ description: 'repository, or the beginning of it' }),
      namespace: name,
      node: name,
      decided: z.stringbool().optional(),
      person: name.meta({ description: 'who began a session whose events are in it' }),
      from: moment.optional().meta({ description: 'received by the stream from then on' }),
      to: moment.optional().meta({ description: 'received by the stream before that' }),
    }),
    answer: answer.alerts,
    handle: ({ alerts }, { query: { from, to, next, ...rest } }) => {
      const fromMs = from === undefined ? undefined : Date.parse(from)
      const toMs = to === undefined ? undefined : Date.parse(to)
      return alerts().search(present({ ...rest, before: next, fromMs, toMs }))
    },
  }),
  fleetRoute({
    method: 'GET',
    path: '/v1/fleet/alerts/:seq',
    role: 'viewer',
    summary: 'one whole alert, by the number of its message in the stream',
    answer: alert,
    handle: ({ alerts }, { params }) => alerts().alert(seqOf(params['seq'])),
  }),
  ...incidentRoutes,
  fleetRoute({
    method: 'GET',
    path: '/v1/live',
    role: 'viewer',
    summary: 'WebSocket: a message where something changed; each has a number',
    query: liveQuery,
    answer: 'socket',
    handle: () => {
      throw new SnugError('BODY_INVALID', 'this route needs a WebSocket handshake')
    },
  }),
  fleetRoute({ ...sessionParts.show, handle: (_, { who, role }) => ({ who, role }) }),
  fleetRoute(sessionParts.begin),
  fleetRoute(sessionParts.end),
  fleetRoute(sessionParts.leave),
  fleetRoute(sessionParts.comeBack),
]

const alertPlace = z.looseObject({
  image: imageSchema,
  container: z.looseObject({ id: containerId }),
  workload: z
    .looseObject({ namespace: z.string().optional(), pod: z.string().optional() })
    .optional(),
})

/** Errors: HOLD_UNKNOWN where the alert names no container. */
function heldFor(seen: object): { name: string; target: Pick<NewHold, 'pod' | 'container'> } {
  const { data } = alertPlace.safeParse(seen)
  if (data === undefined) throw new SnugError('HOLD_UNKNOWN', 'the alert is about no container')
  const { image, container, workload: { namespace, pod } = {} } = data
  const named = pod === undefined ? undefined : podName.safeParse(podText({ namespace, pod })).data
  const target = named === undefined ? { container: container.id } : { pod: named }
  return { name: profileName(present(image)), target }
}

/** Errors: DECISION_INVALID */
function holdOf({
  for: forMs,
  ...hold
}: Omit<NewHold, 'id' | 'forMs'> & { readonly for: number }): NewHold {
  return newHold({ forMs, ...hold })
}

/** Decides as the caller, on the revision that the caller has read. Errors: REVISION_STALE, and those of the store. */
async function decide(
  { views, decide: write }: ConsoleWorld,
  { params, who, revision: read }: Pick<FleetCall<unknown, unknown>, 'params' | 'who' | 'revision'>,
  change: ImageDecision['change'],
): Promise<object> {
  const { name: profile } = views.profile(params['name'] ?? '')
  const decision = { profile, change, author: authorName(who), revision: read }
  const { revision, behaviours: written } = await write(decision)
  return { ...views.image(profile), revision, ...(written === undefined ? {} : { written }) }
}

function seqOf(text: string | undefined): number {
  const seq = Number(text)
  if (Number.isSafeInteger(seq) && seq > 0) return seq
  throw new SnugError('ALERT_UNKNOWN', `no alert \`${text}\``)
}
