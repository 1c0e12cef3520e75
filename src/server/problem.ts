import { problemOf } from '../net/problem.ts'

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
