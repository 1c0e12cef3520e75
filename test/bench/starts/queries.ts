import { request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { Agent } from '../../fixtures/agent.ts'
import { type Figure, plain } from '../figures.ts'
import { heavy } from './heavy.ts'

/** Reads the pages and the command line's answers again and again, until it is ended. */
export class Queries {
  readonly #agent: Agent
  readonly #loops: readonly Promise<number>[]
  #isOver = false
  #delay = 0

  constructor(agent: Agent) {
    this.#agent = agent
    const ref = heavy.ref.repository
    const image = `/v1/images/${encodeURIComponent(ref)}`
    const pages = [
      '/v1/status',
      '/v1/images',
      '/v1/review?limit=100',
      `${image}/behaviours?limit=100`,
      `${image}/picture?deviations=true`,
      `${image}/life`,
      '/v1/timeline',
      '/v1/alert-rows?limit=100&grouped=true',
    ]
    this.#loops = [
      this.#loop(() => this.#command(['profile', 'show', ref])),
      this.#loop(() => this.#command(['image', 'show', ref])),
      this.#loop(async () => {
        for (const page of pages) await ask(agent.socket, page)
        this.#delay = Math.max(this.#delay, longestDelay(await ask(agent.socket, '/metrics')))
        await delay(1_000)
      }),
    ]
  }

  async end(): Promise<readonly Figure[]> {
    this.#isOver = true
    const [profiles = 0, images = 0, pages = 0] = await Promise.all(this.#loops)
    return [
      plain('`profile show` meanwhile', 'times', [profiles]),
      plain('`image show` meanwhile', 'times', [images]),
      plain('all pages meanwhile', 'times', [pages]),
      plain('event loop, longest delay', 'ms', [this.#delay * 1_000]),
    ]
  }

  async #loop(work: () => Promise<unknown>): Promise<number> {
    let times = 0
    for (; !this.#isOver; times++) await work()
    return times
  }

  async #command(args: readonly string[]): Promise<void> {
    const { code, stderr } = await this.#agent.cli([...args, '--output', 'json'])
    if (code !== 0) throw new Error(`${args.join(' ')}: exit ${code}: ${stderr}`)
  }
}

function longestDelay(metrics: string): number {
  return Number(/^snug_loop_delay_seconds\{quantile="1"\} (\S+)/m.exec(metrics)?.[1] ?? Number.NaN)
}

function ask(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path, headers: { host: 'localhost' }, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (part: string) => (body += part))
      response.once('error', reject)
      response.once('end', () => {
        if (response.statusCode === 200) resolve(body)
        else reject(new Error(`${path}: ${response.statusCode} ${body}`))
      })
    })
      .once('error', reject)
      .end()
  })
}
