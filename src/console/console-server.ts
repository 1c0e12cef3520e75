import { duplexPair } from 'node:stream'
import { describeError, SnugError } from '../errors.ts'
import type { Log } from '../support/telemetry/log.ts'
import { type GatewayLimits, runGateway } from '../gateway/gateway.ts'
import type { PageFiles } from '../gateway/page-files.ts'
import { rightsNow } from '../gateway/rights.ts'
import type { ClaimKind } from '../serve/access/claim.ts'
import { TokenFile } from '../serve/access/token-file.ts'
import type { ListenerEnv } from '../serve/app.ts'
import { GatewayBackend } from '../serve/gateway/gateway-backend.ts'
import { GatewayFiles } from '../serve/gateway/gateway-files.ts'
import { createConsoleApp } from './console-app.ts'
import type { ConsoleConfig } from './console-config.ts'
import type { ConsoleWorld } from './fleet-route.ts'
import { fleetRoutes } from './fleet-routes.ts'
import type { FleetNews } from './fleet-news.ts'

export interface ConsoleServerOptions {
  readonly config: Pick<
    ConsoleConfig,
    'listen' | 'hosts' | 'session' | 'tls' | 'oidc' | 'signIn' | 'tokens'
  >
  readonly world: ConsoleWorld
  readonly news: FleetNews
  readonly files: PageFiles
  readonly log: Log
  readonly signal: AbortSignal
  readonly limits?: GatewayLimits
}

/**
 * Serves the console over TCP: the gateway of the agent, with the routes of the console behind it. Both are in this
 * process, which has no rights on a node that a gateway of its own would have to do without.
 */
export class ConsoleServer {
  readonly #options: ConsoleServerOptions
  readonly #backend: GatewayBackend
  /** The gateway has ended. */
  gone: Promise<void> = Promise.resolve()
  #link: { destroy(): void } | undefined
  #listens: (address: string) => void = () => undefined
  #fails: (error: SnugError) => void = () => undefined

  /** Errors: CONFIG_INVALID where a file cannot be read. */
  constructor(options: ConsoleServerOptions) {
    this.#options = options
    const { config, world, news, log, signal } = options
    const { hosts, session, tls, oidc, signIn, tokens } = config
    const listen = { kind: 'tcp', ...config.listen } as const
    const app = createConsoleApp(
      world,
      {
        claims: claimsOf(config),
        ...(tokens === undefined ? {} : { tokens: new TokenFile(tokens) }),
      },
      log,
    )
    this.#backend = new GatewayBackend({
      engine: {
        liveNews: (query) => news.subscribe(query),
        liveEvents: () => {
          throw new SnugError('BODY_INVALID', 'the console has no events: ask the agent of a node')
        },
        record: async (what, by, fields) => log.info({ what, who: by.who, ...fields }, 'access'),
        fault: (what, message) => {
          if (message !== undefined) log.error({ what, message }, 'the gateway has a fault')
        },
      },
      files: new GatewayFiles({ listen, hosts, session, tls, oidc, signIn }),
      metrics: { count: () => undefined },
      log,
      signal,
      api: (request, env) => app.fetch(request, env as ListenerEnv),
      onReady: (ready) => {
        if ('address' in ready) this.#listens(ready.address)
        else this.#fails(new SnugError('LISTEN_FAILED', ready.failed))
      },
    })
  }

  /** Resolves with `HOST:PORT`. Errors: LISTEN_FAILED. */
  async start(): Promise<string> {
    const { files, log, limits } = this.#options
    const [link, other] = duplexPair()
    this.#link = other
    const listens = new Promise<string>((resolve, reject) => {
      this.#listens = resolve
      this.#fails = reject
    })
    this.#backend.attach(link)
    const running = runGateway({
      routes: fleetRoutes,
      link: other,
      files,
      giveUpRights: rightsNow,
      log,
      ...(limits && { limits }),
    })
    this.gone = running.catch((error: unknown) => {
      log.error({ because: describeError(error) }, 'the gateway failed')
    })
    return listens
  }

  /** Takes no further connection, and answers what was asked before. */
  async close(): Promise<void> {
    this.#backend.dismiss()
    await this.gone
    this.#link?.destroy()
    this.#backend.close()
  }
}

function claimsOf({ tls, oidc }: ConsoleServerOptions['config']): ReadonlySet<ClaimKind> {
  const claims = new Set<ClaimKind>()
  if (tls.clientCa !== undefined || tls.trustDomains.length > 0) claims.add('certificate')
  if (oidc.issuer !== undefined) claims.add('oidc')
  return claims
}
