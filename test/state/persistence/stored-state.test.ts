import { afterEach, describe, expect, it } from 'vitest'
import type { Alert } from '../../../src/core/event/alert.ts'
import type {
  EventSource,
  SourceMark,
  SourceMessage,
} from '../../../src/pipeline/sources/source.ts'
import { sourceMark } from '../../../src/pipeline/sources/source.ts'
import { MemoryStore } from '../../../src/state/store/memory-store.ts'
import { daemonWorld, type DaemonWorld, RecordingControl } from '../../fixtures/daemon-fixtures.ts'

/** A source that may have observed while the daemon was down. */
class KeepingControl extends RecordingControl {
  readonly marks: SourceMark[] = []
  resumed: SourceMark | undefined

  acknowledge(mark: SourceMark): void {
    this.marks.push(mark)
  }
  resume(mark: SourceMark): void {
    this.resumed = mark
  }
}

const worlds: DaemonWorld[] = []
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.stop()
})

async function keepingWorld(store: MemoryStore): Promise<[DaemonWorld, KeepingControl]> {
  const control = new KeepingControl()
  const world = daemonWorld({ store, control })
  Object.assign(world.source.supports satisfies EventSource['supports'], { keeps: true })
  await world.start()
  worlds.push(world)
  return [world, control]
}

async function received(world: DaemonWorld, ...messages: SourceMessage[]): Promise<void> {
  world.source.emit(...messages)
  await new Promise((resolve) => setImmediate(resolve))
  await world.daemon.journal.persist()
}

async function observedBefore(): Promise<MemoryStore> {
  const store = new MemoryStore()
  const value = new Date(Date.now() - 60_000).toISOString()
  await store.batch([{ kind: 'meta', key: 'observedUntil', value }])
  return store
}

const losses = (world: DaemonWorld): readonly Alert[] =>
  world.daemon.alerts.list({ limit: 100 }).filter(({ type }) => type === 'loss')

describe('the time without a daemon', () => {
  it('is a loss where the source did not go on', async () => {
    const [world] = await keepingWorld(await observedBefore())
    expect(losses(world)).toEqual([])
    await received(world, { type: 'began', kept: false })
    expect(losses(world)).toHaveLength(1)
  })

  it('is none where it did', async () => {
    const [world] = await keepingWorld(await observedBefore())
    await received(world, { type: 'began', kept: true })
    expect(losses(world)).toEqual([])
  })

  it('is a loss at once where no source can go on', async () => {
    const world = daemonWorld({ store: await observedBefore() })
    await world.start()
    worlds.push(world)
    expect(losses(world)).toHaveLength(1)
  })
})

describe('losses of the node as a whole', () => {
  it('are in the status of a later daemon too', async () => {
    const store = await observedBefore()
    const [world] = await keepingWorld(store)
    await received(world, { type: 'began', kept: false })
    const before = world.engine.status().losses
    expect(before).toEqual([expect.objectContaining({ reason: 'agent-down' })])
    const [later] = await keepingWorld(store)
    await received(later, { type: 'began', kept: true })
    expect(later.engine.status().losses).toEqual(before)
  })

  it('that cannot be read are reported, and the rest is loaded', async () => {
    const store = new MemoryStore()
    await store.batch([{ kind: 'meta', key: 'losses', value: [{ reason: 7 }] }])
    const [world] = await keepingWorld(store)
    expect([...world.daemon.faults.keys()]).toEqual(['losses'])
  })
})

describe('a mark of the source', () => {
  it('is acknowledged once everything before it is stored, and is where a later daemon resumes', async () => {
    const store = new MemoryStore()
    const [world, control] = await keepingWorld(store)
    expect(control.resumed).toBeUndefined()
    await received(world, { type: 'mark', mark: sourceMark('7,1,100') })
    expect(control.marks).toEqual(['7,1,100'])
    expect((await store.load()).meta['mark']).toBe('7,1,100')
    const [, next] = await keepingWorld(store)
    expect(next.resumed).toBe('7,1,100')
  })

  it('is stored with the messages that wait for an identity, and a later daemon holds these', async () => {
    const store = new MemoryStore()
    const [world, control] = await keepingWorld(store)
    const id = 'a'.repeat(64)
    const time = new Date().toISOString()
    const container = { id, cgroup: `/${id}`, time, before: false }
    await received(
      world,
      { type: 'container-started', container },
      { type: 'container-ended', id, time },
      { type: 'mark', mark: sourceMark('7,2,200') },
    )
    expect(control.marks).toEqual(['7,2,200'])
    const [later] = await keepingWorld(store)
    expect(later.daemon.identifier.stats).toMatchObject({ waiting: 1, held: 1 })
    expect(later.daemon.identifier.unidentified).toEqual(world.daemon.identifier.unidentified)
    // Once they are passed on, nothing of them is left for a third.
    world.daemon.identifier.flush()
    await received(world, { type: 'mark', mark: sourceMark('7,3,300') })
    expect((await store.load()).meta['unidentified']).toEqual([])
  })
})
