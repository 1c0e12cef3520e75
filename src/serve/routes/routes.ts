import { duration, reason } from '../../api/body-parts.ts'
import { event } from '../../core/event/event-schema.ts'
import { alert } from '../../core/event/alert-schema.ts'
import { backTestResult, profileDiff, profileView, replayResult } from '../../api/profile-views.ts'
import { costReport, doctorReport, statusView, type StatusView } from '../../api/status-views.ts'
import { alertStates } from '../../api/terms.ts'
import { modes } from '../../core/lifecycle/mode.ts'
import { lineageView, versionView } from '../../api/version-views.ts'
import { z } from 'zod'
import { explainConfig, explainedKey } from '../../support/config/explain-config.ts'
import { SnugError } from '../../errors.ts'
import { alertTypes, severities } from '../../core/event/alert-words.ts'
import { because, present, ref } from '../call-parts.ts'
import { liveQuery } from '../live-query.ts'
import { openApi } from '../openapi.ts'
import { cursor, limit, numberOf, oneMore, pageOf } from '../page.ts'
import { caseRoutes } from './case-routes.ts'
import { holdRoutes } from './hold-routes.ts'
import { incidentRoutes } from './incident-routes.ts'
import { reviewRoutes } from './review-routes.ts'
import { toolRoutes } from './tool-routes.ts'
import { transferRoutes } from './transfer-routes.ts'
import { uiRoutes } from './ui-routes.ts'
import { type Route, route, type RouteWorld } from './route.ts'
import { sessionRoutes } from './session-routes.ts'
import { versionClasses } from '../../core/lifecycle/open-version.ts'
import { sinkRoutes } from './sink-routes.ts'
import { startsRoute } from './starts-route.ts'
import { type TokenFile, tokenHolder, tokenName } from '../access/token-file.ts'
import { roles } from '../../support/config/role.ts'

const modeBody = z
  .strictObject({
    mode: z.enum(modes),
    canary: z.number().gt(0).max(1).optional(),
    canaryFor: duration.optional(),
    reason: reason.optional(),
  })
  .refine(
    ({ mode, canary, canaryFor }) => mode === 'block' || (canary ?? canaryFor) === undefined,
    {
      message: 'a canary requires mode `block`',
    },
  )
const name = z.string().min(1).max(500)
const alertQuery = z.strictObject({
  limit: limit.default(100),
  cursor: cursor.optional(),
  image: name.optional(),
  severity: z.enum(severities).optional().meta({ description: 'this severity and above' }),
  type: z.enum(alertTypes).optional(),
  state: z.enum(alertStates).optional(),
  container: name.optional().meta({ description: 'its name, or the beginning of its id' }),
  person: name.optional().meta({ description: 'who began a session whose events are in it' }),
  text: name.optional().meta({ description: 'text in the alert, ignoring case' }),
})
const pageQuery = z.strictObject({ limit: limit.optional(), cursor: cursor.optional() })

/** Every route but the health checks; `:ref` is an IMAGE of the CLI, URL-encoded. */
export const routes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/healthz',
    role: 'nobody',
    summary: 'the process answers; the lines after the first name its faults',
    answer: 'text',
    handle: ({ engine }) => health(engine.status()),
  }),
  route({
    method: 'GET',
    path: '/readyz',
    role: 'nobody',
    summary: 'the pipeline runs, possibly degraded; otherwise 503',
    answer: 'text',
    handle: ({ engine }) => ready(engine.status().state),
  }),
  route({
    method: 'GET',
    path: '/metrics',
    role: 'viewer',
    summary: 'Prometheus text exposition',
    answer: 'text',
    handle: ({ metrics }) => metrics.expose(),
  }),
  route({
    method: 'GET',
    path: '/openapi.json',
    role: 'viewer',
    summary: 'this API as an OpenAPI 3.1 document',
    answer: z.record(z.string(), z.unknown()),
    handle: () => openApi(routes),
  }),
  route({
    method: 'GET',
    path: '/v1/status',
    role: 'viewer',
    summary: 'agent, sources and their losses, engines, counts',
    answer: statusView,
    handle: ({ engine, gateway }) => {
      const served = gateway?.()
      return { ...engine.status(), ...(served === undefined ? {} : { gateway: served }) }
    },
  }),
  route({
    method: 'GET',
    path: '/v1/doctor',
    role: 'viewer',
    summary: 'what Snug can observe and block on this host, and why a version is not learning',
    answer: doctorReport,
    handle: ({ engine }) => engine.doctor(),
  }),
  route({
    method: 'GET',
    path: '/v1/cost',
    role: 'admin',
    summary:
      'measures for some seconds what Snug takes on this node. Each program of the kernel takes a little longer meanwhile',
    query: z.strictObject({ seconds: z.coerce.number().int().min(1).max(60).default(5) }),
    answer: costReport,
    handle: ({ engine, gateway }, { query: { seconds } }) => engine.cost(seconds, gateway?.()?.pid),
  }),
  startsRoute,
  route({
    method: 'GET',
    path: '/v1/config',
    role: 'admin',
    summary: 'the current configuration with the origin of each value',
    answer: z.array(explainedKey),
    handle: ({ loaded }) => explainConfig(loaded),
  }),
  route({
    method: 'GET',
    path: '/v1/images',
    role: 'viewer',
    summary: 'lineages with their versions',
    query: pageQuery,
    answer: z.array(lineageView),
    handle: async ({ engine }, { query: { cursor: after = '', limit: some } }) => {
      const rest = (await engine.images()).filter(({ repository }) => repository > after)
      return pageOf(rest, some, ({ repository }) => repository)
    },
  }),
  route({
    method: 'GET',
    path: '/v1/images/:ref',
    role: 'viewer',
    summary: 'one lineage with its versions',
    subject: 'image',
    answer: lineageView,
    handle: ({ engine }, { params }) => engine.image(ref(params)),
  }),
  route({
    method: 'GET',
    path: '/v1/images/:ref/profile',
    role: 'viewer',
    summary: 'the behaviours of a version with their evidence',
    subject: 'image',
    query: pageQuery,
    answer: profileView,
    handle: async ({ engine }, { params, query: { cursor: after, limit: some } }) => {
      const profile = await engine.profile(ref(params), present({ after, ...oneMore(some) }))
      return pageOf(
        profile.behaviours,
        some,
        ({ id }) => id,
        (behaviours) => ({ ...profile, behaviours }),
      )
    },
  }),
  route({
    method: 'GET',
    path: '/v1/images/:ref/diff',
    role: 'viewer',
    summary: 'the delta from this version to another',
    query: z.strictObject({ to: z.string().min(1) }),
    answer: profileDiff,
    handle: ({ engine }, { params, query }) => engine.diff(ref(params), query.to),
  }),
  route({
    method: 'PUT',
    path: '/v1/images/:ref/mode',
    role: 'admin',
    summary: 'sets the mode of a version: how Snug responds to a deviation',
    subject: 'image',
    body: modeBody,
    answer: versionView,
    handle: ({ engine }, { params, body, by }) => {
      const canary = present({ fraction: body.canary, forMs: body.canaryFor })
      return engine.setMode(ref(params), body.mode, because(by, body.reason), canary)
    },
  }),
  route({
    method: 'PUT',
    path: '/v1/images/:ref/class',
    role: 'admin',
    summary: 'decides whether the set of programs of a version is expected to close',
    subject: 'image',
    body: z.strictObject({ class: z.enum(versionClasses), reason }),
    answer: versionView,
    handle: ({ engine }, { params, body, by }) =>
      engine.setClass(ref(params), body.class, because(by, body.reason)),
  }),
  route({
    method: 'POST',
    path: '/v1/images/:ref/break-glass',
    role: 'admin',
    summary: 'suspends blocking for a limited time, for every blocking version of the image',
    subject: 'image',
    body: z.strictObject({ for: duration, reason }),
    answer: z.array(versionView),
    handle: ({ engine }, { params, body, by }) =>
      engine.breakGlass(ref(params), body.for, because(by, body.reason)),
  }),
  route({
    method: 'DELETE',
    path: '/v1/images/:ref/break-glass',
    role: 'admin',
    summary: 'ends break-glass now',
    subject: 'image',
    answer: z.array(versionView),
    handle: ({ engine }, { params, by }) => engine.endBreakGlass(ref(params), by),
  }),
  route({
    method: 'POST',
    path: '/v1/images/:ref/end-learning',
    role: 'reviewer',
    summary: 'ends the learning window now',
    subject: 'image',
    answer: versionView,
    handle: ({ engine }, { params, by }) => engine.endLearning(ref(params), by),
  }),
  route({
    method: 'POST',
    path: '/v1/images/:ref/test',
    role: 'reviewer',
    summary: 'judges recorded events against the profile; changes nothing',
    stream: true,
    answer: backTestResult,
    handle: ({ engine }, { params, chunks, signal }) =>
      engine.backTest(ref(params), chunks, signal),
  }),
  route({
    method: 'GET',
    path: '/v1/alerts',
    role: 'viewer',
    summary: 'alerts, newest first',
    query: alertQuery,
    answer: z.array(alert),
    handle: async ({ engine }, { query: { cursor: before, limit: some, ...filter } }) => {
      const alerts = await engine.alerts({ ...present({ before, ...filter }), limit: some + 1 })
      return pageOf(alerts, some, ({ id }) => id)
    },
  }),
  route({
    method: 'GET',
    path: '/v1/alerts/:id',
    role: 'viewer',
    summary: 'one alert',
    subject: 'alert',
    answer: alert,
    handle: ({ engine }, { params }) => engine.alert(params['id'] ?? ''),
  }),
  ...holdRoutes,
  ...caseRoutes,
  ...incidentRoutes,
  ...uiRoutes,
  ...reviewRoutes,
  ...transferRoutes,
  ...sinkRoutes,
  ...toolRoutes,
  ...sessionRoutes,
  route({
    method: 'GET',
    path: '/v1/events',
    role: 'viewer',
    summary: 'the latest events from the sensors, newest first; the kernel only counts known ones',
    query: z.strictObject({
      limit: limit.default(100),
      cursor: cursor.optional(),
      image: name.optional(),
      container: name.optional(),
      session: name.optional(),
    }),
    answer: z.array(event),
    handle: async ({ engine }, { query: { cursor: before, limit: some, ...filter } }) => {
      const place = present({ ...filter, before: numberOf(before) })
      const found = await engine.events({ ...place, limit: some + 1 })
      const rowsOf = (rows: typeof found): object => rows.map((row) => row.event)
      return pageOf(found, some, ({ n }) => String(n), rowsOf)
    },
  }),
  route({
    method: 'POST',
    path: '/v1/events',
    role: 'admin',
    summary: 'replays recorded events through the pipeline as if they were live',
    stream: true,
    answer: replayResult,
    handle: ({ engine }, { chunks, signal }) => engine.replay(chunks, signal),
  }),
  route({
    method: 'GET',
    path: '/v1/live',
    role: 'viewer',
    summary: 'WebSocket: new alerts and states, or events; each message has a number',
    query: liveQuery,
    answer: 'socket',
    handle: () => {
      throw new SnugError('BODY_INVALID', 'this route needs a WebSocket handshake')
    },
  }),
  route({
    method: 'GET',
    path: '/v1/tokens',
    role: 'admin',
    summary: 'names and roles of the tokens',
    answer: z.array(tokenHolder),
    handle: (world) => tokensOf(world).list(),
  }),
  route({
    method: 'POST',
    path: '/v1/tokens',
    role: 'admin',
    summary: 'creates a token and shows it once',
    body: z.strictObject({ name: tokenName, role: z.enum(roles) }),
    answer: tokenHolder.extend({ token: z.string() }),
    handle: async (world, { body, by }) => {
      const token = tokensOf(world).create(body.name, body.role)
      await world.engine.record('token-create', by, body)
      return { ...body, token }
    },
  }),
  route({
    method: 'DELETE',
    path: '/v1/tokens/:name',
    role: 'admin',
    summary: 'revokes a token',
    answer: z.array(tokenHolder),
    handle: async (world, { params, by }) => {
      const tokens = tokensOf(world)
      const name = params['name'] ?? ''
      tokens.remove(name)
      await world.engine.record('token-remove', by, { name })
      return tokens.list()
    },
  }),
]

/** Names of faults only: no token is needed to read them. */
function health({ degraded }: Pick<StatusView, 'degraded'>): string {
  const faults = degraded.map((line) => `degraded: ${line.split(/[:@]/, 1).join('')}\n`)
  return ['ok\n', ...faults].join('')
}

function ready(state: string): string {
  if (state === 'running' || state === 'degraded') return `${state}\n`
  throw new SnugError('AGENT_UNREACHABLE', `the agent is ${state}`)
}

function tokensOf({ tokens }: RouteWorld): TokenFile {
  if (tokens !== undefined) return tokens
  throw new SnugError('BODY_INVALID', 'tokens are not used: the agent listens only on its socket')
}
