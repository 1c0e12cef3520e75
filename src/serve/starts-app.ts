import { Hono } from 'hono'
import type { Log } from '../support/telemetry/log.ts'
import { readJson } from '../support/net/json-body.ts'
import { owner } from './access/caller.ts'
import type { ListenerEnv } from './app.ts'
import { answerProblems } from './problem.ts'
import { check, streamBody } from './request-body.ts'
import type { RouteWorld } from './routes/route.ts'
import { startsRoute } from './routes/starts-route.ts'

/**
 * The one route that every user of the host may call: it changes nothing, and answers only whether a container may
 * start.
 */
export function createStartsApp(
  world: RouteWorld,
  log: Log,
  signal: AbortSignal,
): Hono<{ Bindings: ListenerEnv }> {
  const app = new Hono<{ Bindings: ListenerEnv }>()
  app.post(startsRoute.path, async (c) => {
    const { incoming } = c.env
    const call = {
      ...owner,
      params: {},
      query: check(startsRoute.query, c.req.query()),
      body: check(startsRoute.body, await readJson(incoming)),
      chunks: streamBody(incoming, signal),
      signal,
    }
    return c.json((await startsRoute.handle(world, call)) as object)
  })
  answerProblems(app, log)
  return app
}
