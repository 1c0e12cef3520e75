import type { Address, SecretSource, TlsFiles } from '../net/server-access.ts'

export interface NatsAccess {
  readonly servers: readonly Address[]
  /** Absent: without TLS. */
  readonly tls?: TlsFiles
  readonly user?: string | undefined
  readonly password?: SecretSource | undefined
  readonly token?: SecretSource | undefined
  /** A `.creds` file. */
  readonly credentials?: string | undefined
  readonly timeoutMs: number
  /** Between two questions whether the server is there; two without an answer end the connection. */
  readonly pingMs?: number
}

/** The members of a config that {@link NatsAccess} is made from. Durations in milliseconds. */
type NatsConfig = Pick<NatsAccess, 'servers' | 'user' | 'password' | 'token' | 'credentials'> & {
  readonly transport: 'tcp' | 'tls'
  readonly tls: TlsFiles
  readonly timeout: number
}

/** A server that is cut off is missed within a minute. In milliseconds. */
const bucketPingMs = 20_000

/** Of a bucket that a fleet shares. */
export function bucketAccessOf(config: NatsConfig): NatsAccess {
  return { ...natsAccessOf(config), pingMs: bucketPingMs }
}

export function natsAccessOf({ transport, tls, timeout, ...config }: NatsConfig): NatsAccess {
  const { servers, user, password, token, credentials } = config
  const identity = { user, password, token, credentials }
  return { servers, timeoutMs: timeout, ...identity, ...(transport === 'tls' ? { tls } : {}) }
}
