import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createServer, type Server } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeError } from '../../../../src/errors.ts'
import { bindSink } from '../../../../src/agent/pipeline/delivery/sinks/make-sink.ts'
import { sinkSchema } from '../../../../src/support/config/sink-schema.ts'
import { Authority, type Leaf } from '../../../fixtures/authority.ts'
import { product, sampleAlerts } from '../../../fixtures/format-alerts.ts'

const [alert] = sampleAlerts
if (alert === undefined) throw new Error('there is no sample')

/** The receivers' certificates, and why a sink must not send to their owners. */
const wrong = {
  'from an unknown authority': /unable to verify the first certificate|unable to get .*issuer/,
  'for another name': /does not match certificate's altnames/,
  'that has expired': /certificate has expired/,
} as const
type Wrong = keyof typeof wrong

const name = ['IP:127.0.0.1']
let authority: Authority
let other: Authority
let folder: string
let leaves: Readonly<Record<Wrong | 'right', Leaf>>

beforeAll(() => {
  authority = new Authority('ours')
  other = new Authority('others')
  folder = mkdtempSync('/tmp/snug-secrets-')
  leaves = {
    right: authority.issue('receiver', name),
    'from an unknown authority': other.issue('receiver', name),
    'for another name': authority.issue('receiver', ['DNS:siem.example', 'IP:127.0.0.2']),
    'that has expired': authority.expired('receiver', name),
  }
})

afterAll(() => {
  authority[Symbol.dispose]()
  other[Symbol.dispose]()
  rmSync(folder, { recursive: true })
})

/** All that a sink sent behind a finished handshake. It gets no answer. */
class Receiver implements AsyncDisposable {
  bytes = 0
  readonly #server: Server

  private constructor({ cert, key }: Leaf) {
    this.#server = createServer({ cert, key }, (socket) => {
      socket.on('error', () => undefined)
      socket.on('data', (chunk: Buffer) => {
        this.bytes += chunk.length
        socket.destroy()
      })
    })
    this.#server.on('tlsClientError', () => undefined)
  }

  static async start(leaf: Leaf): Promise<Receiver> {
    const made = new Receiver(leaf)
    await new Promise<void>((resolve) => made.#server.listen(0, '127.0.0.1', resolve))
    return made
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise((closed) => this.#server.close(closed))
  }
}

function secret(text: string): object {
  const file = join(folder, `secret-${Math.abs(hash(text))}`)
  writeFileSync(file, text)
  return { file }
}

function hash(text: string): number {
  let sum = 0
  for (const char of text) sum = (sum * 31 + char.charCodeAt(0)) | 0
  return sum
}

const byUrl = (port: number): object => ({ url: `https://127.0.0.1:${port}/in` })
const byHiddenUrl = (port: number): object => ({ url: secret(`https://127.0.0.1:${port}/in`) })

/** The options by which each sink with TLS from its first byte names its receiver. */
const configs: Readonly<Record<string, (port: number) => object>> = {
  syslog: (port) => ({ address: `127.0.0.1:${port}`, transport: 'tls' }),
  http: byUrl,
  otlp: byUrl,
  falco: byUrl,
  splunk: (port) => ({ ...byUrl(port), token: secret('token') }),
  elasticsearch: byUrl,
  loki: byUrl,
  alertmanager: byUrl,
  slack: byHiddenUrl,
  teams: byHiddenUrl,
  pagerduty: (port) => ({ ...byUrl(port), key: secret('key') }),
  kafka: (port) => ({ brokers: [`127.0.0.1:${port}`], transport: 'tls', topic: 'alerts' }),
}

/** Why the sink did not deliver; and what its receiver got. */
async function sent(type: string, leaf: Leaf): Promise<{ why: string; bytes: number }> {
  await using receiver = await Receiver.start(leaf)
  const config = configs[type]?.(receiver.port)
  const parsed = sinkSchema.parse({ name: 'out', type, tls: { ca: authority.caPath }, ...config })
  const { sink } = bindSink(parsed, product)
  try {
    const refused = await sink.write([alert as never]).then(
      () => undefined,
      (error: unknown) => error,
    )
    expect(refused).toMatchObject({ code: 'SINK_REFUSED' })
    return { why: describeError(refused), bytes: receiver.bytes }
  } finally {
    await sink.close()
  }
}

describe('the certificate of a receiver', () => {
  // Sinks of NATS greet without TLS: test/product/sink-certificates.test.ts has a real server for them.
  it('is checked by every kind of sink that has `tls`', () => {
    const kinds = sinkSchema.options.filter(({ shape }) => 'tls' in shape)
    const types = kinds.map(({ shape }) => shape.type.value).filter((type) => type !== 'nats')
    expect(Object.keys(configs).toSorted()).toEqual(types.toSorted())
  })

  describe.each(Object.keys(configs))('of the sink %s', (type) => {
    it('is good: it gets the alert', async () => {
      expect((await sent(type, leaves.right)).bytes).toBeGreaterThan(0)
    })

    it.each(Object.entries(wrong) as [Wrong, RegExp][])(
      'is one %s: it gets nothing',
      async (which, why) => {
        const refused = await sent(type, leaves[which])
        expect(refused.why).toMatch(why)
        expect(refused.bytes).toBe(0)
      },
    )
  })
})
