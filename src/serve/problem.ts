import type { Env, Hono } from 'hono'
import { SnugError } from '../errors.ts'
import { problemOf } from '../support/net/problem.ts'
import type { Log } from '../support/telemetry/log.ts'

export function problemResponse(
  error: unknown,
  more: Readonly<Record<string, string>> = {},
): Response {
  const problem = problemOf(error)
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: {
      'content-type': 'application/problem+json',
      // A refused WebSocket handshake has no body: the code has to be in its headers.
      'x-snug-code': problem.code,
      'cache-control': 'no-store',
      ...more,
      ...(problem.status === 401 ? { 'www-authenticate': 'Bearer realm="snug"' } : {}),
    },
  })
}

/** Answers what failed, and what no route is for, with the problem. `onRefused` gets each answer. */
export function answerProblems<E extends Env>(
  app: Hono<E>,
  log: Log,
  onRefused?: (response: Response) => void,
): void {
  app.notFound((c) => {
    throw new SnugError('ROUTE_UNKNOWN', `no route \`${c.req.method} ${c.req.path}\``)
  })
  app.onError((error) => {
    const response = problemResponse(error)
    onRefused?.(response)
    if (response.status >= 500) log.error({ err: error }, 'request failed')
    return response
  })
}

const refusals: Readonly<Record<string, string>> = {
  UNAUTHENTICATED: 'unauthenticated',
  TOO_MANY_ATTEMPTS: 'attempts',
  FORBIDDEN: 'forbidden',
  BODY_INVALID: 'body',
  BODY_TOO_LARGE: 'body',
  REQUEST_SLOW: 'slow',
  REQUEST_INVALID: 'body',
  REVISION_STALE: 'revision',
  REVISION_MISSING: 'revision',
  ROUTE_UNKNOWN: 'route',
}

/** The reason for a refusal, as the metric names it; undefined where the request was accepted. */
export function refusalReason(response: Response): string | undefined {
  return refusals[response.headers.get('x-snug-code') ?? '']
}
