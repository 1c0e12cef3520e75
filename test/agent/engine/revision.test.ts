import { afterEach, describe, expect, it } from 'vitest'
import type { Alert } from '../../../src/core/event/alert.ts'
import { incidentRevisionOf } from '../../../src/agent/reading/live/revision.ts'
import { KeptAlert } from '../../../src/agent/records/alerts/kept-alert.ts'
import { MemoryStore } from '../../../src/agent/records/store/memory-store.ts'
import { act } from '../../fixtures/event-fixture.ts'
import { daemonWorld, type DaemonWorld, eventMessage } from '../../fixtures/daemon-fixtures.ts'
import { alertAt } from '../../fixtures/incident-alerts.ts'
import { identityOf } from '../../fixtures/identity-fixtures.ts'

const container = 'a'.repeat(64)
const image = 'shop/web'
const by = { who: 'cli:root' }
const worlds: DaemonWorld[] = []

afterEach(async () => {
  for (const world of worlds.splice(0)) await world.stop()
})

async function started(store = new MemoryStore()): Promise<DaemonWorld> {
  const world = daemonWorld({ store })
  worlds.push(world)
  await world.start()
  world.containers.report(identityOf(container))
  world.containers.atOnce.add(container)
  const time = new Date(world.now()).toISOString()
  const seen = { id: container, cgroup: '', time, before: false }
  world.source.emit({ type: 'container-started', container: seen })
  return world
}

async function runs(world: DaemonWorld, path: string): Promise<void> {
  const { image: _, ...event } = act.exec(path, { container })
  const time = new Date(world.now()).toISOString()
  world.source.emit(eventMessage({ ...event, time }))
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

describe('the revision of a version', () => {
  it('stays the same with new evidence, and changes with each decision and each transition', async () => {
    const world = await started()
    await runs(world, '/bin/a')
    const first = world.engine.revision(image)
    await runs(world, '/bin/a')
    await runs(world, '/bin/b')
    expect(world.engine.revision(image)).toBe(first)

    const known = new Set([first])
    const expectNew = (): void => {
      expect(known).not.toContain(world.engine.revision(image))
      known.add(world.engine.revision(image))
    }
    await world.engine.endLearning(image, by)
    expectNew()
    await world.engine.setMode(image, 'alert', by)
    expectNew()
    const id = (await world.engine.profile(image)).behaviours[0]!.id
    await world.engine.reject(image, [id], by)
    expectNew()
    await world.engine.approve(image, [id], by)
    expectNew()
  })

  it('equals the one in the view of the version and survives a restart of the agent', async () => {
    const store = new MemoryStore()
    const world = await started(store)
    await runs(world, '/bin/a')
    await world.engine.endLearning(image, by)
    await world.engine.setMode(image, 'learn', by)
    const { version } = await world.engine.profile(image)
    expect(world.engine.revision(`${image}@${version.image.digest}`)).toBe(version.revision)

    const next = daemonWorld({ store })
    await next.daemon.load()
    expect(next.engine.revision(image)).toBe(world.engine.revision(image))
  })

  it('of an alert changes with its decision only', async () => {
    const world = await started()
    await runs(world, '/bin/a')
    await world.engine.endLearning(image, by)
    world.advance(5_000)
    await runs(world, '/bin/odd')
    const id = (await world.engine.alerts({ limit: 1 }))[0]!.id
    const before = world.engine.alertRevision(id)
    await runs(world, '/bin/odd')
    expect(world.engine.alert(id).count).toBe(2)
    expect(world.engine.alertRevision(id)).toBe(before)
    await world.engine.ackAlert(id, 'known', by)
    expect(world.engine.alertRevision(id)).not.toBe(before)
  })
})

describe('a profile in ranges', () => {
  it('has every behaviour once, in order of id, also of those that come meanwhile', async () => {
    const world = await started()
    for (let at = 0; at < 12; at += 1) await runs(world, `/bin/tool${'abcdefghijkl'[at]}`)
    const all = (await world.engine.profile(image)).behaviours.map(({ id }) => id)
    expect(all).toEqual([...all].sort())
    const read: string[] = []
    for (;;) {
      const after = read.at(-1)
      const range = { limit: 5, ...(after === undefined ? {} : { after }) }
      const some = (await world.engine.profile(image, range)).behaviours
      if (some.length === 0) break
      read.push(...some.map(({ id }) => id))
    }
    expect(read).toEqual(all)
    await runs(world, '/bin/zebra')
    expect((await world.engine.profile(image)).behaviours).toHaveLength(all.length + 1)
  })
})

it('the revision of an incident changes where an alert joins, is decided on, or becomes graver', () => {
  const kept = (change: Partial<Alert> = {}): KeptAlert =>
    new KeptAlert({ ...alertAt({ id: 'a', atMs: 0, severity: 'medium' }), ...change }, undefined)
  const decision = { kind: 'acknowledged', by: 'cli:root', at: '2026-12-01T00:00:00Z' } as const
  const states = [
    [kept()],
    [kept(), kept({ id: 'b' })],
    [kept({ decision })],
    [kept({ severity: 'critical' })],
  ]
  expect(new Set(states.map(incidentRevisionOf)).size).toBe(states.length)
  expect(incidentRevisionOf([kept({ count: 7 })])).toBe(incidentRevisionOf([kept()]))
})
