import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { SinkView } from '../../src/api/sink-view.ts'
import { Agent } from '../fixtures/agent.ts'
import { reverseShell } from '../fixtures/alert-events.ts'
import { Authority, type Leaf } from '../fixtures/authority.ts'
import { Nats } from '../fixtures/nats.ts'
import { Rsyslog } from '../fixtures/rsyslog.ts'
import { closedPort } from '../fixtures/held-ports.ts'

/** Certificates between an agent and the servers that Debian ships. */
const name = ['IP:127.0.0.1', 'DNS:localhost']
let authority: Authority
let other: Authority
let folder: string

beforeAll(() => {
  authority = new Authority('ours')
  other = new Authority('others')
  folder = mkdtempSync('/tmp/snug-certificates-')
})

afterAll(() => {
  authority[Symbol.dispose]()
  other[Symbol.dispose]()
  rmSync(folder, { recursive: true })
})

const opened: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one[Symbol.asyncDispose]()
})

/** It ends with the test. */
function kept<One extends AsyncDisposable>(one: One): One {
  opened.push(one)
  return one
}

const trust = () => ({ ca: authority.caPath })
const paths = ({ certPath, keyPath }: Leaf) => ({ cert: certPath, key: keyPath })

const syslogTo = (port: number, own: object = {}): object => ({
  type: 'syslog',
  address: `127.0.0.1:${port}`,
  transport: 'tls',
  tls: { ...trust(), ...own },
})
const natsTo = (port: number, own: object = {}): object => ({
  type: 'nats',
  servers: [`127.0.0.1:${port}`],
  transport: 'tls',
  tls: { ...trust(), ...own },
  subject: 'snug.notices',
})

/** An agent with one alert for each of these sinks. */
async function agentWith(sinks: Readonly<Record<string, object>>): Promise<Agent> {
  const agent = new Agent({
    config: {
      sources: ['file:-'],
      engines: { docker: { socket: 'none' } },
      sinks: Object.entries(sinks).map(([of, sink]) => ({ name: of, timeout: '2s', ...sink })),
    },
  })
  await agent.start()
  const file = join(agent.folder, 'events.ndjson')
  writeFileSync(file, reverseShell(1, 0))
  expect((await agent.cli(['event', 'replay', file])).code).toBeLessThanOrEqual(2)
  return agent
}

/** Of the sink, once it is so. */
async function sinkOf(agent: Agent, of: string, good: (sink: SinkView) => boolean) {
  const all = await agent.until<readonly SinkView[]>(['sink', 'list'], (list) =>
    list.some((sink) => sink.name === of && good(sink)),
  )
  return all.find((sink) => sink.name === of)
}

/** Its alert waits, and the operator reads that reason. */
async function refuses(agent: Agent, of: string, why: RegExp): Promise<void> {
  const sink = await sinkOf(agent, of, ({ lastError }) => lastError !== undefined)
  expect(sink?.lastError?.text, of).toMatch(why)
  expect(sink, of).toMatchObject({ state: 'failing', waiting: 1, delivered: 0, givenUp: 0 })
}

const delivers = (agent: Agent, of: string): Promise<unknown> =>
  sinkOf(agent, of, ({ delivered, waiting }) => delivered === 1 && waiting === 0)

const alertsIn = ({ lines }: Rsyslog): number =>
  lines.filter((line) => line.includes('shop/web')).length

const servedBy = (leaf: Leaf): string[] => [
  '--tls',
  `--tlscert=${leaf.certPath}`,
  `--tlskey=${leaf.keyPath}`,
]

test('a sink sends nothing to a server with a wrong certificate, and its alert once the server has a good one', async () => {
  const wrong: Readonly<Record<string, readonly [Leaf, RegExp]>> = {
    unknown: [other.issue('receiver', name), /unable to verify|issuer/],
    elsewhere: [authority.issue('receiver', ['DNS:siem.example']), /altnames/],
    expired: [authority.expired('receiver', name), /expired/],
  }
  const sinks: Record<string, object> = {}
  const syslogs = new Map<string, Rsyslog>()
  for (const [why, [leaf]] of Object.entries(wrong)) {
    const rsyslog = kept(new Rsyslog({ port: await closedPort(), tls: leaf }))
    await rsyslog.start()
    syslogs.set(why, rsyslog)
    sinks[`syslog-${why}`] = syslogTo(rsyslog.port)
    sinks[`nats-${why}`] = natsTo(kept(await Nats.start(servedBy(leaf))).port)
  }
  await using agent = await agentWith(sinks)
  for (const [why, [, reason]] of Object.entries(wrong)) {
    for (const kind of ['syslog', 'nats']) await refuses(agent, `${kind}-${why}`, reason)
  }
  for (const [why, rsyslog] of syslogs) {
    expect(alertsIn(rsyslog)).toBe(0)
    await rsyslog.stop('SIGKILL')
    const good = kept(new Rsyslog({ port: rsyslog.port, tls: authority.issue('receiver', name) }))
    await good.start()
    await delivers(agent, `syslog-${why}`)
    // Syslog has no acknowledgement: it may be on its way.
    await expect.poll(() => alertsIn(good)).toBe(1)
  }
})

test('a server that asks for a certificate gets the alert of a sink that has a good one, and of no other', async () => {
  const leaf = authority.issue('receiver', name)
  const client = ['extendedKeyUsage=clientAuth']
  const [own, stranger] = [authority, other].map((by) => by.issue('agent', [], client)) as [
    Leaf,
    Leaf,
  ]
  await using rsyslog = new Rsyslog({
    port: await closedPort(),
    tls: leaf,
    clients: authority.caPath,
  })
  await rsyslog.start()
  const check = ['--tlsverify', `--tlscacert=${authority.caPath}`]
  await using nats = await Nats.start([...servedBy(leaf), ...check], {
    tls: { ca: authority.ca, cert: own.cert, key: own.key },
  })
  await nats.makeStream()
  await using agent = await agentWith({
    'syslog-without': syslogTo(rsyslog.port),
    'syslog-stranger': syslogTo(rsyslog.port, paths(stranger)),
    'syslog-own': syslogTo(rsyslog.port, paths(own)),
    'nats-without': natsTo(nats.port),
    'nats-stranger': natsTo(nats.port, paths(stranger)),
    'nats-own': natsTo(nats.port, paths(own)),
  })
  for (const kind of ['syslog', 'nats']) {
    await delivers(agent, `${kind}-own`)
    for (const refused of ['without', 'stranger']) await refuses(agent, `${kind}-${refused}`, /./)
  }
  await expect.poll(() => alertsIn(rsyslog)).toBe(1)
  expect(await nats.messages()).toHaveLength(1)
})
