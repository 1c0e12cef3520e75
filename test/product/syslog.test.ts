import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { SinkTest, SinkView } from '../../src/api/sink-view.ts'
import { Agent, startAgent } from '../fixtures/agent.ts'
import { reverseShell } from '../fixtures/alert-events.ts'
import { Rsyslog } from '../fixtures/rsyslog.ts'
import { closedPort } from '../fixtures/held-ports.ts'
import { httpReceiver, type HttpReceiver, makeCertificate } from '../fixtures/sink-receivers.ts'

let last = 0
/** So many alerts more; resolves once they are in the store. */
async function raise(agent: Agent, count: number): Promise<void> {
  const file = join(agent.folder, 'events.ndjson')
  // Each container has its own alert.
  const acts = Array.from({ length: count }, () => reverseShell((last += 1), 0))
  writeFileSync(file, acts.join(''))
  // Deviations were found, of course.
  expect((await agent.cli(['event', 'replay', file])).code).toBeLessThanOrEqual(2)
}

interface ProfileReader {
  readonly id: string
}

async function idsOf(agent: Agent): Promise<string[]> {
  const alerts = await agent.json<readonly ProfileReader[]>(['alert', 'list', '--limit', '10000'])
  return alerts.map(({ id }) => id).reverse()
}

const seen = (lines: readonly string[]): string[] => [
  ...new Set(lines.flatMap((text) => /\b01[0-9A-HJKMNP-TV-Z]{24}\b/.exec(text)?.[0] ?? [])),
]

const agentWith = (sinks: readonly object[]): Agent =>
  new Agent({
    config: {
      sources: ['file:-'],
      engines: { docker: { socket: 'none' } },
      deliver: { from: 'low' },
      sinks,
    },
  })

describe('alerts to rsyslog', () => {
  test('arrive once each, in order, over TCP, TLS and UDP, and forge nothing', async () => {
    using certificate = makeCertificate()
    await using plain = new Rsyslog({ port: await closedPort() })
    await using secure = new Rsyslog({ port: await closedPort(), tls: certificate })
    await using datagrams = new Rsyslog({ port: await closedPort() })
    await Promise.all([plain.start(), secure.start(), datagrams.start()])
    const syslog = { type: 'syslog' }
    await using agent = agentWith([
      { ...syslog, name: 'plain', address: `127.0.0.1:${plain.port}`, format: 'json' },
      {
        ...syslog,
        name: 'secure',
        address: `localhost:${secure.port}`,
        transport: 'tls',
        tls: { ca: certificate.certPath },
        format: 'cef',
      },
      {
        ...syslog,
        name: 'datagrams',
        address: `127.0.0.1:${datagrams.port}`,
        transport: 'udp',
        format: 'leef',
      },
    ])
    await agent.start()
    await raise(agent, 40)
    await raise(agent, 60)
    const ids = await idsOf(agent)
    expect(ids).toHaveLength(100)
    for (const receiver of [plain, secure, datagrams]) {
      await expect.poll(() => seen(receiver.lines)).toEqual(ids)
      const alerts = receiver.lines.filter((text) => text.includes('shop/web'))
      expect(alerts).toHaveLength(100)
      for (const text of alerts) expect(text).toMatch(/^<130>1 \S+ n1 snug \d+ guardrail - /)
      expect(receiver.lines.join('\n')).not.toContain('\n<13>')
    }
    // The receiver has a line before the agent has its answer.
    const sinks = await agent.until<readonly SinkView[]>(['sink', 'list'], (views) =>
      views.every(({ delivered }) => delivered === 100),
    )
    expect(sinks).toMatchObject([
      { name: 'plain', state: 'idle', waiting: 0, lagMs: 0, givenUp: 0 },
      { name: 'secure', state: 'idle' },
      { name: 'datagrams', state: 'idle' },
    ])
  })

  test('arrive after the receiver was killed, and the agent too, while others go on', async () => {
    await using receiver = new Rsyslog({ port: await closedPort() })
    await receiver.start()
    const address = `127.0.0.1:${receiver.port}`
    await using agent = agentWith([
      { name: 'siem', type: 'syslog', address, format: 'ocsf' },
      { name: 'copy', type: 'file', path: '/dev/null' },
    ])
    await agent.start()
    await raise(agent, 50)
    // If the agent is killed before it records the delivery, it sends the alerts again.
    await agent.until<readonly SinkView[]>(['sink', 'list'], ([siem]) => siem?.delivered === 50)
    await expect.poll(() => seen(receiver.lines).length).toBe(50)
    await receiver.stop('SIGKILL')
    await raise(agent, 50)
    await agent.until<readonly SinkView[]>(['sink', 'list'], ([siem, copy]) => {
      return siem?.state === 'failing' && siem.waiting === 50 && copy?.delivered === 100
    })
    const refused = await agent.cli(['sink', 'test', 'siem', '-o', 'json'])
    expect(refused.code).toBe(2)
    expect(JSON.parse(refused.stdout)).toMatchObject({ ok: false })
    await agent.kill()
    await agent.start()
    await raise(agent, 50)
    const ids = await idsOf(agent)
    expect(ids).toHaveLength(150)
    await receiver.start()
    await expect.poll(() => seen(receiver.lines)).toEqual(ids)
    // A few duplicates are allowed: alerts that the receiver took but the dead agent had not recorded.
    expect(receiver.lines.filter((text) => text.includes('shop/web')).length).toBeLessThan(210)
    const test = await agent.json<SinkTest>(['sink', 'test', 'siem'])
    expect(test).toMatchObject({ ok: true })
    await expect.poll(() => seen(receiver.lines)).toContain(test.id)
  })
})

describe('alerts to a webhook', () => {
  const hardships: readonly (readonly [string, (receiver: HttpReceiver) => void])[] = [
    ['answers 500', (receiver) => void (receiver.behave = 'refuse')],
    ['answers garbage', (receiver) => void (receiver.behave = 'garbage')],
    [
      'asks to be left alone',
      (receiver) =>
        void (receiver.answer = { status: 429, headers: { 'retry-after': '1' }, text: 'later' }),
    ],
    ['hangs', (receiver) => void (receiver.behave = 'hang')],
  ]

  test.each(hardships)('arrive once it works again, where it %s', async (_, worsen) => {
    await using receiver = await httpReceiver((body) => body.trimEnd().split('\n'))
    const url = `http://127.0.0.1:${receiver.port}/`
    await using agent = agentWith([{ name: 'hook', type: 'http', url, timeout: '2s' }])
    await agent.start()
    worsen(receiver)
    await raise(agent, 30)
    await agent.until<readonly SinkView[]>(['sink', 'list'], ([hook]) => hook?.state === 'failing')
    receiver.behave = 'take'
    receiver.answer = { status: 200, headers: {}, text: '' }
    await expect.poll(() => seen(receiver.lines)).toEqual(await idsOf(agent))
  })

  test('that exceed the queue are dropped, oldest first, and reported as an alert that counts them', async () => {
    await using receiver = await httpReceiver(() => [])
    receiver.behave = 'refuse'
    await using agent = await startAgent({
      config: {
        sources: ['file:-'],
        engines: { docker: { socket: 'none' } },
        deliver: { from: 'low' },
        outbox: { size: '64KiB' },
        sinks: [
          { name: 'hook', type: 'http', url: `http://127.0.0.1:${receiver.port}/` },
          { name: 'copy', type: 'file', path: '/dev/null' },
        ],
      },
    })
    await raise(agent, 1_000)
    const [hook] = await agent.until<readonly SinkView[]>(
      ['sink', 'list'],
      ([one]) => one !== undefined && one.givenUp > 500,
    )
    expect(hook?.waiting).toBeLessThan(200 + 500)
    interface Reported {
      readonly type: string
      readonly count: number
      readonly event: { readonly loss?: { readonly reason: string } }
    }
    const alerts = await agent.until<readonly Reported[]>(
      ['alert', 'list', '--limit', '10000'],
      (list) => list.some(({ type }) => type === 'loss'),
    )
    const reported = alerts.find(({ type }) => type === 'loss')
    expect(reported?.event.loss?.reason).toBe('outbox-full')
    expect(reported?.count).toBeGreaterThan(0)
    await agent.until<readonly SinkView[]>(['sink', 'list'], ([, copy]) => {
      return copy !== undefined && copy.delivered + copy.givenUp > 1_000 && copy.waiting === 0
    })
  })
})
