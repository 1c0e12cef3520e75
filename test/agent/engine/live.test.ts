import { afterEach, describe, expect, it } from 'vitest'
import type { LiveReader } from '../../../src/api/live-log.ts'
import { act } from '../../fixtures/event-fixture.ts'
import {
  begin,
  daemonWorld,
  type DaemonWorld,
  eventMessage,
  judged,
} from '../../fixtures/daemon-fixtures.ts'

const container = 'a'.repeat(64)
const image = 'shop/web'
const by = { who: 'token:ada' }
let world: DaemonWorld

afterEach(() => world.stop())

async function started(): Promise<void> {
  world = daemonWorld({ rules: { floorMs: 60_000, ceilingMs: 600_000 } })
  await world.start()
  world.source.emit(begin(world, container))
  await judged()
}

async function runs(path: string): Promise<void> {
  const { image: _, ...event } = act.exec(path, { container })
  world.source.emit(eventMessage({ ...event, time: new Date(world.now()).toISOString() }))
  await judged()
}

function items(reader: LiveReader<unknown>): readonly unknown[] {
  return reader.take(100).map((message) => (message.type === 'item' ? message.item : message))
}

describe('the stream of news', () => {
  it('has each step and each decision once, with the revision that it left', async () => {
    await started()
    await runs('/bin/a')
    const states = world.engine.liveNews({ topics: ['states'] })
    await world.engine.endLearning(image, by)
    await judged()
    await world.engine.setMode(image, 'learn', by)
    await judged()
    const reported = items(states)
    expect(reported).toMatchObject([
      { kind: 'version', image: { repository: image }, state: 'enforced', mode: 'alert' },
      { kind: 'version', mode: 'learn', running: 1, revision: world.engine.revision(image) },
    ])
  })

  it('has an alert when it is new, when it counts on and when it is decided on', async () => {
    await started()
    await runs('/bin/a')
    await world.engine.endLearning(image, by)
    world.advance(5_000)
    const alerts = world.engine.liveNews({ topics: ['alerts'], image })
    const others = world.engine.liveNews({ topics: ['alerts'], image: 'shop/db' })
    await runs('/bin/odd')
    await runs('/bin/odd')
    await world.daemon.journal.persist()
    const { id } = (await world.engine.alerts({ limit: 1 }))[0]!
    await world.engine.ackAlert(id, 'known', by)
    expect(items(alerts)).toMatchObject([
      { id, count: 1 },
      { id, count: 2 },
      { id, count: 2, decision: { kind: 'acknowledged' } },
    ])
    expect(items(others)).toEqual([])
  })

  it('has losses, and the state of the agent when it changes', async () => {
    await started()
    const states = world.engine.liveNews({ topics: ['states'] })
    world.advance(1_000)
    world.advance(1_000)
    world.daemon.faults.set('store', 'no space')
    world.advance(1_000)
    world.advance(1_000)
    const time = new Date(world.now()).toISOString()
    const loss = { reason: 'ring-full', count: 3, from: time, to: time }
    const base = { v: 1, time, node: 'n1', source: 'ebpf' } as const
    world.source.emit({ type: 'event', event: { ...base, kind: 'loss', loss } })
    await judged()
    expect(items(states)).toMatchObject([
      { kind: 'status', state: 'running' },
      { kind: 'status', state: 'degraded', degraded: ['store: no space'] },
      { kind: 'loss', loss: { reason: 'ring-full', count: 3 } },
    ])
  })

  it('of events is on record, by session', async () => {
    await started()
    await runs('/bin/a')
    await runs('/bin/b')
    const [last] = await world.engine.events({ limit: 1 })
    expect(last).toMatchObject({ event: { exec: { path: '/bin/b' } } })
    const before = await world.engine.events({ limit: 5, before: last!.n })
    expect(before).toMatchObject([{ event: { exec: { path: '/bin/a' } } }])
    expect(await world.engine.events({ limit: 5, session: 'none' })).toEqual([])
  })
})
