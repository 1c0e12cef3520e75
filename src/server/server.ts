import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname } from 'node:path'
import { createAdaptorServer, type WebSocketServerLike } from '@hono/node-server'
import { WebSocketServer } from 'ws'
import type { LoadedConfig } from '../config/load-config.ts'
import { describeError, SnugError } from '../errors.ts'
import type { Engine } from '../flow/engine.ts'
import { listenUnix } from '../net/unix-listener.ts'
import { type Log, stageLog } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { SinkDesk } from '../flow/sink-desk.ts'
import { createApp, type ListenerEnv } from './app.ts'
import { TokenFile } from './token-file.ts'

export interface ServerOptions {
  readonly engine: Engine
  readonly config: LoadedConfig
  readonly log: Log
  readonly metrics: Metrics
  /** Absent where alerts go nowhere. */
  readonly sinks?: () => SinkDesk
  /** Ends live streams and uploads; the listeners close when the server is disposed of. */
  readonly signal: AbortSignal
}

export interface RunningServer extends AsyncDisposable {
  readonly socket: string
  /** Where TCP is served, as `HOST:PORT` with the port that was really taken. */
  readonly address: string | undefined
}

const closeMs = 2_000

/**
 * Serves the API on the admin socket and, where configured, on TCP. Both are there when it resolves.
 *
 * Errors: AGENT_RUNNING, LISTEN_FAILED, CONFIG_INVALID (a damaged token file).
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { engine, config: loaded, metrics, sinks } = options
  const { listen, data, hosts, socket } = loaded.config
  const log = stageLog(options.log, 'server')
  const tcp = listen.kind === 'tcp' ? listen : undefined
  const closing = new AbortController()
  const signal = AbortSignal.any([options.signal, closing.signal])
  // Without a data directory nothing is kept, tokens neither: they go with the runtime directory.
  const tokensDir = data === 'none' ? dirname(socket) : data
  const tokens = tcp === undefined ? {} : { tokens: TokenFile.open(tokensDir) }
  const names = new Set([...hosts, ...(tcp ? [tcp.host] : [])].map((name) => name.toLowerCase()))
  const app = createApp(
    { engine, loaded, metrics, ...(sinks && { sinks }), ...tokens },
    names,
    log,
    signal,
  )
  const servers: Server[] = []

  const add = (listener: ListenerEnv['listener']): Server => {
    const server = createHttp((request, env) =>
      // The adapter tells a handshake by the identity of this object, so it is added to, not copied.
      app.fetch(request, Object.assign(env, { listener }) as ListenerEnv),
    )
    servers.push(server)
    return server
  }
  const close = async (): Promise<void> => {
    closing.abort()
    await Promise.all(servers.map(closeServer))
  }

  try {
    await listenUnix(add('unix'), socket)
    if (tcp !== undefined) await listenTcp(add('tcp'), tcp.host, tcp.port)
  } catch (error) {
    await close()
    throw error
  }
  const address = tcp === undefined ? undefined : addressOf(servers[1])
  log.info({ socket, address }, 'listening')
  return { socket, address, [Symbol.asyncDispose]: close }
}

function createHttp(fetch: Parameters<typeof createAdaptorServer>[0]['fetch']): Server {
  const server = createAdaptorServer({
    fetch,
    overrideGlobalObjects: false,
    websocket: {
      // The adapter types the server's listeners more loosely than `ws` does.
      server: new WebSocketServer({
        noServer: true,
        maxPayload: 4_096,
        perMessageDeflate: false,
      }) as unknown as WebSocketServerLike,
    },
    createServer,
    serverOptions: {
      headersTimeout: 10_000,
      // A replay may stream for hours: bodies have their own limits, see `request-body.ts`.
      requestTimeout: 0,
      maxHeaderSize: 16_384,
    },
  }) as Server
  server.maxConnections = 512
  return server
}

function listenTcp(server: Server, host: string, port: number): Promise<void> {
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

function addressOf(server: Server | undefined): string | undefined {
  const address = server?.address() as AddressInfo | null | undefined
  if (!address) return undefined
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return `${host}:${address.port}`
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const deadline = setTimeout(() => server.closeAllConnections(), closeMs)
    server.close(() => {
      clearTimeout(deadline)
      resolve()
    })
    server.closeIdleConnections()
  })
}
