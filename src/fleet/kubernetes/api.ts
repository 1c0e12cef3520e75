import type { IncomingMessage } from 'node:http'
import {
  type ApiConstructor,
  type ConfigurationOptions,
  createConfiguration,
  Observable,
  type RequestContext,
  ResponseContext,
  ServerConfiguration,
  wrapHttpLibrary,
} from '@kubernetes/client-node'
import { SnugError } from '../../errors.ts'
import { deadline } from '../../support/deadline.ts'
import type { KubeAccess } from './access.ts'
import { invalidAnswer, KubeError } from './kube-error.ts'
import { exchange, gone, textOf } from './transport.ts'

export type Query = Readonly<Record<string, string | number | boolean | undefined>>

const requestMs = 30_000
/** The server ends a watch itself before that; one that stays silent for longer is dead. */
const silentMs = 330_000
/** In UTF-16 units. An object in etcd has 1.5 MiB at most. */
const maxObject = 16 << 20
const maxLine = 64 << 20
const maxList = 256 << 20

/**
 * The API server. Its single objects come by the API classes of the client library, its collections as plain JSON, by
 * list and watch: see docs/adr/0012. Objects that come in masses (pods, endpoints) are reduced by the caller as they
 * come; nothing is cached here.
 *
 * Errors of all: {@link KubeError}.
 */
export class KubeApi {
  readonly access: KubeAccess

  constructor(access: KubeAccess) {
    this.access = access
  }

  /** An API class of the library, whose requests end after `withinMs` milliseconds. Use it within {@link asked}. */
  client<T extends object>(type: ApiConstructor<T>, withinMs = requestMs): T {
    const send = (request: RequestContext): Promise<ResponseContext> =>
      this.#send(request, withinMs)
    const url = this.access.server.href.replace(/\/$/, '')
    const baseServer = new ServerConfiguration(url, {})
    return new type(createConfiguration({ baseServer, httpApi: wrapHttpLibrary({ send }) }))
  }

  /** One list, or one page of it. */
  async list(path: string, query: Query, signal: AbortSignal): Promise<unknown> {
    const { signal: until, end } = deadline(requestMs, signal)
    try {
      return parse(await textOf(await this.#get(path, query, until), maxList))
    } finally {
      end()
    }
  }

  /** Resolves once the server has agreed to a watch: its lines, parsed, until the server ends it or the signal aborts. */
  async watch(path: string, query: Query, signal: AbortSignal): Promise<AsyncIterable<unknown>> {
    return linesOf(await this.#get(path, { ...query, watch: true }, signal, silentMs), signal)
  }

  #get(path: string, query: Query, signal: AbortSignal, idleMs?: number): Promise<IncomingMessage> {
    const url = new URL(this.access.server)
    url.pathname = `${url.pathname.replace(/\/$/, '')}${path}`
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value))
    }
    const headers = { accept: 'application/json' }
    const how = { method: 'GET', url, headers, signal }
    return exchange(this.access, idleMs === undefined ? how : { ...how, idleMs })
  }

  /** The library's requests take the way of all others: same credentials, connections, limits and errors. */
  async #send(request: RequestContext, withinMs: number): Promise<ResponseContext> {
    const { signal, end } = deadline(withinMs, request.getSignal())
    try {
      const body = request.getBody()
      const answer = await exchange(this.access, {
        method: request.getHttpMethod(),
        url: new URL(request.getUrl()),
        headers: request.getHeaders(),
        // The library has forms too, which no request here is.
        body: typeof body === 'string' ? body : undefined,
        signal,
      })
      const text = await textOf(answer, maxObject)
      const binary = async (): Promise<Buffer> => Buffer.from(text)
      const headers = answer.headers as Record<string, string>
      return new ResponseContext(answer.statusCode ?? 0, headers, {
        text: async () => text,
        binary,
      })
    } finally {
      end()
    }
  }
}

/** The answer to a request by an API class, with an error as of all others where it cannot be read. */
export async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    throw error instanceof SnugError ? error : invalidAnswer(error)
  }
}

/** Ends a request by an API class with the signal. */
export function until(signal: AbortSignal): ConfigurationOptions {
  const pre = (request: RequestContext): Observable<RequestContext> => {
    request.setSignal(signal)
    return new Observable(Promise.resolve(request))
  }
  const post = (response: ResponseContext): Observable<ResponseContext> =>
    new Observable(Promise.resolve(response))
  return { middleware: [{ pre, post }] }
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

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    throw invalidAnswer(cause)
  }
}
