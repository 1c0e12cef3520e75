import { afterEach, describe, expect, it } from 'vitest'
import { openClassId } from '../../../src/core/behaviour/any-program.ts'
import type { ActEvent } from '../../../src/core/event/event.ts'
import { SnugError } from '../../../src/errors.ts'
import { MemoryStore } from '../../../src/agent/records/store/memory-store.ts'
import type { VersionView } from '../../../src/api/version-views.ts'
import {
  begin,
  daemonWorld,
  type DaemonWorld,
  eventMessage,
  type WorldOptions,
} from '../../fixtures/daemon-fixtures.ts'
import { act } from '../../fixtures/event-fixture.ts'
import { identityOf } from '../../fixtures/identity-fixtures.ts'

const id = '0'.repeat(64)
const by = { who: 'cli:jo', reason: 'a coding agent' }
const worlds: DaemonWorld[] = []

afterEach(async () => {
  for (const world of worlds.splice(0)) await world.stop()
})

const shell = { exe: '/bin/bash', uid: 0 }
const dpkg = { exe: '/usr/bin/dpkg', uid: 0 }
const tool = (name: string) => ({ exe: `/workspace/${name}/tool`, uid: 0 })

const window: readonly ActEvent[] = [
  act.exec('/usr/bin/gcc', shell),
  act.file('/workspace/first', ['create'], shell),
  act.file('/workspace/first/main.c', ['write', 'create'], shell),
  act.exec('/workspace/first/a.out', shell, true),
  act.exec('/usr/bin/apt-get', shell),
  act.file('/usr/bin/jq', ['write', 'create'], dpkg),
  act.file('/var/lib/dpkg/status-new', ['write', 'create'], dpkg),
  act.connect('198.51.100.7', 443, { ...shell, exe: '/usr/bin/curl' }),
  act.identity(0, 100, { ...shell, exe: '/usr/bin/apt-get' }),
]

/** What a week of an agent is like: other projects, other tools, the same peers. */
function* week(): Generator<ActEvent> {
  for (let project = 0; project < 60; project += 1) {
    const mine = tool(`p${project}`)
    yield act.file(`/workspace/p${project}`, ['create'], shell)
    yield act.exec('/usr/bin/make', shell)
    for (let n = 0; n < 10; n += 1) {
      yield act.file(`/workspace/p${project}/src/f${n}.c`, ['write', 'create'], mine)
      yield act.file(`/usr/include/h${project}-${n}.h`, ['read'], mine)
    }
    yield act.exec(`/workspace/p${project}/tool`, shell, true)
    yield act.exec(`/usr/bin/pkg-${project}`, mine, true)
    yield act.file(`/usr/bin/pkg-${project}`, ['write', 'create'], dpkg)
    yield act.connect('198.51.100.7', 443, mine)
    yield act.connect('127.0.0.1', 3_000 + project, mine)
    yield act.listen('127.0.0.1', 3_000 + project, mine)
    yield act.identity(0, 100, mine)
  }
}

const strict: readonly (readonly [string, ActEvent])[] = [
  ['a private key', act.file('/root/.ssh/id_rsa', ['read'], tool('x'))],
  ['a new peer', act.connect('203.0.113.9', 443, tool('x'))],
  ['a scheduled job', act.file('/etc/cron.d/x', ['write', 'create'], tool('x'))],
  ['a neighbour', act.syscall('ptrace', tool('x'), '/bin/bash')],
]

function did(world: DaemonWorld, event: ActEvent, container = id): void {
  const time = new Date(world.now()).toISOString()
  const { image: _, ...acted } = { ...event, time, container: { id: container } }
  world.source.emit(eventMessage(acted as ActEvent))
}

/** All that was emitted is judged. */
async function settled({ source, daemon }: DaemonWorld): Promise<void> {
  await source.received()
  await daemon.inflow.settled()
}

async function started(options: WorldOptions = {}): Promise<DaemonWorld> {
  const world = daemonWorld(options)
  worlds.push(world)
  await world.start()
  return world
}

async function open(options: WorldOptions = {}): Promise<DaemonWorld> {
  const world = await started(options)
  world.source.emit(begin(world, id))
  for (const event of window) did(world, event)
  await settled(world)
  await world.engine.setClass('shop/web', 'open', by)
  await world.engine.endLearning('shop/web', by)
  world.advance(5_000)
  await ackAll(world)
  return world
}

async function alerts(world: DaemonWorld): Promise<readonly string[]> {
  const found = await world.engine.alerts({ limit: 100, state: 'open' })
  return found.map(({ reasons }) => reasons.join('; '))
}

/** Those of the window. */
async function ackAll(world: DaemonWorld): Promise<void> {
  for (const { id: alert } of await world.engine.alerts({ limit: 100, state: 'open' }))
    await world.engine.ackAlert(alert, 'known', by)
}

async function versionOf(world: DaemonWorld): Promise<VersionView> {
  const version = (await world.engine.image('shop/web')).versions.at(-1)
  if (version === undefined) throw new Error('no version')
  return version
}

describe('class open', () => {
  it('a week of other work raises no alert, and teaches nothing', async () => {
    const world = await open()
    const before = (await versionOf(world)).behaviours
    for (const event of week()) did(world, event)
    await settled(world)
    expect(await alerts(world)).toEqual([])
    expect((await versionOf(world)).behaviours).toBe(before)
  })

  it.each(strict)('%s is named', async (_, event) => {
    const world = await open()
    did(world, event)
    await settled(world)
    expect(await alerts(world)).toHaveLength(1)
  })

  it('without it, the same week has alerts about programs', async () => {
    const world = await started()
    world.source.emit(begin(world, id))
    for (const event of window) did(world, event)
    await settled(world)
    await world.engine.endLearning('shop/web', by)
    await ackAll(world)
    for (const event of week()) did(world, event)
    await settled(world)
    expect(await alerts(world)).not.toEqual([])
  })

  it('needs a reason, and one to take back', async () => {
    const world = await started()
    world.source.emit(begin(world, id))
    await settled(world)
    const refused = async (work: Promise<unknown>): Promise<unknown> =>
      work.catch((error: unknown) => error instanceof SnugError && error.code)
    const { engine } = world
    expect(await refused(engine.setClass('shop/web', 'open', { who: 'cli:jo' }))).toBe(
      'DECISION_INVALID',
    )
    expect(await refused(engine.setClass('shop/web', 'closed', by))).toBe('DECISION_INVALID')
  })

  it('shows who decided, and the folders of its window', async () => {
    const world = await open()
    expect(await versionOf(world)).toMatchObject({
      open: { by: 'cli:jo', reason: 'a coding agent' },
      evidence: {
        folders: {
          programs: ['/usr/bin/', '/workspace/'],
          work: ['/usr/bin/', '/var/lib/dpkg/', '/workspace/'],
        },
      },
    })
    const entries = await world.engine.audit(100)
    expect(entries.find(({ what }) => what === 'class')).toMatchObject({ who: 'cli:jo' })
  })

  it('ends when it is taken back', async () => {
    const world = await open()
    await world.engine.setClass('shop/web', 'closed', { ...by, reason: 'it is a service' })
    did(world, act.exec('/workspace/p9/tool', shell, true))
    await settled(world)
    expect(await alerts(world)).toHaveLength(1)
    expect((await versionOf(world)).open).toBeUndefined()
  })

  it('is inherited with its folders, and taken back of one version alone', async () => {
    const world = await open()
    const image = { repository: 'shop/web', tag: '2', digest: 'sha256:2' }
    const next = identityOf('1'.repeat(64), { image, imageId: 'sha256:2' })
    world.containers.report(next)
    world.containers.atOnce.add(next.id)
    const time = new Date(world.now()).toISOString()
    world.source.emit({
      type: 'container-started',
      container: { id: next.id, cgroup: '', time, before: false },
    })
    for (const event of week()) did(world, event, next.id)
    await settled(world)
    expect(await alerts(world)).toEqual([])
    expect((await versionOf(world)).open).toMatchObject({ by: 'cli:jo' })
    for (const [, event] of strict) did(world, event, next.id)
    await settled(world)
    expect(await alerts(world)).toHaveLength(strict.length)
    const [first, second] = (await world.engine.image('shop/web')).versions
    await world.engine.setClass(`shop/web@${second?.image.digest}`, 'closed', by)
    expect(first?.open).toBeDefined()
    expect((await versionOf(world)).open).toBeUndefined()
  })

  it('is kept over a restart', async () => {
    const store = new MemoryStore()
    const first = await open({ store })
    await first.stop()
    worlds.splice(0)
    const world = await started({ store, startMs: first.now() + 1_000 })
    world.source.emit(begin(world, id))
    await settled(world)
    // That the agent was away.
    await ackAll(world)
    for (const event of week()) did(world, event)
    await settled(world)
    expect(await alerts(world)).toEqual([])
  })

  it('has the kernel stop what stays closed, for any program, and let programs run', async () => {
    const world = await open()
    const [version] = world.daemon.registry.index
    await world.daemon.kernel.profiles.compiled(version!)
    await world.engine.setMode('shop/web', 'block', by, { fraction: 1 })
    expect(world.control.last('enforce')?.enforcement).toMatchObject({
      mode: 'block',
      spares: ['received', 'server-name', 'unguarded', 'actors'],
      except: ['exec', 'listen', 'capability'],
    })
    const { rules = [] } = world.control.last('profile')?.profile ?? {}
    expect(rules.some(({ object }) => object.kind === 'guard')).toBe(true)
    expect(rules.filter(({ anyone }) => anyone === true).map(({ object }) => object.kind)).toEqual([
      'connect',
      'identity',
    ])
    expect(rules.some(({ actor }) => actor.exe.startsWith('(any'))).toBe(false)

    world.advance(1_000)
    await world.engine.reject('shop/web', [openClassId], by)
    await world.daemon.kernel.profiles.compiled(version!)
    const after = world.control.last('enforce')?.enforcement
    expect(after?.spares).toEqual(['received', 'server-name'])
    expect(after).not.toHaveProperty('except')
    const closed = world.control.last('profile')?.profile?.rules ?? []
    expect(closed.some(({ object, anyone }) => object.kind === 'guard' || anyone === true)).toBe(
      false,
    )
  })

  it('is proposed where the later half of the time goes on to show new programs', async () => {
    const world = await started()
    world.source.emit(begin(world, id))
    for (let n = 0; n < 40; n += 1) {
      did(world, act.exec(`/usr/bin/p${n}`, shell))
      await settled(world)
      world.advance(100)
    }
    expect((await versionOf(world)).evidence?.openProposal).toContain('of 40 first')
    await world.engine.setClass('shop/web', 'open', by)
    expect((await versionOf(world)).evidence?.openProposal).toBeUndefined()
  })
})
