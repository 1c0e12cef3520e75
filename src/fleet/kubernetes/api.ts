import { once } from 'node:events'
import { request as requestPlain, type IncomingMessage } from 'node:http'
import { request, type RequestOptions } from 'node:https'
import { SnugError } from '../../errors.ts'
import { deadline } from '../../support/deadline.ts'
import type { KubeAccess } from './access.ts'

/** What the API server answered, or that it did not. */
export class KubeError extends SnugError {
  /** Of HTTP; absent where there was no answer. */
  readonly answered: number | undefined
  /** As the server names it: `Expired`, `Conflict`, `Forbidden`. */
  readonly reason: string | undefined
  /** The server asked to wait this long before the next request. */
  readonly retryAfterMs: number | undefined

  constructor(
    message: string,
    how: { answered?: number; reason?: string; retryAfterMs?: number; cause?: unknown } = {},
  ) {
    const code = how.answered === undefined ? 'KUBE_UNAVAILABLE' : 'KUBE_REFUSED'
    super(code, message, how.cause === undefined ? {} : { cause: how.cause })
    this.answered = how.answered
    this.reason = how.reason
    this.retryAfterMs = how.retryAfterMs
  }
}

export function hasAnswered(error: unknown, ...statuses: readonly number[]): boolean {
  return error instanceof KubeError && statuses.includes(error.answered ?? 0)
}

/** Between requests that fail. */
export const kubeBackoff = { firstMs: 500, longestMs: 30_000 } as const

/** How long the server asked to wait, by 429 or 503 with Retry-After; 0 where it did not. */
export function askedMs(error: unknown): number {
  return error instanceof KubeError ? (error.retryAfterMs ?? 0) : 0
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>

export interface Sending {
  readonly body: unknown
  readonly query?: Query
  /** `application/json` where absent; of a patch its kind. */
  readonly type?: string
}

const requestMs = 30_000
/** The server ends a watch itself before that; one that stays silent for longer is dead. */
const silentMs = 330_000
const maxLine = 64 << 20

/**
 * The API server, as plain JSON. Objects that come in masses (pods, endpoints) are reduced by the caller as they come;
 * nothing is cached here.
 *
 * Errors of all: {@link KubeError}.
 */
export class KubeApi {
  readonly access: KubeAccess

  constructor(access: KubeAccess) {
    this.access = access
  }

  get(path: string, query: Query = {}, signal?: AbortSignal): Promise<unknown> {
    return this.#ask('GET', path, { query, signal })
  }

  send(
    method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    { body, query = {}, type = 'application/json' }: Sending,
    signal?: AbortSignal,
  ): Promise<unknown> {
    return this.#ask(method, path, { query, signal, body, type })
  }

  /** Resolves once the server has agreed to a watch: its lines, parsed, until the server ends it or the signal aborts. */
  async watch(path: string, query: Query, signal: AbortSignal): Promise<AsyncIterable<unknown>> {
    const how = { query: { ...query, watch: true }, signal, idleMs: silentMs }
    return linesOf(await this.#open('GET', path, how), signal)
  }

  async #ask(method: string, path: string, how: Asking): Promise<unknown> {
    const { signal, end } = deadline(requestMs, how.signal)
    try {
      const text = await textOf(await this.#open(method, path, { ...how, signal }))
      return text === '' ? undefined : parse(text)
    } finally {
      end()
    }
  }

  async #open(method: string, path: string, how: Asking): Promise<IncomingMessage> {
    const { query, signal, body, type } = how
    const url = new URL(this.access.server)
    url.pathname = `${url.pathname.replace(/\/$/, '')}${path}`
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value))
    }
    let answer: IncomingMessage
    try {
      const { headers, ...access } = await this.access.options()
      const options: RequestOptions = {
        ...access,
        method,
        ...(signal === undefined ? {} : { signal }),
        headers: {
          ...(headers as Record<string, string>),
          accept: 'application/json',
          'user-agent': 'snug',
          ...(body === undefined ? {} : { 'content-type': type }),
        },
      }
      const asked = (url.protocol === 'http:' ? requestPlain : request)(url, options)
      if (how.idleMs !== undefined) asked.setTimeout(how.idleMs, () => asked.destroy())
      // Errors after the head of the response show in its body.
      asked.on('error', () => undefined)
      asked.end(body === undefined ? undefined : JSON.stringify(body))
      ;[answer] = (await once(asked, 'response')) as [IncomingMessage]
    } catch (error) {
      throw error instanceof SnugError ? error : gone(error)
    }
    answer.setEncoding('utf8')
    const status = answer.statusCode ?? 0
    if (status >= 200 && status < 300) return answer
    throw await refused(answer, status, `${method} ${path}`)
  }
}

interface Asking {
  readonly query: Query
  readonly signal?: AbortSignal | undefined
  readonly body?: unknown
  readonly type?: string
  /** A connection without a byte for this long counts as dead. */
  readonly idleMs?: number
}

async function* linesOf(answer: IncomingMessage, signal: AbortSignal): AsyncGenerator<unknown> {
  let rest = ''
  try {
    for await (const chunk of answer) {
      const lines = (rest + String(chunk)).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > maxLine) throw new KubeError('the watch sent a line that is too long')
      for (const line of lines) if (line !== '') yield parse(line)
    }
  } catch (error) {
    if (signal.aborted) return
    throw error instanceof KubeError ? error : gone(error)
  } finally {
    answer.destroy()
  }
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const parts: string[] = []
  try {
    for await (const chunk of answer) parts.push(String(chunk))
  } catch (error) {
    throw gone(error)
  }
  return parts.join('')
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    throw new KubeError('the API server sent invalid JSON', { cause })
  }
}

async function refused(answer: IncomingMessage, status: number, what: string): Promise<KubeError> {
  const text = await textOf(answer).catch(() => '')
  const written = statusOf(text)
  const seconds = Number(answer.headers['retry-after'])
  return new KubeError(`${what}: ${status}: ${written.message ?? text.trim().slice(0, 200)}`, {
    answered: status,
    ...(written.reason === undefined ? {} : { reason: written.reason }),
    ...(Number.isFinite(seconds) && seconds > 0 ? { retryAfterMs: seconds * 1_000 } : {}),
  })
}

function statusOf(text: string): { readonly message?: string; readonly reason?: string } {
  try {
    return JSON.parse(text) as { message?: string; reason?: string }
  } catch {
    return {}
  }
}

function gone(cause: unknown): KubeError {
  return new KubeError('the API server does not answer', { cause })
}
