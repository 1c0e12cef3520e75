import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AuditView } from '../../src/api/review-views.ts'
import type { SinkView } from '../../src/api/sink-view.ts'
import type { StatusView } from '../../src/api/status-views.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import { Agent } from '../fixtures/agent.ts'
import { reverseShells } from '../fixtures/alert-events.ts'
import { closedPort } from '../fixtures/held-ports.ts'

/**
 * The real daemon on a clock that the test sets. Debian's libfaketime answers for the clock of the day, and leaves the
 * monotonic one alone, as a host does whose clock is set.
 */
let folder: string
let agent: Agent

beforeEach(async () => {
  folder = mkdtempSync('/tmp/snug-clock-')
  set(0)
  agent = new Agent({
    config: {
      sources: ['file:/dev/null'],
      kernelState: 'none',
      engines: { docker: { socket: 'none' } },
      outbox: { age: '1d' },
      sinks: [{ name: 'down', type: 'syslog', address: `127.0.0.1:${await closedPort()}` }],
    },
    env: {
      LD_PRELOAD: '/usr/$LIB/faketime/libfaketimeMT.so.1',
      FAKETIME_TIMESTAMP_FILE: join(folder, 'offset'),
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
  })
  await agent.start()
})
afterEach(async () => {
  await agent[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const day = 86_400

/**
 * From now on, the daemon's clock is ahead of the host's by so many seconds. libfaketime ends a process that reads the file
 * while it is empty.
 */
function set(seconds: number): void {
  const next = join(folder, 'next')
  writeFileSync(next, `${seconds < 0 ? '' : '+'}${seconds}\n`)
  renameSync(next, join(folder, 'offset'))
}

describe.each([
  ['forward', 365 * day],
  ['back', -365 * day],
])('a clock that is set %s by a year', (_, seconds) => {
  it('is in the audit log, and neither ends a window nor costs an alert that waits', async () => {
    const file = join(agent.folder, 'events.ndjson')
    writeFileSync(file, reverseShells({ containers: 1, each: 5 }))
    expect((await agent.cli(['event', 'replay', file])).code).toBe(2)
    await agent.until<readonly SinkView[]>(['sink', 'list'], ([sink]) => sink?.state === 'failing')
    const before = Date.now()
    set(seconds)
    const entries = await agent.until<AuditView[]>(['audit', 'list'], (list) =>
      list.some(({ what }) => what === 'clock'),
    )
    const entry = entries.find(({ what }) => what === 'clock')
    expect(Math.round(Number(entry?.['stepMs']) / 1_000)).toBe(seconds)
    // A day of leeway for a slow machine.
    expect(Math.abs(Date.parse(entry?.time ?? '') - before - seconds * 1_000)).toBeLessThan(
      day * 1_000,
    )
    writeFileSync(file, reverseShells({ containers: 1, each: 1, from: 5 }))
    expect((await agent.cli(['event', 'replay', file])).code).toBe(2)

    const [sink] = await agent.until<readonly SinkView[]>(
      ['sink', 'list'],
      ([found]) => (found?.waiting ?? 0) >= 6,
    )
    expect(sink).toMatchObject({ givenUp: 0, state: 'failing' })
    expect(sink?.lagMs).toBeLessThan(day * 1_000)
    const { versions } = await agent.json<LineageView>(['image', 'show', 'shop/web'])
    expect(versions.map(({ state }) => state)).toEqual(['learning'])
    expect((await agent.json<StatusView>(['status'])).degraded).toEqual([])
  })
})
