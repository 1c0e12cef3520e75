import type { IncomingMessage } from 'node:http'
import { Hono } from 'hono'
import { SnugError } from '../errors.ts'
import { mayAs } from '../support/config/role.ts'
import { readJson } from '../support/net/json-body.ts'
import type { Log } from '../support/telemetry/log.ts'
import { callerOf } from '../serve/access/caller.ts'
import type { RouteWorld } from '../serve/routes/route.ts'
import { answerProblems } from '../serve/problem.ts'
import { check } from '../serve/request-body.ts'
import type { ConsoleWorld, FleetRoute } from './fleet-route.ts'
import { fleetRoutes } from './fleet-routes.ts'

interface Env {
  readonly Bindings: { readonly incoming: IncomingMessage }
}

export type Credentials = Pick<RouteWorld, 'tokens' | 'guests' | 'claims'>

/**
 * The API of the console, behind its gateway: every route but the health checks needs a credential, and the role of its
 * row in the table.
 */
export function createConsoleApp(
  world: ConsoleWorld,
  credentials: Credentials,
  log: Log,
): Hono<Env> {
  const app = new Hono<Env>()
  for (const route of fleetRoutes) {
    app.on(route.method, route.path, async (c) => {
      const began = performance.now()
      const { incoming } = c.env
      const caller = route.role === 'nobody' ? undefined : callerOf(credentials, incoming.headers)
      if (route.role !== 'nobody' && !mayAs(caller?.role, route.role))
        throw new SnugError('FORBIDDEN', `this needs the role \`${route.role}\``)
      const isDecision = route.subject !== undefined && route.method !== 'GET'
      const answered: unknown = await route.handle(world, {
        params: c.req.param(),
        query: check(route.query, c.req.query()),
        body: check(route.body, route.body && (await readJson(incoming))),
        who: caller?.by.who ?? 'anyone',
        role: caller?.role,
        revision: isDecision ? revisionIn(route, c.req.header('if-match')) : undefined,
      })
      c.header('server-timing', `agent;dur=${(performance.now() - began).toFixed(1)}`)
      c.header('cache-control', 'no-store')
      c.header('x-content-type-options', 'nosniff')
      if (route.subject !== undefined)
        c.header('etag', `"${(answered as { readonly revision: string }).revision}"`)
      return route.answer === 'text' ? c.text(String(answered)) : c.json(answered as object)
    })
  }
  answerProblems(app, log)
  return app
}

/** The revision that a decision names; undefined for any. Errors: REVISION_MISSING. */
function revisionIn({ subject }: FleetRoute, ifMatch: string | undefined): string | undefined {
  if (ifMatch === undefined)
    throw new SnugError('REVISION_MISSING', `a decision on this ${subject} needs \`If-Match\``)
  if (ifMatch.trim() === '*') return undefined
  return ifMatch.trim().replace(/^"|"$/g, '')
}
