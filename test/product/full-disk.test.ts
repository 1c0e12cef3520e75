import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { AuditCheckView, AuditView } from '../../src/api/review-views.ts'
import type { SinkView } from '../../src/api/sink-view.ts'
import type { StatusView } from '../../src/api/status-views.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import { Agent } from '../fixtures/agent.ts'
import { reverseShells } from '../fixtures/alert-events.ts'
import { SmallDisk } from '../fixtures/small-disk.ts'

/** An agent whose data, and a file of alerts, each lie on a disk with little room. */
const bytes = 24 << 20
/** The least that the configuration takes. */
const alertsKept = 100

let dataDisk: SmallDisk
let sinkDisk: SmallDisk
let agent: Agent
let sent: number

beforeEach(async () => {
  sent = 0
  dataDisk = new SmallDisk(bytes)
  sinkDisk = new SmallDisk(bytes)
  agent = new Agent({
    config: {
      data: join(dataDisk.folder, 'data'),
      sources: ['file:/dev/null'],
      kernelState: 'none',
      engines: { docker: { socket: 'none' } },
      alertsKept,
      sinks: [{ name: 'out', type: 'file', path: join(sinkDisk.folder, 'out.log') }],
    },
  })
  await agent.start()
})
afterEach(async () => {
  await agent[Symbol.asyncDispose]()
  for (const disk of [dataDisk, sinkDisk]) disk[Symbol.dispose]()
})

/** So many events that are an alert each. */
async function attacked(times: number): Promise<void> {
  const file = join(agent.folder, 'events.ndjson')
  writeFileSync(file, reverseShells({ containers: 1, each: times, from: sent }))
  sent += times
  // 2: there was a deviation.
  expect((await agent.cli(['event', 'replay', file])).code).toBe(2)
}

const listed = (): Promise<Alert[]> => agent.json<Alert[]>(['alert', 'list', '--limit', '1000'])
const shells = (alerts: readonly Alert[]): readonly Alert[] =>
  alerts.filter(({ type }) => type === 'guardrail')
const sinkIs = (good: (sink: SinkView) => boolean): Promise<readonly SinkView[]> =>
  agent.until<readonly SinkView[]>(['sink', 'list'], ([sink]) => sink !== undefined && good(sink))
const lines = (): readonly string[] =>
  readFileSync(join(sinkDisk.folder, 'out.log'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
const isWhole = (line: string): boolean => line.endsWith('}')
const delivered = (): readonly Alert[] =>
  lines()
    .filter(isWhole)
    .map((line) => JSON.parse(line) as Alert)
const faulty = (view: StatusView): boolean =>
  view.degraded.some((fault) => fault.startsWith('store: '))

describe('a full disk of the file sink', () => {
  it('holds alerts back, and each of them is a whole line once there is room', async () => {
    await attacked(5)
    await sinkIs(({ waiting, delivered: count }) => waiting === 0 && count >= 5)
    sinkDisk.fill()
    // More than what is left of the last block.
    await attacked(20)
    const [failing] = await sinkIs(({ state }) => state === 'failing')
    expect(failing?.lastError?.text).toMatch(/ENOSPC/)
    expect(shells(await listed())).toHaveLength(25)
    expect((await agent.json<StatusView>(['status'])).degraded).toEqual([])
    sinkDisk.free()
    await sinkIs(({ waiting, state }) => waiting === 0 && state === 'idle')
    const ids = new Set((await listed()).map(({ id }) => id))
    expect(new Set(delivered().map(({ id }) => id))).toEqual(ids)
    // The line that the full disk cut came again, as a whole.
    const cut = lines().filter((line) => !isWhole(line))
    for (const line of cut)
      expect(lines().filter((other) => other.startsWith(line))).toHaveLength(2)
    expect((await sinkIs(() => true))[0]?.givenUp).toBe(0)
  })
})

describe('a full disk of the data', () => {
  beforeEach(async () => {
    await attacked(5)
    await sinkIs(({ waiting, delivered: count }) => waiting === 0 && count >= 5)
    dataDisk.fill()
  })

  it('is a fault while the agent goes on, and all is stored and delivered once there is room', async () => {
    await attacked(20)
    const { degraded } = await agent.until<StatusView>(['status'], faulty)
    expect(degraded.join()).toContain('STORE_FAILED')
    // A small first batch may have found room in the last block. None does behind one that failed.
    const before = shells(await listed())
    expect(before).toHaveLength(25)
    await attacked(20)
    const alerts = shells(await listed())
    expect(alerts).toHaveLength(45)
    // What is not in the store is in no sink either.
    const sentOn = new Set(shells(delivered()).map(({ id }) => id))
    expect(before.every(({ id }) => sentOn.has(id))).toBe(false)
    const known = new Set(before.map(({ id }) => id))
    expect([...sentOn].filter((id) => !known.has(id))).toEqual([])
    const refused = await agent.cli(['profile', 'mode', 'shop/web', 'alert'])
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('STORE_FAILED')

    dataDisk.free()
    await agent.until<StatusView>(['status'], ({ degraded: faults }) => faults.length === 0)
    await sinkIs(({ waiting }) => waiting === 0)
    expect(new Set(shells(delivered()).map(({ id }) => id))).toEqual(
      new Set(alerts.map(({ id }) => id)),
    )
    await agent.kill()
    await agent.start()
    expect((await agent.json<StatusView>(['status'])).degraded).toEqual([])
    expect(new Set(shells(await listed()).map(({ id }) => id))).toEqual(
      new Set(alerts.map(({ id }) => id)),
    )
    const { versions } = await agent.json<LineageView>(['image', 'show', 'shop/web'])
    expect(versions[0]?.mode).toBe('alert')
    const audit = await agent.json<AuditView[]>(['audit', 'list'])
    expect(audit.some(({ what }) => what === 'mode')).toBe(true)
    expect(await agent.json<AuditCheckView>(['audit', 'verify'])).toMatchObject({ ok: true })
  })

  it('costs the oldest alerts beyond `alertsKept`, which one alert counts', async () => {
    // The disk has no room for a batch of this size, whatever it has for smaller ones.
    for (let turn = 0; turn < 4; turn += 1) await attacked(100)
    await agent.until<StatusView>(['status'], faulty)
    dataDisk.free()
    await agent.until<StatusView>(['status'], ({ degraded }) => degraded.length === 0)
    await sinkIs(({ waiting }) => waiting === 0)
    const found = delivered()
    const stored = new Set(shells(found).map(({ id }) => id)).size
    const loss = found.findLast(
      ({ event }) => event?.kind === 'loss' && event.loss.reason === 'store-full',
    )
    expect(loss).toMatchObject({ type: 'loss', severity: 'high' })
    expect(stored).toBeGreaterThanOrEqual(alertsKept)
    // Alerts about the agent itself are among those that went.
    expect(stored + (loss?.count ?? 0)).toBeGreaterThanOrEqual(sent)
    await agent.kill()
    await agent.start()
    expect(await agent.json<AuditCheckView>(['audit', 'verify'])).toMatchObject({ ok: true })
  })
})
