import { readFile } from 'node:fs/promises'
import type { ConnectionOptions, NatsConnection } from '@nats-io/transport-node'
import { type Address, addressText } from './address.ts'
import { readSecret, type SecretSource } from './secret.ts'
import { readTls, type TlsFiles } from './syslog-sink.ts'

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

/** Dynamic import: a process without NATS does not load the library. The caller connects again where a connection ends. */
export async function connectNats(access: NatsAccess): Promise<NatsConnection> {
  // In the bundle a CommonJS package has only its default.
  const { default: nats } = await import('@nats-io/transport-node')
  const { tls, user, password, token, credentials, timeoutMs, pingMs } = access
  const identity: ConnectionOptions = {
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { pass: await readSecret(password) }),
    ...(token === undefined ? {} : { token: await readSecret(token) }),
    ...(credentials === undefined
      ? {}
      : { authenticator: nats.credsAuthenticator(await readFile(credentials)) }),
  }
  return nats.connect({
    name: 'snug',
    servers: access.servers.map(addressText),
    timeout: timeoutMs,
    reconnect: false,
    ...(pingMs === undefined ? {} : { pingInterval: pingMs }),
    ...(tls === undefined ? {} : { tls: await readTls(tls) }),
    ...identity,
  })
}
