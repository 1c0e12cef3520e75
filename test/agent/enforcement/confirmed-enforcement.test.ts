import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { BlockingView } from '../../../src/api/version-views.ts'
import type { PolicyReport } from '../../../src/agent/pipeline/sources/source.ts'
import { act } from '../../fixtures/event-fixture.ts'
import { daemonWorld, type DaemonWorld, eventMessage } from '../../fixtures/daemon-fixtures.ts'
import { identityOf } from '../../fixtures/identity-fixtures.ts'

const id = '1'.repeat(64)
const by = { who: 'cli:root' }
let world: DaemonWorld
let scope: number

beforeEach(async () => {
  world = daemonWorld({ confirms: true })
  await world.start()
  world.containers.report(identityOf(id))
  world.containers.atOnce.add(id)
  const time = new Date(world.now()).toISOString()
  const { image: _, ...event } = act.exec('/bin/known', { container: id, time })
  world.source.emit(
    { type: 'container-started', container: { id, cgroup: '', time, before: false } },
    eventMessage(event as typeof event & { image: never }),
  )
  await world.source.received()
  await world.engine.endLearning('shop/web', by)
  world.advance(5_000)
  await world.engine.setMode('shop/web', 'block', by, { fraction: 1 })
  scope = world.control.last('profile')?.scope ?? -1
})
afterEach(() => world.stop())

async function reported(...reports: readonly PolicyReport[]): Promise<void> {
  world.source.emit(...reports.map((report) => ({ type: 'policy', report }) as const))
  await world.source.received()
}

async function blocking(): Promise<BlockingView | undefined> {
  return (await world.engine.image('shop/web')).versions[0]?.blocking
}

describe('blocking', () => {
  it('is armed once the sensor has confirmed the profile and the enforcement', async () => {
    expect(await blocking()).toMatchObject({
      armed: false,
      kernel: { profile: 'sent', blocks: false },
    })
    await reported({ kind: 'installed', scope })
    expect(await blocking()).toMatchObject({ armed: false, kernel: { profile: 'installed' } })
    await reported({ kind: 'enforced', scope, blocks: true })
    expect(await blocking()).toMatchObject({
      armed: true,
      kernel: { profile: 'installed', blocks: true },
    })
    expect(world.engine.status().kernelProfiles).toEqual({
      sent: 0,
      installed: 1,
      evicted: 0,
      failed: 0,
      blocking: 1,
    })
  })

  it('is off and raises an alert where the profile does not fit, until one does', async () => {
    await reported({ kind: 'installed', scope }, { kind: 'enforced', scope, blocks: true })
    await reported({ kind: 'failed', scope, reason: 'cannot add a rule: No space left on device' })
    expect(await blocking()).toMatchObject({ armed: false, kernel: { profile: 'failed' } })
    const [alert] = await world.engine.alerts({ limit: 1 })
    expect(alert).toMatchObject({ type: 'enforcement', severity: 'critical', action: 'alerted' })
    expect(alert?.reasons.join()).toContain('No space left on device')
    const { degraded, kernelProfiles } = world.engine.status()
    expect(degraded.join()).toContain('No space left on device')
    expect(kernelProfiles).toMatchObject({ failed: 1, blocking: 0 })

    await reported({ kind: 'installed', scope })
    // The enforcement action was lost with the profile and is sent again.
    expect(world.control.last('enforce')).toMatchObject({ scope, enforcement: { mode: 'block' } })
    await reported({ kind: 'enforced', scope, blocks: true })
    expect(await blocking()).toMatchObject({ armed: true })
    expect(world.engine.status().degraded).toEqual([])
  })

  it('is off while another version has its place, and after a sensor that lost everything', async () => {
    await reported({ kind: 'installed', scope }, { kind: 'enforced', scope, blocks: true })
    await reported({ kind: 'evicted', scope })
    expect(await blocking()).toMatchObject({ armed: false, kernel: { profile: 'evicted' } })
    await reported({ kind: 'installed', scope }, { kind: 'enforced', scope, blocks: true })
    expect(await blocking()).toMatchObject({ armed: true })
    await reported({ kind: 'reset' })
    expect(await blocking()).toMatchObject({ armed: false, kernel: { profile: 'sent' } })
  })
})

describe('A container of a blocking version', () => {
  const other = '2'.repeat(64)

  beforeEach(async () => {
    await reported({ kind: 'installed', scope }, { kind: 'enforced', scope, blocks: true })
    world.advance(1_000)
  })

  /** Made a second ago, so that it was assigned in time; it starts, and acts 20 ms later. */
  async function begins(): Promise<number> {
    world.containers.report(identityOf(other))
    world.containers.atOnce.add(other)
    world.advance(1_000)
    const startedMs = world.now()
    const container = { id: other, cgroup: '', time: isoAt(startedMs), before: false }
    const where = { container: other, time: isoAt(startedMs + 20) }
    const { image: _, ...event } = act.exec('/bin/odd', where)
    world.source.emit(
      { type: 'container-started', container },
      eventMessage(event as typeof event & { image: never }),
    )
    await world.source.received()
    return startedMs
  }

  const isoAt = (ms: number): string => new Date(ms).toISOString()
  const gaps = (): unknown => {
    const { enforcementGap, counters } = world.engine.status()
    return { gaps: counters['enforcementGaps'], ms: enforcementGap?.milliseconds }
  }
  const assigned = { kind: 'assigned', container: other, enforced: true } as const

  it('has a gap until the assignment took effect, though it was sent in time', async () => {
    const startedMs = await begins()
    expect(gaps()).toEqual({ gaps: 0, ms: undefined })
    await reported({ ...assigned, scope, since: isoAt(startedMs + 270) })
    expect(gaps()).toEqual({ gaps: 1, ms: 250 })
    const { losses } = (await world.engine.image('shop/web')).versions[0] ?? {}
    expect(losses).toMatchObject([
      { reason: 'enforcement-gap', from: isoAt(startedMs + 20), to: isoAt(startedMs + 270) },
    ])
    const alerts = await world.engine.alerts({ limit: 10 })
    expect(alerts.filter(({ type }) => type === 'enforcement')).toHaveLength(1)
  })

  it('has none where all of its events were judged, or where it acted only afterwards', async () => {
    const startedMs = await begins()
    await reported({ ...assigned, scope })
    await reported({ ...assigned, scope, since: isoAt(startedMs + 5_000) })
    expect(gaps()).toEqual({ gaps: 0, ms: undefined })
  })

  it('has none by an assignment of another scope, or one that does not enforce', async () => {
    const startedMs = await begins()
    const since = isoAt(startedMs + 300)
    await reported({ ...assigned, scope: scope + 1, since })
    await reported({ ...assigned, scope, enforced: false, since })
    expect(gaps()).toEqual({ gaps: 0, ms: undefined })
    await reported({ ...assigned, scope, since })
    expect(gaps()).toEqual({ gaps: 1, ms: 280 })
  })

  it('has its gap also where it ended before the assignment', async () => {
    const startedMs = await begins()
    const time = isoAt(startedMs + 60)
    world.source.emit({ type: 'container-ended', id: other, time })
    await world.source.received()
    await reported({ ...assigned, scope, since: time })
    expect(gaps()).toEqual({ gaps: 1, ms: 40 })
  })
})
