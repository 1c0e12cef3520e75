import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { BlockingView } from '../../src/engine/api/engine-views.ts'
import type { PolicyReport } from '../../src/pipeline/sources/source.ts'
import { act } from '../fixtures/event-fixture.ts'
import { daemonWorld, type DaemonWorld, eventMessage } from '../fixtures/daemon-fixtures.ts'
import { identityOf } from '../fixtures/identity-fixtures.ts'

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
