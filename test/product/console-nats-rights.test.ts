import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { jetstream } from '@nats-io/jetstream'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { AgentReports } from '../../src/console/reading/agent-reports.ts'
import { AlertLog } from '../../src/console/reading/alert-log.ts'
import { reportSubject } from '../../src/core/event/agent-report.ts'
import { connectNats } from '../../src/agent/pipeline/delivery/sinks/nats-connection.ts'
import { Nats } from '../fixtures/nats.ts'
import { sampleAlert } from '../fixtures/server-fixtures.ts'

/** The rights in NATS that docs/console.md lists are enough for the console, and let it store nothing. */
const page = readFileSync(new URL('../../docs/console.md', import.meta.url), 'utf8')
const password = 'open-sesame'

let folder: string
let nats: Nats

beforeAll(async () => {
  vi.stubEnv('SNUG_TEST_CONSOLE', password)
  folder = mkdtempSync('/tmp/snug-nats-rights-')
  const sentence = /In NATS the console needs these rights:([^]*?)\n\n/.exec(page)?.[1] ?? ''
  const publish = [...sentence.matchAll(/`(\$JS[^`]+)`/g)].map((match) => match[1])
  expect(publish).toHaveLength(3)
  const permissions = { publish, subscribe: ['_INBOX.>'] }
  const users = [
    { user: 'all', password },
    { user: 'console', password, permissions },
  ]
  // Who gives no name has all rights: those are the agents of the test.
  const config = { no_auth_user: 'all', authorization: { users } }
  const file = join(folder, 'nats.conf')
  writeFileSync(file, JSON.stringify(config))
  nats = await Nats.start(['-c', file])
  await nats.makeStream()
  await nats.makeReportStream()
})

afterAll(async () => {
  await nats?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
  vi.unstubAllEnvs()
})

const access = () => ({
  servers: [{ host: '127.0.0.1', port: nats.port }],
  user: 'console',
  password: { env: 'SNUG_TEST_CONSOLE' },
  timeoutMs: 2_000,
})

test('the console can store no alert and no report with them', async () => {
  const connection = await connectNats(access())
  const js = jetstream(connection)
  for (const subject of [nats.subject, reportSubject(nats.reports, 'n1')])
    await expect(js.publish(subject, '{}', { retries: 0 })).rejects.toThrow()
  await connection.close()
  expect(await nats.messages()).toEqual([])
})

test('the console reads, searches and follows both streams with them', async () => {
  const alerts = Array.from({ length: 30 }, (_, i) => sampleAlert(`a${i}`))
  await nats.publish(alerts.map((alert) => JSON.stringify(alert)))
  const report = {
    schema: 'snug.agent/v1',
    time: '2026-11-24T13:40:27Z',
    node: 'n1',
    version: '1',
    everyMs: 30_000,
    state: 'running',
    blind: [],
    degraded: [],
    behindMs: 0,
    containers: 0,
    openAlerts: 0,
  }
  await nats.publish([JSON.stringify(report)], reportSubject(nats.reports, 'n1'))
  const stop = new AbortController()
  // Of 30 alerts ten are in memory.
  const log = new AlertLog({
    access: access(),
    source: { stream: 'SNUG', subject: nats.subject },
    window: 10,
  })
  const reports = new AgentReports({
    access: access(),
    source: { stream: 'SNUG_AGENTS', subject: nats.reports },
    onChange: () => undefined,
    onState: () => undefined,
  })
  const running = [log.run(stop.signal), reports.stream.run(stop.signal)]
  await expect.poll(() => log.stream.caughtUp && reports.stream.caughtUp).toBe(true)
  expect([...reports.latest.keys()]).toEqual(['n1'])
  expect(log.window.size).toBe(10)
  const { rows } = await log.search({ limit: 100 })
  expect(rows.map(({ id }) => id)).toEqual(alerts.map(({ id }) => id).reverse())
  const toMs = Date.now() + 60_000
  expect((await log.search({ limit: 100, fromMs: Date.now() - 60_000, toMs })).rows).toHaveLength(
    30,
  )
  expect(await log.alert(1)).toEqual(alerts[0])
  stop.abort()
  await Promise.all(running)
})
