import { readFile } from 'node:fs/promises'
import type { ConnectionOptions, NatsConnection } from '@nats-io/transport-node'
import { addressText } from './address.ts'
import { readSecret } from './secret.ts'
import { readTls } from './syslog-sink.ts'
import type { NatsAccess } from '../../../../support/config/nats-access.ts'

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
