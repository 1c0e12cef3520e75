import { z } from 'zod'
import { reason } from '../api/body-parts.ts'
import { severities } from '../core/event/alert-words.ts'
import { present } from '../serve/call-parts.ts'
import { authorName } from './author-name.ts'
import { type FleetRoute, fleetRoute, name, q, windowed } from './fleet-route.ts'
import * as person from './reading/person-views.ts'
import * as answer from './reading/views.ts'

/** Incidents over all nodes, and the persons of their sessions. */
export const incidentRoutes: readonly FleetRoute[] = [
  fleetRoute({
    method: 'GET',
    path: '/v1/fleet/incidents',
    role: 'viewer',
    summary:
      'a range of the incidents over all nodes, of the alerts in memory: the most severe first',
    query: z.strictObject({
      ...windowed,
      q,
      state: z.enum(['open', 'closed']).optional(),
      severity: z.enum(severities).optional().meta({ description: 'this severity and above' }),
      node: name,
    }),
    answer: answer.incidents,
    handle: ({ incidents }, { query }) => incidents().page(present(query)),
  }),
  fleetRoute({
    method: 'GET',
    path: '/v1/fleet/incidents/:id',
    role: 'viewer',
    summary: 'one incident with its steps, by its id or that of one of its alerts: `ALERT NODE`',
    answer: answer.incidentStory,
    handle: ({ incidents }, { params }) => incidents().story(params['id'] ?? ''),
  }),
  fleetRoute({
    method: 'POST',
    path: '/v1/fleet/incidents/:id/close',
    role: 'reviewer',
    summary:
      'acknowledges the open alerts of the incident on their nodes, with a reason; allows nothing. `revision` is of the incident as it was read: the server refuses the decision if an alert joined since',
    body: z.strictObject({ revision: z.string().min(1).max(64), reason }),
    answer: answer.incidentClosure,
    handle: async ({ incidents, decide: write }, { params, body, who }) => {
      const { id: of, closings, ...counts } = await incidents().closing(params['id'] ?? '', body)
      const author = authorName(who)
      const written = [...closings].map(([profile, closing]) =>
        write({ profile, change: { kind: 'close', closing }, author, revision: undefined }),
      )
      // Each is tried. Who closes the incident again closes what is left.
      for (const result of await Promise.allSettled(written))
        if (result.status === 'rejected') throw result.reason
      return { id: of, ...counts }
    },
  }),
  fleetRoute({
    method: 'GET',
    path: '/v1/fleet/persons',
    role: 'viewer',
    summary:
      'a range of the persons whom agents name as those who began sessions, of the alerts in memory: the latest first',
    query: z.strictObject({ ...windowed, q, node: name }),
    answer: person.persons,
    handle: ({ persons }, { query }) => persons().page(present(query)),
  }),
  fleetRoute({
    method: 'GET',
    path: '/v1/fleet/persons/:name',
    role: 'viewer',
    summary: 'what one person did in which containers on which nodes, of the alerts in memory',
    answer: person.personStory,
    handle: ({ persons }, { params }) => persons().story(params['name'] ?? ''),
  }),
]
