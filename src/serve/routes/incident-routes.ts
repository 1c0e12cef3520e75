import { z } from 'zod'
import { severities } from '../../core/event/alert-words.ts'
import { reason } from '../../api/body-parts.ts'
import {
  incidentClosure,
  incidentCursor,
  incidentPage,
  incidentStory,
} from '../../api/incident-views.ts'
import { personView } from '../../api/person-views.ts'
import { incidentStates } from '../../api/terms.ts'
import { because, present } from '../call-parts.ts'
import { cursor, limit, pageOf } from '../page.ts'
import { type Route, route } from './route.ts'

/** Alerts that hang together, with the decision on all of them; and what each person did. */
export const incidentRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/v1/persons',
    role: 'viewer',
    summary: 'what each person did in which containers, by the alerts of their sessions',
    query: z.strictObject({
      name: z.string().min(1).max(512).optional().meta({ description: 'only this person' }),
    }),
    answer: z.array(personView),
    handle: ({ engine }, { query: { name } }) => engine.persons(name),
  }),
  route({
    method: 'GET',
    path: '/v1/incidents',
    role: 'viewer',
    summary: 'incidents, gravest first: alerts that hang together, over containers',
    query: z.strictObject({
      limit: limit.default(100),
      cursor: cursor.optional(),
      state: z.enum(incidentStates).optional(),
      severity: z.enum(severities).optional().meta({ description: 'this severity and above' }),
      image: z.string().min(1).max(500).optional().meta({ description: 'a repository' }),
    }),
    answer: incidentPage,
    handle: async ({ engine }, { query: { cursor: after, limit: some, ...filter } }) => {
      const page = await engine.incidents({ ...present({ after, ...filter }), limit: some + 1 })
      return pageOf(page.incidents, some, incidentCursor, (incidents) => ({ ...page, incidents }))
    },
  }),
  route({
    method: 'GET',
    path: '/v1/incidents/:id',
    role: 'viewer',
    summary: 'one incident with its steps, and why each alert is in it; the id of any of them does',
    answer: incidentStory,
    handle: ({ engine }, { params }) => engine.incidentStory(params['id'] ?? ''),
  }),
  route({
    method: 'POST',
    path: '/v1/incidents/:id/close',
    role: 'reviewer',
    summary:
      'acknowledges the open alerts of the incident, with a reason; allows nothing. `revision` is of the incident as it was read: the server refuses the decision if an alert joined since',
    body: z.strictObject({
      revision: z.string().min(1).max(64),
      reason,
      dryRun: z
        .boolean()
        .optional()
        .meta({ description: 'changes nothing: the answer shows what would change' }),
    }),
    answer: incidentClosure,
    handle: ({ engine }, { params, body: { reason: why, ...closing }, by }) =>
      engine.closeIncident(params['id'] ?? '', present(closing), because(by, why)),
  }),
]
