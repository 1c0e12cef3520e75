import { createServer, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createAdaptorServer } from '@hono/node-server'
import { describeError, SnugError } from '../errors.ts'
import { bodyMs } from '../support/net/json-body.ts'
import {
  gatewayPaths,
  type GatewayRights,
  gatewaySetup,
  type GatewaySetup,
} from '../serve/gateway/gateway-protocol.ts'
import { closeServer, type Fetch, httpOptions } from '../serve/http-options.ts'
import { problemResponse } from '../serve/problem.ts'
import { check } from '../serve/request-body.ts'
import type { RouteShape } from '../serve/routes/route.ts'
import type { Log } from '../support/telemetry/log.ts'
import { Access } from './access.ts'
import { BackendClient } from './backend-client.ts'
import { createGatewayApp } from './gateway-app.ts'
import { LiveFeed } from './live-feed.ts'
import type { PageFiles } from './page-files.ts'
import { Reports } from './reports.ts'
import { freeAttempts } from './throttle.ts'

export interface GatewayLimits {
  /** How long the head of a request may take, and a body of JSON. */
  readonly headersMs: number
  readonly bodyMs: number
  /** Wrong credentials of an address before it has to wait. */
  readonly attempts: number
}

export interface GatewayOptions {
  /** Of the API behind it. */
  readonly routes: readonly RouteShape[]
  readonly link: Duplex
  readonly files: PageFiles
  /** Drops the rights that the gateway must not have, before the first untrusted byte; returns the remaining ones. */
  readonly giveUpRights: () => GatewayRights
  readonly log: Log
  readonly limits?: GatewayLimits
}

const defaultLimits: GatewayLimits = {
  headersMs: 10_000,
  bodyMs,
  attempts: freeAttempts,
}
export const connections = 1_024
/** How often stalled connections are checked. */
const lookMs = 1_000

/**
 * Serves TCP until the daemon goes away or closes the link. Resolves then.
 *
 * Errors: the reason why it cannot serve; the gateway has reported it to the daemon.
 */
export async function runGateway(options: GatewayOptions): Promise<void> {
  const link = new BackendClient(options.link)
  const setups = link.lines(gatewayPaths.setup)
  let close = (): Promise<void> => Promise.resolve()
  try {
    const rights = options.giveUpRights()
    const first = await setups.next()
    if (first.done === true) return
    const running = await serve(options, link, setupOf(first.value))
    close = running.close
    await link.json(gatewayPaths.ready, {
      method: 'POST',
      body: JSON.stringify({ address: running.address, rights }),
    })
    const follow = async (): Promise<void> => {
      for await (const line of setups) running.renew(setupOf(line))
    }
    await Promise.race([follow().catch(() => undefined), link.closed])
  } catch (error) {
    const body = JSON.stringify({ failed: describeError(error) })
    await link.json(gatewayPaths.ready, { method: 'POST', body }).catch(() => undefined)
    throw error
  } finally {
    await close()
    link.close()
  }
}

function setupOf(line: string): GatewaySetup {
  return check(gatewaySetup, JSON.parse(line))
}

interface Running {
  readonly address: string
  readonly renew: (setup: GatewaySetup) => void
  readonly close: () => Promise<void>
}

async function serve(
  options: GatewayOptions,
  link: BackendClient,
  setup: GatewaySetup,
): Promise<Running> {
  const { files, log, routes, limits = defaultLimits } = options
  const reports = new Reports(link)
  const access = new Access(link, reports, setup, limits.attempts)
  let hosts: ReadonlySet<string> = new Set(setup.hosts)
  const feed = new LiveFeed(link)
  const world = {
    routes,
    link,
    access,
    feed,
    files,
    reports,
    log,
    hosts: () => hosts,
    bodyMs: limits.bodyMs,
  }
  const app = createGatewayApp(world)
  const server = createHttp(app.fetch as Fetch, setup, limits)
  const unsent = unsentOf(server)
  await listen(server, setup.listen)
  const { address, port, family } = server.address() as AddressInfo
  const host = family === 'IPv6' ? `[${address}]` : address
  return {
    address: `${host}:${port}`,
    renew: (next) => {
      try {
        access.renew(next)
        hosts = new Set(next.hosts)
        if (next.tls !== undefined) (server as TlsServer).setSecureContext(tlsOptions(next.tls))
        reports.fault()
      } catch (error) {
        // The previous certificate stays in use: a half-written one must not lock everybody out.
        reports.fault(`a changed certificate or key set was rejected: ${describeError(error)}`)
      }
    },
    close: () => answerAndClose(server, unsent),
  }
}

function createHttp(fetch: Fetch, { tls }: GatewaySetup, limits: GatewayLimits): Server {
  const options = httpOptions(fetch, limits.headersMs)
  const serverOptions = {
    ...options.serverOptions,
    connectionsCheckingInterval: Math.min(lookMs, limits.headersMs),
  }
  const server = (
    tls === undefined
      ? createAdaptorServer({ ...options, createServer, serverOptions })
      : createAdaptorServer({
          ...options,
          createServer: createTlsServer,
          serverOptions: { ...serverOptions, ...tlsOptions(tls) },
        })
  ) as Server
  server.maxConnections = connections
  server.on('clientError', refuse)
  return server
}

function tlsOptions({ cert, key, ...trusted }: NonNullable<GatewaySetup['tls']>) {
  const bundles = trusted.trustDomains?.map(({ bundle }) => bundle).join('\n')
  const ca = bundles ?? trusted.ca
  const asks = ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: false }
  return { cert, key, minVersion: 'TLSv1.2', ...asks } as const
}

/** An invalid or slow request also gets an answer. */
function refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || (socket as Socket).bytesWritten > 0) {
    socket.destroy()
    return
  }
  const response = problemResponse(
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? new SnugError('REQUEST_SLOW', 'the request did not arrive in time')
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? new SnugError('BODY_TOO_LARGE', 'the head of the request is larger than 16 KiB')
        : new SnugError('REQUEST_INVALID', 'the request is not valid HTTP/1.1'),
  )
  response.text().then(
    (body) => {
      const headers = [...response.headers].map(([name, value]) => `${name}: ${value}\r\n`).join('')
      const length = `content-length: ${Buffer.byteLength(body)}\r\n`
      const head = `HTTP/1.1 ${response.status} Refused\r\n${headers}${length}`
      socket.end(`${head}connection: close\r\n\r\n${body}`)
    },
    () => socket.destroy(),
  )
}

function listen(server: Server, { host, port }: GatewaySetup['listen']): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const where = `${host}:${port}`
      reject(
        new SnugError('LISTEN_FAILED', `cannot listen on \`${where}\`: ${describeError(error)}`),
      )
    })
    server.listen(port, host, resolve)
  })
}

/** Answers that the server still owes. */
function unsentOf(server: Server): ReadonlySet<ServerResponse> {
  const unsent = new Set<ServerResponse>()
  server.on('request', (_, response: ServerResponse) => {
    unsent.add(response)
    response.once('close', () => unsent.delete(response))
  })
  return unsent
}

/** Answers what was asked before. A connection ends with its answer, so that its client asks another server next. */
function answerAndClose(server: Server, unsent: ReadonlySet<ServerResponse>): Promise<void> {
  const closed = closeServer(server)
  for (const response of unsent)
    if (!response.headersSent) response.setHeader('connection', 'close')
  return closed
}
