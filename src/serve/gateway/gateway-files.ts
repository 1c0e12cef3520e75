import type { SignInConfig } from '../../support/config/access-schema.ts'
import type { Config } from '../../support/config/config-schema.ts'
import { SnugError } from '../../errors.ts'
import { readWatched, WatchedFiles } from '../../support/net/watched-files.ts'
import type { GatewaySetup } from './gateway-protocol.ts'

type GatewayConfig = Pick<Config, 'listen' | 'hosts' | 'session' | 'tls' | 'oidc'> & {
  readonly signIn?: SignInConfig | undefined
}

/** The files that the gateway needs and may not read itself: certificate, key, authorities of clients, key set. */
export class GatewayFiles {
  readonly #config: GatewayConfig
  readonly #files: WatchedFiles

  /** Errors: CONFIG_INVALID where one of them cannot be read. */
  constructor(config: GatewayConfig) {
    this.#config = config
    const { tls, oidc, signIn } = config
    const jwks = oidc.jwks?.includes('://') === true ? undefined : oidc.jwks
    const bundles = tls.trustDomains.map(({ bundle }) => bundle)
    const paths = [tls.cert, tls.key, tls.clientCa, ...bundles, jwks, signIn?.clientSecret]
    this.#files = new WatchedFiles(paths.filter((path) => path !== undefined))
  }

  /** With the current content of the files. Errors: CONFIG_INVALID. */
  setup(): GatewaySetup {
    const { listen, hosts, session, tls, oidc, signIn } = this.#config
    if (listen.kind === 'none') throw new SnugError('CONFIG_INVALID', 'no address to listen on')
    const { host, port } = listen
    const { cert, key, clientCa, clients } = tls
    const trustDomains = tls.trustDomains.map(({ name, bundle }) => ({
      name,
      bundle: read(bundle),
    }))
    const { issuer, audience, jwks, algorithms, roleClaim, roles } = oidc
    return {
      listen: { host, port },
      hosts: [...hosts, host].map((name) => name.toLowerCase()),
      sessionMs: session,
      ...(signIn === undefined ? {} : { signIn: withSecret(signIn) }),
      ...(cert === undefined || key === undefined
        ? {}
        : {
            tls: {
              cert: read(cert),
              key: read(key),
              clients,
              ...(clientCa === undefined ? {} : { ca: read(clientCa) }),
              ...(trustDomains.length === 0 ? {} : { trustDomains }),
            },
          }),
      ...(issuer === undefined || audience === undefined || jwks === undefined
        ? {}
        : {
            oidc: {
              issuer,
              audience,
              algorithms,
              roleClaim,
              roles,
              jwks: jwks.includes('://') ? { url: jwks } : { keys: read(jwks) },
            },
          }),
    }
  }

  /** Calls `changed` whenever one of the files is another than before. */
  watch(changed: () => void): void {
    this.#files.watch(changed)
  }

  close(): void {
    this.#files.close()
  }
}

function withSecret({ clientSecret, ...rest }: SignInConfig): NonNullable<GatewaySetup['signIn']> {
  return clientSecret === undefined ? rest : { ...rest, clientSecret: read(clientSecret).trim() }
}

function read(path: string): string {
  return readWatched(path, 'CONFIG_INVALID')
}
