import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { type Credentials, readSecret } from './secret.ts'
import { SinkError } from './sink.ts'
import { readTls } from './syslog-sink.ts'
import type { SecretSource, TlsFiles } from '../../../../support/net/server-access.ts'

export interface HttpTarget {
  readonly url: string
  readonly timeoutMs: number
  readonly tls: TlsFiles
  /** Sent in `Authorization`. */
  readonly token?: SecretSource | undefined
  /** Of the token; absent: `Bearer`. */
  readonly scheme?: string | undefined
  /** Sent in `Authorization: Basic`, if there is no token. */
  readonly login?: Credentials | undefined
  /** Whether an answer refuses the content of the request; absent: by its status. */
  readonly isFinal?: ((answer: Answer) => boolean) | undefined
}

/** `url`: also one that is a secret as a whole. */
export type PostTarget = Omit<HttpTarget, 'url'> & { readonly url: string | SecretSource }

export interface Answer {
  readonly status: number
  /** The beginning of the answer. */
  readonly text: string
}

/** These refuse the content of the request, not the sender or the moment. */
const finalAnswers = new Set([400, 413, 422])
const answerKept = 262_144
const answerText = 200

/** Posts to one URL over persistent connections. */
export class HttpPoster {
  readonly #target: PostTarget
  readonly #closing = new AbortController()
  #agent: HttpAgent | undefined

  constructor(target: PostTarget) {
    this.#target = target
  }

  /**
   * Resolves with a 2xx answer. Errors: SINK_REFUSED for every other status, with the delay from
   * `Retry-After`.
   */
  async post(body: Buffer, headers: Readonly<Record<string, string>>): Promise<Answer> {
    const url = await this.#url()
    const where = `\`${url.host}\``
    let answer: Answer & { readonly retryAfter: string | undefined }
    try {
      answer = await this.#exchange(url, body, { ...(await this.#authorization()), ...headers })
    } catch (error) {
      throw new SinkError(`${where} did not answer`, { cause: error })
    }
    if (answer.status >= 200 && answer.status < 300) return answer
    const retryAfterMs = retryAfter(answer.retryAfter)
    const { isFinal = ({ status }) => finalAnswers.has(status) } = this.#target
    throw new SinkError(`${where} answered ${answerLine(answer)}`, {
      final: isFinal(answer),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    })
  }

  /** Reads secrets and certificates again. */
  async reopen(): Promise<void> {
    this.#agent?.destroy()
    this.#agent = undefined
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.reopen()
  }

  async #authorization(): Promise<Record<string, string>> {
    const { token, scheme = 'Bearer', login } = this.#target
    if (token !== undefined) return { authorization: `${scheme} ${await readSecret(token)}` }
    if (login === undefined) return {}
    const text = `${login.user}:${await readSecret(login.password)}`
    return { authorization: `Basic ${Buffer.from(text).toString('base64')}` }
  }

  async #url(): Promise<URL> {
    const { url } = this.#target
    if (typeof url === 'string') return new URL(url)
    const text = await readSecret(url)
    if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return new URL(text)
    throw new SinkError('the secret for the URL is none of `https://` or `http://`')
  }

  async #exchange(
    url: URL,
    body: Buffer,
    headers: Readonly<Record<string, string>>,
  ): Promise<Answer & { retryAfter: string | undefined }> {
    const secure = url.protocol === 'https:'
    const keep = { keepAlive: true, maxSockets: 1 }
    this.#agent ??= secure
      ? new HttpsAgent({ ...keep, ...(await readTls(this.#target.tls)) })
      : new HttpAgent(keep)
    const agent = this.#agent
    const { timeoutMs } = this.#target
    const late = new AbortController()
    const stop = (): void => late.abort(new Error('the agent stops'))
    const timer = setTimeout(() => {
      late.abort(new Error(`no answer within ${timeoutMs} ms`))
    }, timeoutMs)
    this.#closing.signal.addEventListener('abort', stop, { once: true })
    if (this.#closing.signal.aborted) stop()
    try {
      return await this.#send(url, body, headers, agent, late.signal)
    } finally {
      clearTimeout(timer)
      this.#closing.signal.removeEventListener('abort', stop)
    }
  }

  #send(
    url: URL,
    body: Buffer,
    headers: Readonly<Record<string, string>>,
    agent: HttpAgent,
    signal: AbortSignal,
  ): Promise<Answer & { retryAfter: string | undefined }> {
    const secure = url.protocol === 'https:'
    return new Promise((resolve, reject) => {
      const sent = (secure ? httpsRequest : httpRequest)(url, {
        method: 'POST',
        agent,
        signal,
        headers: { 'user-agent': 'snug', ...headers, 'content-length': body.length },
      })
      sent.once('error', reject)
      sent.once('response', (response) => {
        readText(response).then(
          (text) =>
            resolve({
              status: response.statusCode ?? 0,
              text,
              retryAfter: response.headers['retry-after'],
            }),
          reject,
        )
      })
      sent.end(body)
    })
  }
}

export function answerLine({ status, text }: Answer): string {
  const beginning = text.trim().slice(0, answerText)
  return beginning === '' ? String(status) : `${status}: ${beginning}`
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    if (length < answerKept) chunks.push(chunk)
    length += chunk.length
    // Bounds the read, because a server may send an endless answer.
    if (length > answerKept * 16) throw new Error('the answer is too long')
  }
  return Buffer.concat(chunks).toString('utf8', 0, answerKept)
}

/** Seconds, or a date. */
export function retryAfter(text: string | undefined, nowMs = Date.now()): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs)
}
