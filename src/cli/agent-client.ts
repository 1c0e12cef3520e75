import { type IncomingMessage, request } from 'node:http'
import type { Readable } from 'node:stream'
import { describeError, type ErrorCode, errorTable, SnugError } from '../errors.ts'

const answerMs = 60_000

type Method = 'PUT' | 'POST' | 'DELETE'

export interface Seen<T> {
  readonly data: T
  /** The `ETag` of the object. */
  readonly tag: string | undefined
}

interface Answer<T> {
  readonly data: T
  readonly headers: IncomingMessage['headers']
}

/** Speaks to the agent over its admin socket. Errors: those that the agent answers with, AGENT_UNREACHABLE. */
export class AgentClient {
  readonly socket: string

  constructor(socket: string) {
    this.socket = socket
  }

  async get<T>(path: string): Promise<T> {
    return (await this.#call<T>('GET', path)).data
  }

  /** A list in pages of this many rows: no answer is so large that the agent takes long over it. */
  async *pages<T>(path: string, rows: number): AsyncGenerator<T, void, undefined> {
    let next: string | undefined = `${path}?limit=${rows}`
    while (next !== undefined) {
      const { data, headers }: Answer<T> = await this.#call<T>('GET', next)
      yield data
      next = /^<([^>]+)>; rel="next"$/.exec(String(headers['link'] ?? ''))?.[1]
    }
  }

  /** Members of the body that are undefined are left out. */
  async send<T>(method: Method, path: string, body: object = {}): Promise<T> {
    return (await this.#call<T>(method, path, JSON.stringify(body))).data
  }

  /**
   * Sends a decision that was shown before it is made. `tag`: of the answer that a person saw. The agent refuses the
   * decision if its object has changed since.
   */
  async post<T>(path: string, body: object, tag?: string): Promise<Seen<T>> {
    const headers = tag === undefined ? {} : { 'if-match': tag }
    const { data, headers: seen } = await this.#call<T>('POST', path, JSON.stringify(body), headers)
    return { data, tag: seen.etag }
  }

  /** Streams a file of events up; resolves with the judgement of all of it. */
  async upload<T>(path: string, input: Readable, signal: AbortSignal): Promise<T> {
    return (await this.#call<T>('POST', path, input, {}, signal)).data
  }

  #call<T>(
    method: string,
    path: string,
    body?: string | Readable,
    more: Readonly<Record<string, string>> = {},
    signal?: AbortSignal,
  ): Promise<Answer<T>> {
    return new Promise((resolve, reject) => {
      const streams = body !== undefined && typeof body !== 'string'
      const type = streams ? 'application/x-ndjson' : 'application/json'
      // Of a DELETE nothing works it out, and its body would be taken for the next request.
      const length =
        body === undefined || streams ? {} : { 'content-length': Buffer.byteLength(body) }
      const sent = request({
        socketPath: this.socket,
        method,
        path,
        headers: { host: 'localhost', 'content-type': type, ...length, ...more },
        // A kept-alive socket would keep the command from ending.
        agent: false,
        ...(signal === undefined ? {} : { signal }),
        ...(streams ? {} : { timeout: answerMs }),
      })
      let answered = false
      sent.once('response', (response) => {
        answered = true
        readAnswer<T>(response).then(resolve, reject)
      })
      sent.once('timeout', () => sent.destroy(new Error('no answer within a minute')))
      // An agent that refuses early closes the upload, which then fails too: its answer is what counts.
      sent.on('error', (error) => {
        if (!answered) reject(unreachable(this.socket, error))
      })
      if (!streams) {
        sent.end(body)
        return
      }
      body.once('error', (error) => {
        sent.destroy()
        reject(new SnugError('SOURCE_UNREADABLE', 'cannot read the events', { cause: error }))
      })
      body.pipe(sent)
    })
  }
}

export function unreachable(socket: string, error: unknown): SnugError {
  const code = (error as NodeJS.ErrnoException).code
  const why =
    code === 'ENOENT' || code === 'ECONNREFUSED' ? 'no agent listens there' : describeError(error)
  return new SnugError('AGENT_UNREACHABLE', `no agent at \`${socket}\`: ${why}`)
}

async function readAnswer<T>(response: IncomingMessage): Promise<Answer<T>> {
  const parts: Buffer[] = []
  for await (const part of response) parts.push(part as Buffer)
  const text = Buffer.concat(parts).toString('utf8')
  const status = response.statusCode ?? 0
  if (status >= 200 && status < 300) {
    return { data: JSON.parse(text) as T, headers: response.headers }
  }
  const problem = parseProblem(text)
  throw new SnugError(problem.code, problem.detail ?? `the agent answered ${status}`)
}

function parseProblem(text: string): { code: ErrorCode; detail?: string } {
  try {
    const { code, detail } = JSON.parse(text) as { code?: string; detail?: string }
    return {
      code: code !== undefined && code in errorTable ? (code as ErrorCode) : 'INTERNAL',
      ...(detail === undefined ? {} : { detail }),
    }
  } catch {
    return { code: 'INTERNAL' }
  }
}
