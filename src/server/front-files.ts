import { readFileSync, statSync } from 'node:fs'
import type { Config } from '../config/config-schema.ts'
import { describeError, SnugError } from '../errors.ts'
import type { FrontSetup } from './front-protocol.ts'

const lookMs = 1_000

/** The files that the front needs and may not read itself: certificate, key, authorities of clients, key set. */
export class FrontFiles {
  readonly #config: Config
  readonly #paths: readonly string[]
  #stamp: string
  #timer: NodeJS.Timeout | undefined

  /** Errors: CONFIG_INVALID where one of them cannot be read. */
  constructor(config: Config) {
    this.#config = config
    const { tls, oidc } = config
    const jwks = oidc.jwks?.includes('://') === true ? undefined : oidc.jwks
    this.#paths = [tls.cert, tls.key, tls.clientCa, jwks].filter((path) => path !== undefined)
    this.#stamp = this.#stampNow()
  }

  /** With what the files hold now. Errors: CONFIG_INVALID. */
  setup(): FrontSetup {
    const { listen, hosts, session, tls, oidc } = this.#config
    if (listen.kind === 'none') throw new SnugError('CONFIG_INVALID', 'nothing is listened on')
    const { host, port } = listen
    const { cert, key, clientCa, clients } = tls
    const { issuer, audience, jwks, algorithms, roleClaim, roles } = oidc
    return {
      listen: { host, port },
      hosts: [...hosts, host].map((name) => name.toLowerCase()),
      sessionMs: session,
      ...(cert === undefined || key === undefined
        ? {}
        : {
            tls: {
              cert: read(cert),
              key: read(key),
              clients,
              ...(clientCa === undefined ? {} : { ca: read(clientCa) }),
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
    if (this.#paths.length === 0) return
    this.#timer = setInterval(() => {
      const stamp = this.#stampNow()
      if (stamp === this.#stamp) return
      this.#stamp = stamp
      changed()
    }, lookMs).unref()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #stampNow(): string {
    return this.#paths
      .map((path) => {
        const found = statSync(path, { throwIfNoEntry: false })
        return found === undefined ? 'none' : `${found.mtimeMs}:${found.size}:${found.ino}`
      })
      .join(' ')
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new SnugError('CONFIG_INVALID', `cannot read \`${path}\`: ${describeError(error)}`)
  }
}
