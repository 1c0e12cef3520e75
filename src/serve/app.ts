import type { IncomingMessage, ServerResponse } from 'node:http'
import { upgradeWebSocket } from '@hono/node-server'
import { Hono } from 'hono'
import { WebSocket } from 'ws'
import { mayAs } from '../support/config/role.ts'
import { SnugError } from '../errors.ts'
import { readJson } from '../support/net/json-body.ts'
import type { Log } from '../support/telemetry/log.ts'
import type { MetricName } from '../support/telemetry/metric-table.ts'
import { anyone, type Caller, callerOf, owner } from './access/caller.ts'
import { engineQuery, isOfEvents, liveQuery } from './live-query.ts'
import { pumpLive } from './live-socket.ts'
import { jsonAnswer } from './json-answer.ts'
import { nextLink, Page } from './page.ts'
import { answerProblems, refusalReason } from './problem.ts'
import { check, streamBody } from './request-body.ts'
import { checkRevision, tagAfter, tagOf } from './routes/revision-guard.ts'
import type { Route, RouteWorld } from './routes/route.ts'
import { routes } from './routes/routes.ts'

export interface ListenerEnv {
  readonly incoming: IncomingMessage
  /** Absent in a WebSocket handshake. */
  readonly outgoing?: ServerResponse
  /** `front`: through the process that serves TCP. */
  readonly listener: 'unix' | 'front'
}

type App = Hono<{ Bindings: ListenerEnv; Variables: { caller: Caller } }>

/** Builds the router from the table of routes. `signal` ends streaming answers. */
export function createApp(world: RouteWorld, log: Log, signal: AbortSignal): App {
  const app: App = new Hono()
  const open = new Set(routes.filter(({ role }) => role === 'nobody').map(nameOf))

  app.use('*', async (c, next) => {
    const { listener, incoming } = c.env
    const isOpen = open.has(nameOf(c.req))
    if (listener === 'unix') c.set('caller', owner)
    else c.set('caller', isOpen ? anyone : callerOf(world, incoming.headers))
    const from = performance.now()
    await next()
    // For the page, which waits between two reads by what they cost the agent.
    c.header('server-timing', `agent;dur=${(performance.now() - from).toFixed(1)}`)
    c.header('cache-control', 'no-store')
    c.header('x-content-type-options', 'nosniff')
    world.metrics.count('snug_server_requests_total', {
      listener,
      status: `${Math.floor(c.res.status / 100)}xx`,
    })
  })

  app.get('/v1/live', async (c, next) => {
    if (c.env.incoming.headers.upgrade?.toLowerCase() !== 'websocket') return next()
    const request = check(liveQuery, c.req.query())
    const query = engineQuery(request)
    const wire = c.env.incoming.socket
    return upgradeWebSocket(() => ({
      onOpen: (_, { raw: socket }) => {
        if (!(socket instanceof WebSocket)) return
        const { engine, metrics } = world
        const [stream, reader] = isOfEvents(request)
          ? (['events', engine.liveEvents(query)] as const)
          : (['news', engine.liveNews(query)] as const)
        const onMissed = (count: number): void => {
          metrics.count('snug_server_live_missed_total', { stream }, count)
        }
        const stop = (): void => reader.close()
        signal.addEventListener('abort', stop, { once: true })
        socket.once('close', () => signal.removeEventListener('abort', stop))
        pumpLive({ socket, wire, reader, request, onMissed }, log)
      },
    }))(c, next)
  })

  for (const route of routes) {
    app.on(route.method, route.path, async (c) => {
      const caller = c.get('caller')
      demand(route, caller)
      const { incoming, outgoing, listener } = c.env
      const gone = goneSignal(outgoing, signal)
      const params = c.req.param()
      const call = {
        params,
        query: check(route.query, c.req.query()),
        body: check(route.body, route.body && (await readJson(incoming))),
        by: caller.by,
        role: caller.role,
        chunks: streamBody(incoming, gone),
        signal: gone,
      }
      const { subject } = route
      const isDecision = subject !== undefined && route.method !== 'GET'
      // Of the time before: what changes while the answer is made, its reader has not seen.
      const seen =
        subject === undefined || isDecision ? undefined : tagOf(world.engine, subject, params)
      // INVARIANT: nothing is awaited between this and the decision, which handlers begin with.
      if (isDecision) {
        const ifMatch = c.req.header('if-match')
        checkRevision(world.engine, subject, params, ifMatch, listener === 'front')
      }
      const handled = (): unknown => route.handle(world, call)
      const answered: unknown = await (world.watch === undefined
        ? handled()
        : world.watch.during(nameOf(route), handled))
      if (subject !== undefined) {
        c.header('etag', seen ?? tagAfter(world.engine, subject, params))
      }
      if (route.answer === 'text') return c.text(String(answered))
      if (!(answered instanceof Page)) return jsonAnswer(c, answered as object, world.slices)
      const { body, last } = answered
      const path = new URL(c.req.url).pathname
      if (last !== undefined) c.header('link', nextLink(path, c.req.query(), last))
      return jsonAnswer(c, body, world.slices)
    })
  }

  answerProblems(app, log, (response) => {
    const reason = refusalReason(response)
    if (reason !== undefined) world.metrics.count(refusalMetric, { reason })
  })
  return app
}

const refusalMetric: MetricName = 'snug_server_refusals_total'

function nameOf({ method, path }: { readonly method: string; readonly path: string }): string {
  return `${method} ${path}`
}

function demand(route: Route, { role }: Caller): void {
  if (route.role === 'nobody' || mayAs(role, route.role)) return
  throw new SnugError('FORBIDDEN', `this needs the role \`${route.role}\``)
}

function goneSignal(outgoing: ServerResponse | undefined, server: AbortSignal): AbortSignal {
  if (outgoing === undefined) return server
  const gone = new AbortController()
  outgoing.once('close', () => {
    if (!outgoing.writableFinished) gone.abort()
  })
  return AbortSignal.any([server, gone.signal])
}
