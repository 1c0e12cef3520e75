import { createServer, type Http2Server } from 'node:http2'
import type { Duplex } from 'node:stream'
import { createAdaptorServer } from '@hono/node-server'
import type { z } from 'zod'
import { describeError, SnugError } from '../../errors.ts'
import type { Engine, LiveQuery } from '../../api/engine.ts'
import { batchesOf, type LiveReader } from '../../api/live-log.ts'
import type { Log } from '../../support/telemetry/log.ts'
import type { Metrics } from '../../support/telemetry/metrics.ts'
import type { ListenerEnv } from '../app.ts'
import type { GatewayFiles } from './gateway-files.ts'
import {
  gatewayPaths,
  gatewayReady,
  type GatewaySetup,
  gatewayReport,
  type GatewayReport,
  redeemBody,
} from './gateway-protocol.ts'
import type { GuestTokens } from '../access/guest-tokens.ts'
import { engineQuery, isOfEvents, type LiveMessage, liveQuery } from '../live-query.ts'
import { problemResponse } from '../problem.ts'
import { check } from '../request-body.ts'

/** What the gateway needs besides the API. */
export interface BackendEngine extends Pick<Engine, 'record' | 'fault'> {
  liveNews(query: LiveQuery): LiveReader<unknown>
  /** Errors: BODY_INVALID where nothing is observed here. */
  liveEvents(query: LiveQuery): LiveReader<unknown>
}

export interface GatewayBackendOptions {
  readonly engine: BackendEngine
  readonly files: GatewayFiles
  /** Absent: nobody is invited by a link. */
  readonly guests?: Pick<GuestTokens, 'redeem'>
  readonly metrics: Pick<Metrics, 'count'>
  readonly log: Log
  readonly signal: AbortSignal
  /** The API, for everything else. */
  readonly api: (request: Request, env: ListenerEnv) => Response | Promise<Response>
  readonly onReady: (ready: z.output<typeof gatewayReady>) => void
}

const streams = 2_000
const windowBytes = 1_048_576
/** For reports of the gateway itself; bodies of the API have other limits. */
const reportBytes = 65_536

/** The daemon's end of the private socket pair: serves the API, and the requests of the gateway itself. */
export class GatewayBackend {
  readonly #options: GatewayBackendOptions
  readonly #server: Http2Server
  /** Where the first one served: one that takes its place serves there too. */
  #port: number | undefined
  readonly #renew = new Set<(setup: GatewaySetup) => void>()
  readonly #dismiss = new Set<() => void>()

  constructor(options: GatewayBackendOptions) {
    this.#options = options
    this.#server = createAdaptorServer({
      fetch: (request, env) => this.#answer(request, env as unknown as ListenerEnv),
      overrideGlobalObjects: false,
      createServer,
      serverOptions: {
        settings: { maxConcurrentStreams: streams, initialWindowSize: windowBytes },
      },
    }) as Http2Server
    options.files.watch(() => this.#filesChanged())
  }

  /** The gateway's end of the socket pair exists and sends data. */
  attach(link: Duplex): void {
    link.on('error', (error) =>
      this.#options.log.debug({ err: error }, 'the gateway closed the connection'),
    )
    this.#server.emit('connection', link)
  }

  /** Has the gateway end, after it has answered what it was asked. */
  dismiss(): void {
    for (const dismiss of this.#dismiss) dismiss()
  }

  close(): void {
    this.#options.files.close()
    this.#server.close()
  }

  async #answer(request: Request, env: ListenerEnv): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    try {
      switch (pathname) {
        case gatewayPaths.setup:
          return this.#setup()
        case gatewayPaths.live:
          return this.#live(Object.fromEntries(searchParams), request.signal)
        case gatewayPaths.ready:
          this.#ready(check(gatewayReady, await reported(request)))
          return new Response('')
        case gatewayPaths.redeem:
          return this.#redeem(check(redeemBody, await reported(request)).code)
        case gatewayPaths.reported:
          await this.#record(check(gatewayReport, await reported(request)))
          return new Response('')
        default:
          // The adapter identifies the request by this very object, so extend it instead of copying.
          return await this.#options.api(
            request,
            Object.assign(env, { listener: 'front' as const }),
          )
      }
    } catch (error) {
      return problemResponse(error)
    }
  }

  #ready(ready: z.output<typeof gatewayReady>): void {
    if ('address' in ready) this.#port = Number(/:(\d+)$/.exec(ready.address)?.[1])
    this.#options.onReady(ready)
  }

  #setupNow(): GatewaySetup {
    const setup = this.#options.files.setup()
    const { host, port } = setup.listen
    return { ...setup, listen: { host, port: this.#port ?? port } }
  }

  #setup(): Response {
    const first = this.#setupNow()
    let end = (): void => undefined
    const lines = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const renew = (setup: GatewaySetup): void => controller.enqueue(lineOf(setup))
        const dismiss = (): void => {
          end()
          controller.close()
        }
        end = () => {
          this.#renew.delete(renew)
          this.#dismiss.delete(dismiss)
        }
        this.#renew.add(renew)
        this.#dismiss.add(dismiss)
        renew(first)
      },
      cancel: () => end(),
    })
    return new Response(lines)
  }

  #filesChanged(): void {
    const { log } = this.#options
    try {
      const setup = this.#setupNow()
      for (const renew of this.#renew) renew(setup)
      log.info('certificates or keys of the API changed')
    } catch (error) {
      log.error(
        { error: describeError(error) },
        'a changed certificate or key file of the API was rejected',
      )
    }
  }

  #live(query: Readonly<Record<string, string>>, gone: AbortSignal): Response {
    const { engine, signal } = this.#options
    const request = check(liveQuery, query)
    const asked = engineQuery(request)
    const reader = isOfEvents(request) ? engine.liveEvents(asked) : engine.liveNews(asked)
    const batches = batchesOf<unknown>(reader, AbortSignal.any([signal, gone]))
    const ready: LiveMessage = { type: 'ready', n: reader.begin, topics: request.topics }
    const lines = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(lineOf(ready)),
      pull: async (controller) => {
        const { value, done } = await batches.next()
        if (done === true) controller.close()
        else
          controller.enqueue(
            encoder.encode(value.map((each) => `${JSON.stringify(each)}\n`).join('')),
          )
      },
      cancel: () => reader.close(),
    })
    return new Response(lines)
  }

  #redeem(code: string): Response {
    const token = this.#options.guests?.redeem(code)
    if (token !== undefined) return Response.json({ token })
    throw new SnugError('UNAUTHENTICATED', 'this sign-in link was used already or has expired')
  }

  async #record(news: GatewayReport): Promise<void> {
    const { engine, metrics } = this.#options
    switch (news.kind) {
      case 'counts':
        for (const [reason, count] of Object.entries(news.refusals)) {
          metrics.count('snug_server_refusals_total', { reason }, count)
        }
        metrics.count('snug_server_live_missed_total', { stream: 'news' }, news.missed)
        return
      case 'fault':
        engine.fault('front', news.message)
        return
      case 'refused': {
        const { why, address, count } = news
        return engine.record('refused', { who: 'anyone' }, { reason: why, address, count })
      }
      case 'sign-in':
      case 'sign-out':
        return engine.record(news.kind, { who: news.who }, { address: news.address })
    }
  }
}

const encoder = new TextEncoder()

function lineOf(value: object): Uint8Array {
  return encoder.encode(`${JSON.stringify(value)}\n`)
}

async function reported(request: Request): Promise<unknown> {
  const text = await request.text()
  if (text.length > reportBytes)
    throw new SnugError('BODY_TOO_LARGE', 'the gateway sent too much data')
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new SnugError('BODY_INVALID', 'the body is not JSON', { cause: error })
  }
}
