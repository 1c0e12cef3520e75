import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import { bindSink } from '../../src/agent/pipeline/delivery/sinks/make-sink.ts'
import { sinkSchema } from '../../src/support/config/sink-schema.ts'
import type { SinkView } from '../../src/api/sink-view.ts'
import { sinkSuite } from '../contract/sink-suite.ts'
import { Agent } from '../fixtures/agent.ts'
import { Kafka } from '../fixtures/kafka.ts'
import { Nats } from '../fixtures/nats.ts'
import { TcpProxy } from '../fixtures/tcp-proxy.ts'
import { reverseShells } from '../fixtures/alert-events.ts'
import { product, sampleAlerts } from '../fixtures/format-alerts.ts'

/** How long a server is away. By hand longer: `SNUG_AWAY_SECONDS=600`. */
const awaySeconds = Number(process.env['SNUG_AWAY_SECONDS'] ?? 5)

const sinkOf = (config: object, timeoutMs = 1_000) => {
  const parsed = sinkSchema.parse({ name: 'out', ...config })
  return bindSink({ ...parsed, ...('timeout' in parsed && { timeout: timeoutMs }) }, product).sink
}

sinkSuite({
  name: 'to a stream of NATS',
  open: async (timeoutMs) => {
    const server = await Nats.start()
    await server.makeStream()
    const proxy = await TcpProxy.before(server.port)
    const servers = [`127.0.0.1:${proxy.port}`]
    return {
      sink: sinkOf({ type: 'nats', servers, subject: server.subject }, timeoutMs),
      received: async () => (await server.messages()).map(({ text }) => text),
      behave: (behaviour) => {
        proxy.behave = behaviour
      },
      dispose: async () => {
        await proxy[Symbol.asyncDispose]()
        await server[Symbol.asyncDispose]()
      },
    }
  },
})

sinkSuite({
  name: 'to a topic of Kafka',
  order: 'container',
  open: async (timeoutMs) => {
    const broker = await Kafka.start('alerts')
    // A client of Kafka goes to the address that the broker gives.
    const proxy = await TcpProxy.before(broker.port, withAddress(broker.port))
    const brokers = [`127.0.0.1:${proxy.port}`]
    return {
      sink: sinkOf({ type: 'kafka', brokers, topic: 'alerts' }, timeoutMs),
      received: () => broker.records.map(({ text }) => text),
      behave: (behaviour) => {
        proxy.behave = behaviour
      },
      dispose: async () => {
        await proxy[Symbol.asyncDispose]()
        await broker[Symbol.asyncDispose]()
      },
    }
  },
})

/** An answer of a broker about itself, with another port: its host as a string with its length, then the port. */
function withAddress(own: number): (answer: Buffer, port: number) => Buffer {
  const host = Buffer.from('\0\u{9}127.0.0.1')
  return (answer, port) => {
    for (let at = answer.indexOf(host); at >= 0; at = answer.indexOf(host, at + 1)) {
      const portAt = at + host.length
      if (answer.readInt32BE(portAt) === own) answer.writeInt32BE(port, portAt)
    }
    return answer
  }
}

describe('a stream of NATS', () => {
  test('stores a repeated alert once, and requires authentication of the sender', async () => {
    await using server = await Nats.start(['--auth', 'open-sesame'])
    await server.makeStream({ token: 'open-sesame' })
    const config = { type: 'nats', servers: [`127.0.0.1:${server.port}`], subject: server.subject }
    vi.stubEnv('SNUG_TEST_NATS', 'open-sesame')
    const sink = sinkOf({ ...config, token: { env: 'SNUG_TEST_NATS' } })
    await sink.write(sampleAlerts.slice(0, 3))
    await sink.write(sampleAlerts.slice(1, 4))
    await sink.close()
    const messages = await server.messages({ token: 'open-sesame' })
    expect(messages.map(({ id }) => id)).toEqual(sampleAlerts.slice(0, 4).map(({ id }) => id))
    expect(messages[0]?.key).toBe(sampleAlerts[0]?.container?.id)
    const stranger = sinkOf(config)
    await expect(stranger.write(sampleAlerts)).rejects.toMatchObject({ code: 'SINK_REFUSED' })
    await stranger.close()
    vi.unstubAllEnvs()
  })
})

describe('a topic of Kafka', () => {
  test('that does not answer for a while has every alert afterwards', async () => {
    await using broker = await Kafka.start('alerts')
    const brokers = [`127.0.0.1:${broker.port}`]
    const sink = sinkOf({ type: 'kafka', brokers, topic: 'alerts' })
    await sink.write(sampleAlerts.slice(0, 2))
    broker.halt()
    const refused = sink.write(sampleAlerts.slice(2, 4))
    await expect(refused).rejects.toMatchObject({ code: 'SINK_REFUSED' })
    broker.goOn()
    await sink.write(sampleAlerts.slice(2, 4))
    const ids = new Set(sampleAlerts.slice(0, 4).map(({ id }) => id))
    const seen = (): Set<string> =>
      new Set(broker.records.map(({ headers }) => headers['id'] ?? ''))
    await expect.poll(seen).toEqual(ids)
    await sink.close()
  })
})

test('an agent sends alerts and its audit trail to Kafka and NATS, the order of each container kept', async () => {
  await using broker = await Kafka.start('alerts')
  await using server = await Nats.start()
  await server.makeStream()
  await using agent = new Agent({
    config: {
      sources: ['file:-'],
      engines: { docker: { socket: 'none' } },
      deliver: { from: 'low' },
      sinks: [
        { name: 'kafka', type: 'kafka', brokers: [`127.0.0.1:${broker.port}`], topic: 'alerts' },
        {
          name: 'nats',
          type: 'nats',
          servers: [`127.0.0.1:${server.port}`],
          subject: server.subject,
        },
      ],
    },
  })
  await agent.start()
  const file = join(agent.folder, 'events.ndjson')
  writeFileSync(file, reverseShells({ containers: 20, each: 10 }))
  await agent.cli(['event', 'replay', file])
  const ids = (
    await agent.json<readonly { readonly id: string }[]>(['alert', 'list', '--limit', '10000'])
  )
    .map(({ id }) => id)
    .reverse()
  expect(ids).toHaveLength(200)
  await agent.until<readonly SinkView[]>(['sink', 'list'], (sinks) =>
    sinks.every(({ waiting, delivered }) => waiting === 0 && delivered >= 200),
  )
  const alerts = (await server.messages()).filter(({ text }) => text.includes('snug.alert/v1'))
  expect(alerts.map(({ id }) => id)).toEqual(ids)
  await expect.poll(() => broker.records.length).toBeGreaterThanOrEqual(200)
  const records = broker.records.filter(({ headers }) => headers['type'] !== 'audit')
  for (const key of new Set(records.map((record) => record.key))) {
    const own = records.filter((record) => record.key === key)
    expect(new Set(own.map(({ partition }) => partition)).size).toBe(1)
    const sent = own.map(({ headers }) => headers['id'] ?? '')
    expect(sent).toEqual([...sent].sort())
  }
  expect(new Set(records.map(({ headers }) => headers['id']))).toEqual(new Set(ids))
})

test(
  `an agent whose NATS is away for ${awaySeconds} s loses no alert, and keeps their order`,
  async () => {
    await using server = await Nats.start()
    await server.makeStream()
    const servers = [`127.0.0.1:${server.port}`]
    await using agent = new Agent({
      config: {
        sources: ['file:-'],
        engines: { docker: { socket: 'none' } },
        deliver: { from: 'low' },
        sinks: [{ name: 'nats', type: 'nats', servers, subject: server.subject }],
      },
    })
    await agent.start()
    const turns = 10
    const [containers, each] = [20, 1]
    let from = 0
    const raise = async (): Promise<void> => {
      const file = join(agent.folder, `events-${from}.ndjson`)
      writeFileSync(file, reverseShells({ containers, each, from }))
      from += each
      await agent.cli(['event', 'replay', file])
    }
    const sink = (good: (sink: SinkView) => boolean) =>
      agent.until<readonly SinkView[]>(['sink', 'list'], ([one]) => one !== undefined && good(one))
    await raise()
    await sink(({ waiting, delivered }) => waiting === 0 && delivered >= containers)
    await server.kill()
    for (let turn = 0; turn < turns; turn += 1) {
      await raise()
      await delay((awaySeconds * 1_000) / turns)
    }
    await sink(({ state, lastError }) => state === 'failing' && lastError !== undefined)
    server.startAgain()
    await sink(({ waiting }) => waiting === 0)
    const list = ['alert', 'list', '--limit', '10000']
    const ids = (await agent.json<readonly { readonly id: string }[]>(list)).map(({ id }) => id)
    expect(ids).toHaveLength((turns + 1) * containers)
    const sent = (await server.messages()).filter(({ text }) => text.includes('snug.alert/v1'))
    expect(sent.map(({ id }) => id)).toEqual(ids.toReversed())
  },
  180_000 + awaySeconds * 1_000,
)
