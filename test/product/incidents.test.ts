import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { IncidentClosure, IncidentPage, IncidentStory } from '../../src/api/incident-views.ts'
import { Agent } from '../fixtures/agent.ts'

/** The recorded demo, replayed into a real agent: its attack is one incident. One story. */
const recorded = readFileSync(new URL('../../docs/demo/story.ndjson', import.meta.url), 'utf8')
const shop = 'demo/shop'
const startMs = Date.parse('2026-11-24T12:00:00Z')
const dayMs = 24 * 3_600_000
let agent: Agent

beforeAll(async () => {
  agent = new Agent({
    config: { sources: ['file:-'], engines: { docker: { socket: 'none' } } },
  })
  await agent.start()
  await replay('run-', startMs)
  await agent.json(['profile', 'mode', `${shop}:1.0`, 'alert'])
  await agent.json(['profile', 'mode', `${shop}:2.0`, 'alert'])
  // Without the image's files nothing explains what the update brought.
  for (const { id } of (await list()).incidents) await close(id, 'the update')
})

afterAll(async () => {
  await agent[Symbol.asyncDispose]()
})

/** Parts of the story, in `replica` of its container, a second after one another. */
async function replay(part: string, fromMs: number, replica?: number): Promise<void> {
  const lines = recorded.split('\n').filter((line) => line.includes(`"story":"${part}`))
  const input = lines.map((line, at) => {
    const { story: _, ...event } = JSON.parse(line)
    const time = new Date(fromMs + at * 1_000).toISOString()
    if (replica === undefined) return JSON.stringify({ ...event, time })
    const container = { id: `${replica}`.padStart(64, '0'), name: `shop-${replica}` }
    return JSON.stringify({ ...event, time, container })
  })
  const args = ['event', 'replay', '-', '-o', 'json']
  const { stdout, stderr } = await agent.cli(args, { input: input.join('\n') })
  expect(JSON.parse(stdout), stderr).toMatchObject({ events: input.length, rejectedCount: 0 })
}

function list(...args: readonly string[]): Promise<IncidentPage> {
  return agent.json<IncidentPage>(['incident', 'list', ...args])
}

function close(id: string, reason: string): Promise<IncidentClosure> {
  return agent.json<IncidentClosure>(['incident', 'close', id, '--reason', reason, '--yes'])
}

async function story(): Promise<IncidentStory> {
  const { incidents } = await list()
  expect(incidents).toHaveLength(1)
  return agent.json<IncidentStory>(['incident', 'show', incidents[0]?.id ?? ''])
}

test('the attack of the demo is one incident with each of its alerts above low', async () => {
  await replay('attack-', startMs + dayMs)
  const found = await story()
  const open = ['alert', 'list', '--severity', 'medium', '--state', 'open']
  const alerts = await agent.json<readonly Alert[]>(open)
  const members = new Set(found.members.map(({ alert }) => alert))
  expect(alerts.length).toBeGreaterThanOrEqual(5)
  expect(alerts.filter(({ id }) => !members.has(id))).toEqual([])
  expect(found).toMatchObject({ severity: 'critical', state: 'open', containers: 1 })
  expect(found.title).toBe(
    'shop-2.0: cat reads /etc/shadow, sh writes /etc/crontab, nc runs /bin/sh (standard streams on sockets)',
  )
})

test('the same attack on nine more replicas joins it, and the list of steps stays as long', async () => {
  const before = await story()
  for (let replica = 1; replica < 10; replica++) {
    await replay('attack-', startMs + dayMs + replica * 60_000, replica)
  }
  const after = await story()
  expect(after).toMatchObject({ id: before.id, containers: 10 })
  const textsOf = ({ steps }: IncidentStory) => steps.map(({ text }) => text).sort()
  expect(textsOf(after)).toEqual(textsOf(before))
})

test('an incident is closed with a reason, stays so over kill -9, and opens with the next alert', async () => {
  const { id, open } = await story()
  const { acknowledged } = await close(id, 'the demo')
  expect(acknowledged).toHaveLength(open)
  expect((await list()).total).toBe(0)

  await agent.kill()
  await agent.start()
  expect((await list()).total).toBe(0)
  expect(await agent.json(['incident', 'show', id])).toMatchObject({
    state: 'closed',
    closed: { reason: 'the demo' },
  })

  await replay('attack-', startMs + dayMs + 10 * 60_000, 3)
  expect(await story()).toMatchObject({ id, state: 'open' })
  expect(await agent.json(['audit', 'verify'])).toMatchObject({ ok: true })
})
