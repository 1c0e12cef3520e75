import { afterEach, describe, expect, it } from 'vitest'
import { MemoryStore } from '../../../src/agent/records/store/memory-store.ts'
import type { Store } from '../../../src/agent/records/store/store.ts'
import { versionsKept } from '../../../src/agent/records/versions/version-registry.ts'
import { act } from '../../fixtures/event-fixture.ts'
import {
  daemonWorld,
  type DaemonWorld,
  eventMessage,
  type WorldOptions,
} from '../../fixtures/daemon-fixtures.ts'
import { identityOf } from '../../fixtures/identity-fixtures.ts'

const dayMs = 86_400_000
const by = { who: 'cli:root', reason: 'the shop has closed' }
const container = 'a'.repeat(64)
const worlds: DaemonWorld[] = []

afterEach(async () => {
  for (const world of worlds.splice(0)) await world.stop()
})

async function started(options: WorldOptions = {}): Promise<DaemonWorld> {
  const world = daemonWorld(options)
  worlds.push(world)
  await world.start()
  return world
}

/** A container of this digest runs `path`. */
async function runs(world: DaemonWorld, digest: string, path: string, id = container) {
  const time = new Date(world.now()).toISOString()
  const identity = identityOf(id)
  const image = { ...identity.image, digest }
  world.containers.report({ ...identity, image, imageId: `id of ${digest}` })
  world.containers.atOnce.add(id)
  const { image: __, ...event } = act.exec(path, { container: id })
  world.source.emit(
    { type: 'container-started', container: { id, cgroup: '', time, before: false } },
    eventMessage({ ...event, time } as ReturnType<typeof act.exec>),
  )
  await world.source.received()
}

async function ends(world: DaemonWorld, id = container): Promise<void> {
  world.source.emit({ type: 'container-ended', id, time: new Date(world.now()).toISOString() })
  await world.source.received()
}

const digests = async (world: DaemonWorld): Promise<readonly string[]> =>
  (await world.engine.images()).flatMap(({ versions }) => versions.map(({ image }) => image.digest))

async function storedVersions(store: Store): Promise<readonly string[]> {
  return (await store.load()).versions.map(({ version }) => version)
}

describe('the removal of a version', () => {
  it('takes its profile, evidence and stored records, and is in the audit log', async () => {
    const world = await started()
    await runs(world, 'sha256:aa', '/bin/serve')
    await ends(world)
    await world.daemon.journal.persist()
    expect(await storedVersions(world.store)).toEqual(['shop/web@sha256:aa'])

    const { version } = await world.engine.removeImage('shop/web', by)
    expect(version).toMatchObject({ behaviours: 1, containers: { seen: 1 } })
    expect(await digests(world)).toEqual([])
    expect(await storedVersions(world.store)).toEqual([])
    const [entry] = await world.engine.audit(1)
    expect(entry).toMatchObject({
      what: 'image-remove',
      who: 'cli:root',
      image: 'shop/web@sha256:aa',
      reason: 'the shop has closed',
      behaviours: 1,
      containers: 1,
    })
  })

  it('starts a new version with the next container of the image, which learns', async () => {
    const world = await started()
    await runs(world, 'sha256:aa', '/bin/serve')
    await ends(world)
    world.advance(5_000)
    expect((await world.engine.image('shop/web')).versions[0]?.state).not.toBe('learning')
    await world.engine.removeImage('shop/web', by)
    await runs(world, 'sha256:aa', '/bin/other', 'b'.repeat(64))
    await world.daemon.journal.persist()

    const [version] = (await world.engine.image('shop/web')).versions
    expect(version).toMatchObject({ state: 'learning', containers: { running: 1, seen: 1 } })
    const texts = (await world.engine.profile('shop/web')).behaviours.map(({ text }) => text)
    expect(texts).toEqual(['run /bin/other'])
    const [stored] = (await world.store.load()).versions
    expect(stored?.behaviours).toHaveLength(1)
  })

  it('withdraws its profile from the kernel, and forgets its stopped containers there', async () => {
    const world = await started()
    await runs(world, 'sha256:aa', '/bin/serve')
    world.advance(5_000)
    await ends(world)
    const scope = world.control.last('profile')?.scope
    expect(world.control.last('profile')?.profile).toBeDefined()
    await world.engine.removeImage('shop/web', by)
    expect(world.control.last('profile')).toEqual({ what: 'profile', scope, profile: undefined })
    expect(world.control.last('release')?.id).toBe(container)
    await runs(world, 'sha256:aa', '/bin/serve')
    expect(world.control.last('assign')?.scope).not.toBe(scope)
  })

  it('is refused while a container runs, and while it blocks', async () => {
    const world = await started()
    await runs(world, 'sha256:aa', '/bin/serve')
    await expect(world.engine.removeImage('shop/web', by)).rejects.toMatchObject({
      code: 'REMOVE_REFUSED',
      message: '`shop/web` cannot be removed: a container of it runs',
    })
    world.advance(5_000)
    world.advance(5_000)
    await world.engine.setMode('shop/web', 'block', by)
    await ends(world)
    await expect(world.engine.removeImage('shop/web', by)).rejects.toMatchObject({
      message: '`shop/web` cannot be removed: it blocks: set its mode to `alert` first',
    })
  })

  it('asks which one, where IMAGE names several versions', async () => {
    const world = await started()
    for (const digest of ['sha256:aa', 'sha256:bb']) {
      await runs(world, digest, '/bin/serve')
      await ends(world)
      world.advance(5_000)
    }
    await expect(world.engine.removeImage('shop/web', by)).rejects.toMatchObject({
      code: 'IMAGE_AMBIGUOUS',
    })
    await world.engine.removeImage('shop/web@sha256:aa', by)
    expect(await digests(world)).toEqual(['sha256:bb'])
  })

  it('changes nothing as a dry run, and names the alerts that would stay', async () => {
    const world = await started()
    await runs(world, 'sha256:aa', '/bin/serve')
    world.advance(5_000)
    await runs(world, 'sha256:aa', '/bin/sh')
    await ends(world)
    const [alert] = await world.engine.alerts({ limit: 1 })
    const preview = await world.engine.removeImage('shop/web', by, true)
    expect(preview.openAlerts).toEqual([alert?.id])
    expect(await digests(world)).toEqual(['sha256:aa'])
  })

  it('leaves its alerts, which can only be acknowledged then', async () => {
    const world = await started()
    await runs(world, 'sha256:aa', '/bin/serve')
    world.advance(5_000)
    await runs(world, 'sha256:aa', '/bin/sh')
    await ends(world)
    await world.engine.removeImage('shop/web', by)
    const [alert] = await world.engine.alerts({ limit: 1 })
    const id = alert?.id ?? ''
    await expect(world.engine.allowAlert(id, {}, by)).rejects.toMatchObject({
      code: 'DECISION_INVALID',
      message: 'the version of the alert was removed: acknowledge the alert',
    })
    expect(await digests(world)).toEqual([])
    const { decision } = await world.engine.ackAlert(id, 'gone', by)
    expect(decision?.kind).toBe('acknowledged')
  })

  it('survives a restart', async () => {
    const store = new MemoryStore()
    const first = daemonWorld({ store })
    await first.start()
    await runs(first, 'sha256:aa', '/bin/serve')
    await ends(first)
    await first.engine.removeImage('shop/web', by)
    await first.stop()
    const second = await started({ store })
    expect(await digests(second)).toEqual([])
  })
})

describe('retention', () => {
  it('makes room in a flood of images, by one audit entry, and keeps what runs', async () => {
    const world = await started()
    await runs(world, 'sha256:aa', '/bin/serve')
    const { registry, retention } = world.daemon
    for (let n = 0; n < versionsKept + 10; n += 1) {
      const time = new Date(world.now() + n).toISOString()
      registry.ofImage({ repository: `flood/${n}`, digest: 'sha256:ff' }, time)
    }
    expect([...registry.index].length).toBeLessThanOrEqual(versionsKept)
    expect(registry.index.has(registry.index.findOne('shop/web'))).toBe(true)
    expect(() => registry.index.findOne('flood/0')).toThrow('no image that was observed')
    expect(retention.removed).toBe(Math.ceil(versionsKept / 10))
    await world.daemon.journal.persist()
    const entries = (await world.engine.audit(100)).filter(({ what }) => what === 'retention')
    expect(entries).toHaveLength(1)
    expect(entries[0]).toMatchObject({ who: 'agent', count: retention.removed })
  })

  it('removes old versions with an audit entry, and keeps the newest and a decided one', async () => {
    const world = await started({ retention: { versions: 2 } })
    for (const [n, digest] of ['sha256:aa', 'sha256:bb', 'sha256:cc', 'sha256:dd'].entries()) {
      await runs(world, digest, `/bin/serve-${n}`)
      await ends(world)
      world.advance(dayMs)
      if (digest === 'sha256:aa') {
        await world.engine.setMode('shop/web@sha256:aa', 'alert', { who: 'cli:root' })
      }
    }
    world.daemon.retention.apply()
    await world.daemon.journal.persist()
    expect(await digests(world)).toEqual(['sha256:aa', 'sha256:cc', 'sha256:dd'])
    expect(await storedVersions(world.store)).not.toContain('shop/web@sha256:bb')
    expect(world.engine.status().counters['versionsRemoved']).toBe(1)
    const [entry] = await world.engine.audit(1)
    expect(entry).toMatchObject({
      what: 'retention',
      who: 'agent',
      image: 'shop/web@sha256:bb',
      because: '2 versions of its lineage were seen later',
    })
  })

  it.each([365 * dayMs, -365 * dayMs])(
    'counts the time that passed, and not by how much the clock was set: %i ms',
    async (stepMs) => {
      const world = await started({ retention: { ageMs: 90 * dayMs } })
      for (const digest of ['sha256:aa', 'sha256:aa', 'sha256:bb']) {
        await runs(world, digest, '/bin/serve')
        await ends(world)
        world.advance(40 * dayMs)
      }
      // Its last event was 80 days ago.
      world.step(stepMs)
      world.daemon.retention.apply()
      expect(await digests(world)).toEqual(['sha256:aa', 'sha256:bb'])
      world.advance(11 * dayMs)
      world.daemon.retention.apply()
      expect(await digests(world)).toEqual(['sha256:bb'])
    },
  )
})
