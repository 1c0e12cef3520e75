import { once } from 'node:events'
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2'
import type { Duplex, Readable } from 'node:stream'
import { createInterface } from 'node:readline'
import { errorTable, type ErrorCode, SnugError } from '../errors.ts'

export interface LinkAsk {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Readable
  /**
   * Nobody waits for the answer any more. It is not reset but dropped, part by part: Node ends a session in which a client
   * resets many streams, and with it all that the gateway serves.
   */
  readonly signal?: AbortSignal
}

export interface LinkAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Readable
}

type Head = IncomingHttpHeaders & { readonly ':status'?: number }

/** The gateway's end of the socket pair to the daemon: parallel requests on one HTTP/2 session. */
export class BackendClient {
  readonly #session: ClientHttp2Session
  /** Resolves when the daemon has gone, or has closed the link to this gateway. */
  readonly closed: Promise<void>

  constructor(link: Duplex) {
    this.#session = connect('http://daemon', { createConnection: () => link })
    this.#session.on('error', () => undefined)
    this.closed = once(this.#session, 'close').then(() => undefined)
    link.once('close', () => this.#session.destroy())
  }

  /** Resolves with the head of the answer. Errors: FRONT_FAILED. */
  async ask(
    path: string,
    { method = 'GET', headers = {}, body, signal }: LinkAsk = {},
  ): Promise<LinkAnswer> {
    const stream = this.#session.request(
      { ':path': path, ':method': method, ...headers },
      { endStream: body === undefined },
    )
    const answered = new Promise<Head>((resolve, reject) => {
      stream.once('response', resolve)
      stream.once('error', reject)
      stream.once('close', () => reject(new Error('the daemon closed the connection')))
      signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
    })
    // Later errors show to the reader of its body.
    stream.on('error', () => undefined)
    signal?.addEventListener('abort', () => stream.resume(), { once: true })
    if (typeof body === 'string') stream.end(body)
    else if (body !== undefined) {
      body.once('error', () => stream.close())
      body.pipe(stream)
    }
    try {
      const head = await answered
      return { status: head[':status'] ?? 0, headers: head, body: stream }
    } catch (error) {
      throw new SnugError('FRONT_FAILED', 'the daemon did not answer', { cause: error })
    }
  }

  /** Errors: those that the daemon answers with. */
  async json<T>(path: string, asked: LinkAsk = {}): Promise<T> {
    const { status, body } = await this.ask(path, asked)
    const parts: Uint8Array[] = []
    for await (const part of body) parts.push(part as Uint8Array)
    const text = Buffer.concat(parts).toString('utf8')
    if (status >= 200 && status < 300) return (text === '' ? undefined : JSON.parse(text)) as T
    const { code = '', detail = '' } = JSON.parse(text) as { code?: string; detail?: string }
    throw new SnugError(code in errorTable ? (code as ErrorCode) : 'FRONT_FAILED', detail)
  }

  /** Reports something for the daemon's records; a daemon that goes away meanwhile does not need it. */
  report(path: string, news: object): void {
    this.json(path, { method: 'POST', body: JSON.stringify(news) }).catch(() => undefined)
  }

  /** Until the signal aborts: an answer without an end is reset then. */
  async *lines(path: string, signal?: AbortSignal): AsyncGenerator<string> {
    const { status, body } = await this.ask(path)
    signal?.addEventListener('abort', () => body.destroy(), { once: true })
    if (signal?.aborted === true) body.destroy()
    if (status !== 200)
      throw new SnugError('FRONT_FAILED', `\`${path}\` was answered with ${status}`)
    yield* createInterface({ input: body, crlfDelay: Infinity })
  }

  close(): void {
    this.#session.destroy()
  }
}
