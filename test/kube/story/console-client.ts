import { Agent, request } from 'node:https'
import { text } from 'node:stream/consumers'
import type { Role } from '../../../src/support/config/role.ts'

export interface Asked {
  readonly as?: Role
  readonly method?: string
  readonly body?: object
  readonly headers?: Readonly<Record<string, string>>
}

interface Answered<T> {
  readonly status: number
  readonly body: T
  /** Of a session. */
  readonly cookie?: string
}

export interface ClientOptions {
  readonly address: string
  readonly port: number
  /** The name in its certificate. */
  readonly host: string
  readonly ca: string
  readonly tokens: Readonly<Record<Role, string>>
}

const answerMs = 5_000

/** Asks a console over HTTPS: at the address of its Service, or of one replica. */
export class ConsoleClient {
  readonly #options: ClientOptions
  readonly #agent: Agent

  constructor(options: ClientOptions) {
    this.#options = options
    this.#agent = new Agent({ ca: options.ca, keepAlive: true })
  }

  /** Rejects where no whole answer comes within five seconds. */
  async ask<T>(path: string, how: Asked = {}): Promise<Answered<T>> {
    const { as = 'viewer', method = 'GET', body, headers = {} } = how
    const { address, port, host, tokens } = this.#options
    const json = body === undefined ? undefined : JSON.stringify(body)
    const isSession = 'cookie' in headers
    const asked = request({
      host: address,
      port,
      servername: host,
      path,
      method,
      agent: this.#agent,
      signal: AbortSignal.timeout(answerMs),
      headers: {
        host,
        ...(isSession ? {} : { authorization: `Bearer ${tokens[as]}` }),
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
    })
    return new Promise((resolve, reject) => {
      asked.once('error', reject)
      asked.once('response', (answer) => {
        const cookie = answer.headers['set-cookie']?.[0]?.split(';')[0]
        text(answer).then((all) => {
          const parsed = (all.startsWith('{') ? JSON.parse(all) : all) as T
          const status = answer.statusCode ?? 0
          resolve({ status, body: parsed, ...(cookie === undefined ? {} : { cookie }) })
        }, reject)
      })
      asked.end(json)
    })
  }

  /** Fails where the answer is a refusal. */
  async get<T>(path: string): Promise<T> {
    const { status, body } = await this.ask<T>(path)
    if (status !== 200) throw new Error(`${path}: ${status}: ${JSON.stringify(body)}`)
    return body
  }

  close(): void {
    this.#agent.destroy()
  }
}
