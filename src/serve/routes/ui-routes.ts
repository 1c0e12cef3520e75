import { alertPage, alertStory } from '../../api/alert-rows.ts'
import { behaviourPage, lifeView, pictureView, timelineView } from '../../api/page-views.ts'
import { cardBehaviourPage, reviewPage } from '../../api/review-cards.ts'
import { shownStates } from '../../api/terms.ts'
import { z } from 'zod'
import { alertTypes, severities } from '../../core/event/alert-words.ts'
import { eventKinds } from '../../core/event/event-words.ts'
import { present, ref } from '../call-parts.ts'
import { type Route, route } from './route.ts'

const window = {
  offset: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(500).default(100),
}
const q = z.string().min(1).max(200).optional()
const name = z.string().min(1).max(4_096).optional()
const cardName = z.string().min(1).max(64)

/** The data of the page: read-only, with long lists in windows. */
export const uiRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/v1/timeline',
    role: 'viewer',
    summary: 'alerts, new behaviours, losses and decisions of the last hours, by time slice',
    query: z.strictObject({ hours: z.coerce.number().int().min(1).max(168).default(24) }),
    answer: timelineView,
    handle: ({ engine }, { query }) => engine.page.timeline(query.hours),
  }),
  route({
    method: 'GET',
    path: '/v1/images/:ref/life',
    role: 'viewer',
    summary: 'the states of each version and the decisions on it',
    answer: z.array(lifeView),
    handle: ({ engine }, { params }) => engine.page.lives(ref(params)),
  }),
  route({
    method: 'GET',
    path: '/v1/images/:ref/picture',
    role: 'viewer',
    summary:
      'programs, files and peers of each program of a version; with `deviations`, also what waits for a decision',
    query: z.strictObject({ deviations: z.stringbool().default(false) }),
    answer: pictureView,
    handle: ({ engine }, { params, query }) => engine.page.picture(ref(params), query.deviations),
  }),
  route({
    method: 'GET',
    path: '/v1/images/:ref/behaviours',
    role: 'viewer',
    summary: 'a range of the behaviours of a version with their evidence, and their total number',
    query: z.strictObject({
      ...window,
      q,
      state: z.enum(shownStates).optional(),
      kind: z.enum(eventKinds).optional(),
      actor: name,
    }),
    answer: behaviourPage,
    handle: ({ engine }, { params, query }) => engine.page.behaviours(ref(params), present(query)),
  }),
  route({
    method: 'GET',
    path: '/v1/review',
    role: 'viewer',
    summary:
      'behaviours that wait for a decision: one card for each cause, over versions and containers',
    query: z.strictObject({ ...window, q, repository: name, card: cardName.optional() }),
    answer: reviewPage,
    handle: ({ engine }, { query }) => engine.page.review(present(query)),
  }),
  route({
    method: 'GET',
    path: '/v1/review/:key/behaviours',
    role: 'viewer',
    summary: 'a range of the behaviours of a card, in the order in which they were seen first',
    query: z.strictObject(window),
    answer: cardBehaviourPage,
    handle: ({ engine }, { params, query }) =>
      engine.page.cardBehaviours({ card: params['key'] ?? '', ...query }),
  }),
  route({
    method: 'GET',
    path: '/v1/alert-rows',
    role: 'viewer',
    summary:
      'a range of the alerts as short rows, filtered, counted, and optionally grouped by behaviour',
    query: z.strictObject({
      ...window,
      q,
      severity: z.enum(severities).optional(),
      type: z.enum(alertTypes).optional(),
      image: name,
      decided: z.stringbool().optional(),
      grouped: z.stringbool().optional(),
      until: z.string().min(1).max(64).optional(),
    }),
    answer: alertPage,
    handle: ({ engine }, { query }) => engine.page.alertRows(present(query)),
  }),
  route({
    method: 'GET',
    path: '/v1/alerts/:id/story',
    role: 'viewer',
    summary:
      'an alert with its ancestry, and the events of its session or container before and after it',
    answer: alertStory,
    handle: ({ engine }, { params }) => engine.page.story(params['id'] ?? ''),
  }),
]
