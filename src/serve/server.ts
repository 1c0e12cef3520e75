import { createServer, type Server } from 'node:http'
import { dirname } from 'node:path'
import { createAdaptorServer } from '@hono/node-server'
import type { LoadedConfig } from '../support/config/load-config.ts'
import type { Engine } from '../api/engine.ts'
import type { SinkAdmin } from '../api/sink-view.ts'
import { listenUnix } from '../support/net/unix-listener.ts'
import { type Log, stageLog } from '../support/telemetry/log.ts'
import { Slices } from '../support/slices.ts'
import type { LoopWatch } from '../support/telemetry/loop-watch.ts'
import type { Metrics } from '../support/telemetry/metrics.ts'
import { createApp, type ListenerEnv } from './app.ts'
import { createStartsApp } from './starts-app.ts'
import type { ClaimKind } from './access/claim.ts'
import { GatewayFiles } from './gateway/gateway-files.ts'
import { GatewaySupervisor, type OpenGateway } from './gateway/gateway-supervisor.ts'
import { GatewayBackend } from './gateway/gateway-backend.ts'
import { openGatewayProcess } from './gateway/gateway-process.ts'
import { closeServer, type Fetch, httpOptions } from './http-options.ts'
import { GuestTokens } from './access/guest-tokens.ts'
import type { RouteWorld } from './routes/route.ts'
import { TokenFile } from './access/token-file.ts'

export interface ServerOptions {
  readonly engine: Engine
  readonly config: LoadedConfig
  readonly log: Log
  readonly metrics: Metrics
  /** Names requests that hold the event loop; absent where nothing is judged in this process. */
  readonly watch?: LoopWatch
  /** Shared with other work beside judging. */
  readonly slices?: Slices
  /** Absent where alerts go nowhere. */
  readonly sinks?: () => SinkAdmin
  /** Ends live streams and uploads; the listeners close when the server is disposed of. */
  readonly signal: AbortSignal
  /** Absent: as a separate process. */
  readonly openGateway?: OpenGateway
}

export interface RunningServer extends AsyncDisposable {
  readonly socket: string
  /** Where TCP is served, as a URL with the port that was really taken. */
  readonly url: string | undefined
}

/** Who may connect to a socket. */
const everyUser = 0o666
/** Hooks of all users at once; one more is refused, and its container starts as without a hook. */
const startsAtOnce = 64
const headersMs = 10_000

/**
 * Serves the API on the admin socket and, where configured, through an unprivileged gateway on TCP. Both listen when it
 * resolves.
 *
 * Errors: AGENT_RUNNING, LISTEN_FAILED, FRONT_FAILED, CONFIG_INVALID (a damaged token file, an unreadable certificate).
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { engine, config: loaded, metrics, sinks, watch, slices = new Slices(watch) } = options
  const { config } = loaded
  const log = stageLog(options.log, 'server')
  const closing = new AbortController()
  const signal = AbortSignal.any([options.signal, closing.signal])
  let supervisor: GatewaySupervisor | undefined
  const world: RouteWorld = {
    engine,
    loaded,
    metrics,
    slices,
    ...(sinks && { sinks }),
    ...(watch && { watch }),
    ...(config.listen.kind === 'none' ? {} : credentialsOf(config)),
    gateway: () => supervisor?.view,
  }
  const app = createApp(world, log, signal)
  const admin = createHttp((request, env) =>
    // The adapter identifies a handshake by this very object, so extend it instead of copying.
    app.fetch(request, Object.assign(env, { listener: 'unix' }) as ListenerEnv),
  )
  const { userStarts } = config.engines.podman
  const starts = userStarts === 'none' ? undefined : createStarts(world, log, signal)
  let port: GatewayBackend | undefined
  const close = async (): Promise<void> => {
    closing.abort()
    await supervisor?.close()
    port?.close()
    await Promise.all([closeServer(admin), starts && closeServer(starts)])
  }
  try {
    await listenUnix(admin, config.socket)
    if (starts !== undefined) await listenUnix(starts, userStarts, everyUser)
    if (world.guests !== undefined) {
      const files = new GatewayFiles(config)
      port = new GatewayBackend({
        engine,
        files,
        guests: world.guests,
        metrics,
        log,
        signal,
        api: (request, env) => app.fetch(request, env),
        onReady: (ready) => supervisor?.ready(ready),
      })
      supervisor = new GatewaySupervisor({
        open: options.openGateway ?? openGatewayProcess,
        attach: (link) => port?.attach(link),
        isSecure: config.tls.cert !== undefined,
        onFault: (message) => engine.fault('front', message),
        log,
      })
      await supervisor.start()
    }
  } catch (error) {
    await close()
    throw error
  }
  const { socket } = config
  const url = supervisor?.view?.url
  log.info({ socket, url }, 'listening')
  return { socket, url, [Symbol.asyncDispose]: close }
}

function credentialsOf({ data, socket, session, tls, oidc }: LoadedConfig['config']) {
  // Without a data directory nothing is kept, tokens neither: they go with the runtime directory.
  const tokens = TokenFile.open(data === 'none' ? dirname(socket) : data)
  const claims = new Set<ClaimKind>()
  const hasCertificates = tls.clientCa !== undefined || tls.trustDomains.length > 0
  if (hasCertificates) claims.add('certificate')
  if (oidc.issuer !== undefined) claims.add('oidc')
  return { tokens, claims, guests: new GuestTokens(session) }
}

function createStarts(world: RouteWorld, log: Log, signal: AbortSignal): Server {
  const app = createStartsApp(world, log, signal)
  const server = createHttp((request, env) =>
    app.fetch(request, Object.assign(env, { listener: 'unix' }) as ListenerEnv),
  )
  server.maxConnections = startsAtOnce
  server.keepAliveTimeout = 1
  return server
}

function createHttp(fetch: Fetch): Server {
  return createAdaptorServer({ ...httpOptions(fetch, headersMs), createServer }) as Server
}
