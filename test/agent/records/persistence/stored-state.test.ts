import { afterEach, describe, expect, it } from 'vitest'
import type { ActEvent } from '../../../../src/core/event/event.ts'
import type { Alert } from '../../../../src/core/event/alert.ts'
import {
  type SourceMark,
  type SourceMessage,
  type SourceSupport,
  behaviourKey,
  sourceMark,
} from '../../../../src/agent/pipeline/sources/source.ts'
import { MemoryStore } from '../../../../src/agent/records/store/memory-store.ts'
import type { StoreWrite } from '../../../../src/agent/records/store/store.ts'
import {
  type ReportedEvent,
  reportedKept,
  type StoredReport,
} from '../../../../src/agent/records/versions/reported-acts.ts'
import type { StoredRun } from '../../../../src/agent/records/versions/runs.ts'
import {
  begin,
  daemonWorld,
  type DaemonWorld,
  eventMessage,
  judged,
  RecordingControl,
} from '../../../fixtures/daemon-fixtures.ts'
import { act } from '../../../fixtures/event-fixture.ts'
import { identityOf } from '../../../fixtures/identity-fixtures.ts'

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

async function keepingWorld(
  store: MemoryStore,
  supports: Partial<SourceSupport> = {},
): Promise<[DaemonWorld, KeepingControl]> {
  const control = new KeepingControl()
  // Learning goes on, however long a loaded machine takes.
  const rules = { floorMs: 3_600_000, ceilingMs: 7_200_000 }
  const world = daemonWorld({ store, control, rules })
  Object.assign(world.source.supports satisfies SourceSupport, { keeps: true, ...supports })
  await world.start()
  worlds.push(world)
  return [world, control]
}

async function received(world: DaemonWorld, ...messages: SourceMessage[]): Promise<void> {
  world.source.emit(...messages)
  await new Promise((resolve) => setImmediate(resolve))
  await world.daemon.journal.persist()
}

/** What it had at some time can be had later. */
class RecordingStore extends MemoryStore {
  #batches: (readonly StoreWrite[])[] = []

  /** Writes since the last call. */
  drain(): readonly StoreWrite[] {
    const writes = this.#batches.flat()
    this.#batches = []
    return writes
  }

  override async batch(writes: readonly StoreWrite[]): Promise<void> {
    this.#batches.push(structuredClone(writes))
    await super.batch(writes)
  }

  async copy(): Promise<RecordingStore> {
    const store = new RecordingStore()
    for (const writes of this.#batches) await store.batch(writes)
    return store
  }
}

function knows(world: DaemonWorld, container: string): void {
  world.containers.report(identityOf(container))
  world.containers.atOnce.add(container)
}

const waitingIn = (meta: Readonly<Record<string, unknown>>): readonly string[] =>
  Object.keys(meta).filter((key) => key.startsWith('waiting/'))

const wordOf = (number: number): string =>
  String(number).replace(/\d/g, (digit) => 'abcdefghij'[Number(digit)] ?? '')

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

/** What an agent stored whose sensor did not report changes of mode and owner. */
class EarlierStore extends MemoryStore {
  override async batch(writes: readonly StoreWrite[]): Promise<void> {
    await super.batch(writes.map(asBefore))
  }
}

function asBefore(write: StoreWrite): StoreWrite {
  if (write.kind !== 'version') return write
  const value = write.value as { observed: readonly string[] }
  const observed = value.observed.filter((one) => one !== 'setattr')
  return { ...write, value: { ...value, observed } }
}

describe('a profile of an earlier agent, which did not see changes of mode and owner', () => {
  const deviations = (world: DaemonWorld) =>
    world.daemon.alerts.list({ limit: 100 }).filter(({ type }) => type === 'deviation')
  const change = act.file('/var/lib/a', ['setattr'])

  it('makes no deviation of these, reports that once, and learns them in a new window', async () => {
    const store = new EarlierStore()
    const [before] = await keepingWorld(store)
    await received(before, eventMessage(act.file('/etc/a')))
    await before.engine.setMode('shop/web', 'alert', { who: 'cli:root' })
    await before.daemon.journal.persist()

    const [world] = await keepingWorld(store)
    await received(world, eventMessage(change), eventMessage(act.file('/var/lib/b', ['setattr'])))
    expect(deviations(world)).toEqual([])
    expect(losses(world).map(({ reasons }) => reasons[0])).toEqual([
      expect.stringMatching(
        /^changes of mode, owner and attributes raise no deviations: no source/,
      ),
    ])
    const { versions } = await world.engine.image('shop/web')
    expect(versions[0]?.evidence?.sentences).toContain(
      'setattr: no source observed changes of mode, owner and attributes during learning: they raise no deviations',
    )
    await received(world, eventMessage(act.file('/etc/b')))
    expect(deviations(world).map(({ behaviour }) => behaviour?.text)).toEqual(['read /etc/b'])

    await world.engine.setMode('shop/web', 'learn', { who: 'cli:root' })
    await received(world, eventMessage(change))
    await world.engine.setMode('shop/web', 'alert', { who: 'cli:root' })
    await received(world, eventMessage(act.file('/srv/c', ['setattr'])), eventMessage(change))
    expect(deviations(world).map(({ behaviour }) => behaviour?.text)).toEqual([
      'change attributes of /srv/c',
      'read /etc/b',
    ])
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
    expect(later.daemon.inflow.identifier.stats).toMatchObject({ waiting: 1, held: 1 })
    expect(later.daemon.inflow.identifier.unidentified).toEqual(
      world.daemon.inflow.identifier.unidentified,
    )
    // Once they are passed on, nothing of them is left for a third.
    world.daemon.inflow.identifier.flush()
    await received(world, { type: 'mark', mark: sourceMark('7,3,300') })
    expect((await store.load()).meta['unidentified']).toEqual([])
  })

  it('is stored with the messages that wait to be judged, and a later daemon judges these once', async () => {
    const store = new RecordingStore()
    const id = 'a'.repeat(64)
    const [world] = await keepingWorld(store, { overflows: true })
    knows(world, id)
    const time = new Date().toISOString()
    const container = { id, cgroup: `/${id}`, time, before: false }
    await received(world, { type: 'container-started', container })
    const flood = Array.from({ length: 6_000 }, (_, n) => {
      const { image: _image, ...event } = act.exec(`/opt/${wordOf(n)}`, { container: id })
      return { ...eventMessage(event as ActEvent), key: behaviourKey(wordOf(n)) }
    })
    await received(world, ...flood, { type: 'mark', mark: sourceMark('7,2,200') })
    // A kill at this moment leaves the next daemon this.
    const left = await store.copy()
    const { meta } = await left.load()
    expect(meta['mark']).toBe('7,2,200')
    expect(waitingIn(meta).length).toBeGreaterThan(0)
    const [later] = await keepingWorld(left)
    knows(later, id)
    await received(later, { type: 'container-started', container })
    await expect.poll(() => [...later.daemon.registry.index][0]?.profile.size).toBe(6_000)
    await later.daemon.journal.persist()
    expect(waitingIn((await left.load()).meta)).toEqual([])
    const [again] = await keepingWorld(await left.copy())
    const { behaviours } = await again.engine.profile('shop/web')
    expect(behaviours.map(({ count }) => count)).toEqual(Array.from({ length: 6_000 }, () => 1))
    // The sensor counted repeats of the last one while no daemon ran.
    const key = behaviourKey(wordOf(5_999))
    const countUpdate = { key, containerId: id, count: 4, first: time, last: time }
    await received(later, { type: 'count-update', countUpdate })
    const counted = await later.engine.profile('shop/web')
    expect(counted.behaviours.filter(({ count }) => count === 5)).toHaveLength(1)
  })
})

describe('an event of a version that learns', () => {
  it('has its repeats counted by a later daemon, until the kernel has a profile to count by', async () => {
    const store = new RecordingStore()
    const key = behaviourKey('0a')
    const [world] = await keepingWorld(store)
    await received(world, begin(world, 'c1'), { type: 'event', event: act.file('/etc/a'), key })
    const [later] = await keepingWorld(store)
    const time = new Date(later.now()).toISOString()
    const countUpdate = { key, containerId: 'c1', count: 4, first: time, last: time }
    await received(later, begin(later, 'c1'), { type: 'count-update', countUpdate })
    const { behaviours } = await later.engine.profile('shop/web')
    expect(behaviours.map(({ count }) => count)).toEqual([5])
    const reports = (): number => store.drain().filter(({ kind }) => kind === 'report').length
    expect(reports()).toBe(1)
    await later.engine.setMode('shop/web', 'alert', { who: 'cli:root' })
    await later.daemon.journal.persist()
    const [version] = later.daemon.registry.index
    expect(version?.reported.size).toBe(0)
  })
})

describe('an unexpected event that was reported', () => {
  const key = behaviourKey('0a')
  const reportOf = (path: string, of = key): SourceMessage => {
    return { type: 'event', event: act.file(path), key: of }
  }
  const countOf = (world: DaemonWorld): readonly number[] =>
    world.daemon.alerts.list({ limit: 100 }).map(({ count }) => count)

  /** It may read one file, and its container runs. */
  async function alerting(store: MemoryStore): Promise<DaemonWorld> {
    const [world] = await keepingWorld(store)
    await received(world, begin(world, 'c1'), eventMessage(act.file('/etc/known')))
    await world.engine.setMode('shop/web', 'alert', { who: 'cli:root' })
    await world.daemon.journal.persist()
    return world
  }

  async function repeated(world: DaemonWorld, count: number): Promise<void> {
    const time = new Date(world.now()).toISOString()
    const countUpdate = { key, containerId: 'c1', count, first: time, last: time }
    await received(world, begin(world, 'c1'), { type: 'count-update', countUpdate })
  }

  it('is written once: a later one writes none of the others, and not the version', async () => {
    const store = new RecordingStore()
    const world = await alerting(store)
    const writtenBy = async (...messages: SourceMessage[]): Promise<readonly StoreWrite[]> => {
      world.source.emit(...messages)
      await judged()
      await world.daemon.journal.persist()
      return store.drain()
    }
    await writtenBy(reportOf('/etc/a'), reportOf('/etc/b', behaviourKey('0b')))
    const written = await writtenBy(reportOf('/etc/c', behaviourKey('0c')))
    expect(written.filter(({ kind }) => kind === 'report')).toMatchObject([
      { value: { act: { key: '0c' } } },
    ])
    expect(written.filter(({ kind }) => kind === 'version')).toEqual([])
  })

  it('has its repeats counted by a later daemon', async () => {
    const store = new MemoryStore()
    await received(await alerting(store), reportOf('/etc/a'))
    const [later] = await keepingWorld(store)
    expect(countOf(later)).toEqual([1])
    await repeated(later, 4)
    expect(countOf(later)).toEqual([5])
  })

  it('of a container that was not identified yet has its repeats counted by a later daemon', async () => {
    const store = new MemoryStore()
    const world = await alerting(store)
    const id = 'c2'
    const time = new Date().toISOString()
    const container = { id, cgroup: `/${id}`, time, before: false }
    const { image: _image, ...event } = act.file('/etc/a', ['read'], { container: id })
    await received(
      world,
      { type: 'container-started', container },
      { type: 'event', event: event as ActEvent, key },
      { type: 'mark', mark: sourceMark('7,2,200') },
    )
    expect(countOf(world)).toEqual([])
    const [later] = await keepingWorld(store)
    later.containers.report(identityOf(id))
    await expect.poll(() => countOf(later)).toEqual([1])
    const countUpdate = { key, containerId: id, count: 4, first: time, last: time }
    await received(later, { type: 'count-update', countUpdate })
    expect(countOf(later)).toEqual([5])
  })

  it('is kept at the bound, as long as there are those that a version learned', async () => {
    const world = await alerting(new MemoryStore())
    const [version] = world.daemon.registry.index
    const report = (n: number, expected: boolean): ReportedEvent => {
      const of = behaviourKey(String(n).padStart(5, '0'))
      const meaning = { behaviours: [], origin: 'entrypoint', source: 'ebpf', expected } as const
      return { ...meaning, key: of, container: 'c1', action: 'alerted', alert: `alert ${n}` }
    }
    const alertOf = (n: number): string | undefined =>
      version?.reported.alertOf(report(n, true).key, 'c1')
    version?.rememberReported(report(0, false))
    for (let n = 1; n <= reportedKept; n++) version?.rememberReported(report(n, true))
    expect([0, 1, 2].map(alertOf)).toEqual(['alert 0', undefined, 'alert 2'])
  })

  it('is the first to go at the bound if it is the oldest, also for a later daemon', async () => {
    const store = new RecordingStore()
    const world = await alerting(store)
    const [version] = world.daemon.registry.index
    const meaning = {
      behaviours: [],
      origin: 'entrypoint',
      source: 'ebpf',
      expected: false,
    } as const
    const report = (n: number): ReportedEvent => {
      // Their keys sort in another order than they came in.
      const of = behaviourKey(String(((n + 3_000) * 7_919) % 10_007).padStart(5, '0'))
      return { ...meaning, key: of, container: 'c1', action: 'alerted', alert: `alert ${n}` }
    }
    store.drain()
    // Three times as many between two writes are no more to write.
    for (let n = -2 * reportedKept; n < reportedKept; n++) version?.rememberReported(report(n))
    await world.daemon.journal.persist()
    expect(store.drain().length).toBeLessThan(reportedKept + 10)
    const [later] = await keepingWorld(store)
    const [again] = later.daemon.registry.index
    again?.rememberReported(report(reportedKept))
    const alertOf = (n: number): string | undefined => again?.reported.alertOf(report(n).key, 'c1')
    expect(alertOf(0)).toBeUndefined()
    expect(alertOf(1)).toBe('alert 1')
    await later.daemon.journal.persist()
    const [stored] = (await store.load()).versions
    expect(stored?.reports).toHaveLength(reportedKept)
  })

  it('is not stored any more once its container has ended and no count can arrive', async () => {
    const store = new MemoryStore()
    const world = await alerting(store)
    await received(world, reportOf('/etc/a'))
    world.daemon.registry.index.find('shop/web')[0]?.forgetReported('c1')
    await world.daemon.journal.persist()
    const [stored] = (await store.load()).versions
    expect(stored?.reports).toEqual([])
  })

  it('is read from the record of the version, where an earlier agent stored it, and moves', async () => {
    const store = new MemoryStore()
    const world = await alerting(store)
    await received(world, reportOf('/etc/a'))
    await world.stop()
    const [before] = (await store.load()).versions
    if (before === undefined) throw new Error('the store has no version')
    const { version, reports } = before
    const reported = reports.map(({ value }) => (value as StoredReport).act)
    await store.batch([
      { kind: 'version', version, value: { ...(before.value as object), reported } },
      ...reports.map(({ id }) => ({ kind: 'report-removed' as const, version, id })),
    ])
    const [later] = await keepingWorld(store)
    await later.daemon.journal.persist()
    const [after] = (await store.load()).versions
    expect(after?.reports.map(({ value }) => (value as StoredReport).act)).toEqual(reported)
    expect(after?.value).not.toHaveProperty('reported')
    await repeated(later, 4)
    expect(countOf(later)).toEqual([5])
  })
})

describe('a container of a version', () => {
  const started = async (world: DaemonWorld, ...ids: readonly string[]): Promise<void> => {
    for (const container of ids)
      await received(
        world,
        begin(world, container),
        eventMessage(act.file('/etc/a', ['read'], { container })),
      )
    await world.daemon.journal.persist()
  }
  const ended = async (world: DaemonWorld, id: string): Promise<string> => {
    const time = new Date(world.now()).toISOString()
    await received(world, { type: 'container-ended', id, time })
    return time
  }
  const idsIn = (world: DaemonWorld): readonly string[] => {
    const [version] = world.daemon.registry.index
    return [...(version?.runs.keys() ?? [])]
  }

  it('is written once: a later one writes none of the others, and its end only it', async () => {
    const store = new RecordingStore()
    const [world] = await keepingWorld(store)
    await started(world, 'c1', 'c2')
    store.drain()
    await started(world, 'c3')
    const runs = (): readonly StoreWrite[] => store.drain().filter(({ kind }) => kind === 'run')
    expect(runs()).toMatchObject([{ value: { run: { container: 'c3' } } }])
    const time = await ended(world, 'c1')
    await world.daemon.journal.persist()
    expect(runs()).toMatchObject([{ value: { run: { container: 'c1', to: time } } }])
  })

  it('keeps its place for a later daemon, also in the slot of one that is forgotten', async () => {
    const store = new MemoryStore()
    const [world] = await keepingWorld(store)
    await started(world, 'c1', 'c2', 'c3')
    await ended(world, 'c1')
    const [version] = world.daemon.registry.index
    version?.runs.delete('c1')
    await started(world, 'c4')
    const [later] = await keepingWorld(store)
    expect(idsIn(later)).toEqual(['c2', 'c3', 'c4'])
    await started(later, 'c5', 'c2')
    const [last] = await keepingWorld(store)
    expect(idsIn(last)).toEqual(['c2', 'c3', 'c4', 'c5'])
    const [stored] = (await store.load()).versions
    expect(stored?.runs.map(({ id }) => id).sort()).toEqual(['0', '1', '2', '3'])
  })

  it('is read from the record of the version, where an earlier agent stored it, and moves', async () => {
    const store = new MemoryStore()
    const [world] = await keepingWorld(store)
    await started(world, 'c1', 'c2')
    await world.stop()
    const [before] = (await store.load()).versions
    if (before === undefined) throw new Error('the store has no version')
    const { version } = before
    const runs = before.runs.map(({ value }) => (value as StoredRun).run)
    await store.batch([
      { kind: 'version', version, value: { ...(before.value as object), runs } },
      ...before.runs.map(({ id }) => ({ kind: 'run-removed' as const, version, id })),
    ])
    const [later] = await keepingWorld(store)
    expect(idsIn(later)).toEqual(['c1', 'c2'])
    await later.daemon.journal.persist()
    const [after] = (await store.load()).versions
    expect(after?.runs.map(({ value }) => (value as StoredRun).run)).toEqual(runs)
    expect(after?.value).not.toHaveProperty('runs')
  })
})
