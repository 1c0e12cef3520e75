import { describeError, type ErrorCode, errorTable, SnugError } from '../errors.ts'

/** `application/problem+json` (RFC 9457), with the codes that the CLI speaks too. */
interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: ErrorCode
  readonly detail: string
  readonly hint: string
}

/** What is not a `SnugError` is a fault of ours: its text stays in the log. */
function problemOf(error: unknown): Problem {
  const known = error instanceof SnugError
  const code = known ? error.code : 'INTERNAL'
  const { status, hint } = errorTable[code]
  return {
    type: `urn:snug:error:${code}`,
    title: code.toLowerCase().replaceAll('_', ' '),
    status,
    code,
    detail: known ? describeError(error) : 'an unexpected fault: see the log of the agent',
    hint,
  }
}

export function problemResponse(error: unknown): Response {
  const problem = problemOf(error)
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: {
      'content-type': 'application/problem+json',
      // A refused WebSocket handshake has no body: the code has to be in its headers.
      'x-snug-code': problem.code,
      'cache-control': 'no-store',
      ...(problem.status === 401 ? { 'www-authenticate': 'Bearer realm="snug"' } : {}),
    },
  })
}
