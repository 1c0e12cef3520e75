import { once } from 'node:events'
import { request as requestPlain, type IncomingMessage } from 'node:http'
import { request, type RequestOptions } from 'node:https'
import type { V1Status } from '@kubernetes/client-node'
import { SnugError } from '../../errors.ts'
import type { KubeAccess } from './access.ts'
import { KubeError } from './kube-error.ts'

/** Of an answer that refuses, in bytes: a message for people. */
const maxRefusal = 64 << 10

export interface KubeRequest {
  readonly method: string
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | undefined
  readonly signal?: AbortSignal | undefined
  /** A connection without a byte for this long counts as dead, in milliseconds. */
  readonly idleMs?: number
}

/**
 * Sends a request with the credentials of `access`, over connections that are kept. Resolves with the head of a 2xx
 * response.
 *
 * Errors: {@link KubeError}.
 */
export async function exchange(access: KubeAccess, how: KubeRequest): Promise<IncomingMessage> {
  const { method, url, signal, body } = how
  let answer: IncomingMessage
  try {
    const { headers, ...options } = await access.options()
    const asked = (url.protocol === 'http:' ? requestPlain : request)(url, {
      ...options,
      method,
      ...(signal === undefined ? {} : { signal }),
      headers: { ...how.headers, ...lengthOf(body), ...ownHeaders(headers) },
    })
    if (how.idleMs !== undefined) asked.setTimeout(how.idleMs, () => asked.destroy())
    // Errors after the head of the response show in its body.
    asked.on('error', () => undefined)
    asked.end(body)
    ;[answer] = (await once(asked, 'response')) as [IncomingMessage]
  } catch (error) {
    throw error instanceof SnugError ? error : gone(error)
  }
  answer.setEncoding('utf8')
  const status = answer.statusCode ?? 0
  if (status >= 200 && status < 300) return answer
  throw await refused(answer, status, `${method} ${url.pathname}`)
}

/** Node.js leaves it out of a `DELETE`, whose body would then be taken for another request. */
function lengthOf(body: string | undefined): Record<string, number> {
  return body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
}

function ownHeaders(headers: RequestOptions['headers']): Record<string, string> {
  return { ...(headers as Record<string, string>), 'user-agent': 'snug' }
}

/**
 * The body of an answer.
 *
 * @param most in UTF-16 units
 *
 * Errors: {@link KubeError}, also for a longer one.
 */
export async function textOf(answer: IncomingMessage, most: number): Promise<string> {
  const parts: string[] = []
  let length = 0
  try {
    for await (const chunk of answer) {
      const text = String(chunk)
      length += text.length
      if (length > most) throw new KubeError('the API server sent an answer that is too long')
      parts.push(text)
    }
  } catch (error) {
    throw error instanceof KubeError ? error : gone(error)
  }
  return parts.join('')
}

async function refused(answer: IncomingMessage, status: number, what: string): Promise<KubeError> {
  const text = await textOf(answer, maxRefusal).catch(() => '')
  const { message, reason } = statusOf(text)
  const seconds = Number(answer.headers['retry-after'])
  return new KubeError(`${what}: ${status}: ${message ?? text.trim().slice(0, 200)}`, {
    answered: status,
    ...(reason === undefined ? {} : { reason }),
    ...(Number.isFinite(seconds) && seconds > 0 ? { retryAfterMs: seconds * 1_000 } : {}),
  })
}

function statusOf(text: string): Pick<V1Status, 'message' | 'reason'> {
  try {
    return JSON.parse(text) as Pick<V1Status, 'message' | 'reason'>
  } catch {
    return {}
  }
}

export function gone(cause: unknown): KubeError {
  return new KubeError('the API server does not answer', { cause })
}
