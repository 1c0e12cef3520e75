import { afterEach, describe, expect, it } from 'vitest'
import type { DeployedVersion } from '../../src/state/versions/deployed-version.ts'
import { idleOpen } from '../../src/state/versions/version-lifecycle.ts'
import { act } from '../fixtures/event-fixture.ts'
import { daemonWorld, type DaemonWorld, eventMessage } from '../fixtures/daemon-fixtures.ts'
import { identityOf } from '../fixtures/identity-fixtures.ts'

const hourMs = 3_600_000
const container = 'a'.repeat(64)
const by = { who: 'cli:root' }
const worlds: DaemonWorld[] = []

afterEach(async () => {
  for (const world of worlds.splice(0)) await world.stop()
})

async function started(): Promise<DaemonWorld> {
  const world = daemonWorld()
  worlds.push(world)
  await world.start()
  return world
}

/** A container of this digest runs the paths, and ends. */
async function runs(
  world: DaemonWorld,
  digest: string,
  paths: readonly string[],
  id = container,
  repository = 'shop/web',
) {
  const time = new Date(world.now()).toISOString()
  const identity = identityOf(id)
  const image = { ...identity.image, repository, digest }
  world.containers.report({ ...identity, image, imageId: `id of ${digest}` })
  world.containers.atOnce.add(id)
  const events = paths.map((path) => {
    const { image: __, ...event } = act.exec(path, { container: id })
    return eventMessage({ ...event, time } as ReturnType<typeof act.exec>)
  })
  world.source.emit(
    { type: 'container-started', container: { id, cgroup: '', time, before: false } },
    ...events,
  )
  await world.source.received()
}

async function ends(world: DaemonWorld, id = container): Promise<void> {
  world.source.emit({ type: 'container-ended', id, time: new Date(world.now()).toISOString() })
  await world.source.received()
}

function versionOf(world: DaemonWorld, digest: string): DeployedVersion {
  for (const version of world.daemon.registry.index) {
    if (version.image.digest === digest) return version
  }
  throw new Error(`no version ${digest}`)
}

/** A version that learned one program, reported another, and is replaced. */
async function replaced(world: DaemonWorld): Promise<DeployedVersion> {
  await runs(world, 'sha256:aa', ['/bin/serve'])
  world.advance(5_000)
  await runs(world, 'sha256:aa', ['/bin/odd'])
  await ends(world)
  await runs(world, 'sha256:bb', ['/bin/serve'], 'b'.repeat(64))
  return versionOf(world, 'sha256:aa')
}

async function pass(world: DaemonWorld, hours: number): Promise<void> {
  for (let hour = 0; hour < hours; hour++) {
    world.advance(hourMs)
    await world.daemon.journal.persist()
  }
}

describe('Profiles of versions without containers', () => {
  it('are parked beyond a bound of all together, those that were seen longest ago first', async () => {
    const world = await started()
    const each = 350
    const enough = Math.ceil(idleOpen / each) + 3
    const paths = Array.from({ length: each }, (_, n) => `/bin/tool${n}`)
    const digests = Array.from({ length: enough }, (_, n) => `sha256:${n}`)
    for (const [n, digest] of digests.entries()) {
      const id = n.toString(16).padStart(64, '0')
      await runs(world, digest, paths, id, `shop/s${n}`)
      world.advance(5_000)
      await ends(world, id)
    }
    await pass(world, 3)
    const versions = digests.map((digest) => versionOf(world, digest))
    const open = versions.filter(({ profile }) => !profile.isParked)
    expect(open).toEqual(versions.slice(-open.length))
    const size = (some: readonly DeployedVersion[]): number =>
      some.reduce((sum, { profile }) => sum + profile.size, 0)
    expect(size(open)).toBeLessThanOrEqual(idleOpen)
    const { profilesCompressed } = world.engine.status().counters
    expect(profilesCompressed).toBe(versions.length - open.length)
    expect(size(versions.slice(-open.length - 1))).toBeGreaterThan(idleOpen)
  })
})

describe('The profile of a version without containers', () => {
  it('is parked after a day, and that of a version with one is not', async () => {
    const world = await started()
    const old = await replaced(world)
    await pass(world, 24)
    expect(old.profile.isParked).toBe(false)
    await pass(world, 3)
    expect(old.profile.isParked).toBe(true)
    expect(versionOf(world, 'sha256:bb').profile.isParked).toBe(false)
  })

  it('stays parked where all versions are looked at', async () => {
    const world = await started()
    const old = await replaced(world)
    const look = async () => {
      const images = await world.engine.images()
      const review = await world.engine.page.review({ offset: 0, limit: 50 })
      const timeline = await world.engine.page.timeline(24)
      return { images, review, timeline, status: world.engine.status() }
    }
    await look()
    await pass(world, 27)
    expect(old.profile.isParked).toBe(true)
    const { images, review } = await look()
    expect(images[0]?.versions).toHaveLength(2)
    expect(review.cards.length).toBeGreaterThan(0)
    await pass(world, 3)
    await look()
    expect(old.profile.isParked).toBe(true)
  })

  it('is opened by a decision, which stays, and by a container, which is judged by it', async () => {
    const world = await started()
    const old = await replaced(world)
    await pass(world, 27)
    expect(old.profile.isParked).toBe(true)
    await world.engine.approve('shop/web@sha256:aa', undefined, by)
    expect(old.profile.isParked).toBe(false)
    await pass(world, 3)
    expect(old.profile.isParked).toBe(true)
    const before = (await world.engine.alerts({ limit: 100 })).length
    await runs(world, 'sha256:aa', ['/bin/serve', '/bin/odd', '/bin/other'])
    expect(old.profile.isParked).toBe(false)
    const alerts = await world.engine.alerts({ limit: 100 })
    expect(alerts.slice(0, alerts.length - before).map(({ behaviour }) => behaviour?.text)).toEqual(
      ['run /bin/other'],
    )
  })

  it('has in its views what happened after it was opened', async () => {
    const world = await started()
    const old = await replaced(world)
    const look = async () => {
      const { rows } = await world.engine.page.behaviours('shop/web@sha256:aa', {
        offset: 0,
        limit: 50,
      })
      const { cards } = await world.engine.page.review({ offset: 0, limit: 50 })
      const odd = cards.flatMap(({ samples }) => samples).filter(({ text }) => text.includes('odd'))
      return { rows, odd }
    }
    const before = await look()
    await pass(world, 27)
    expect(old.profile.isParked).toBe(true)
    expect(await look()).toEqual(before)
    await runs(world, 'sha256:aa', ['/bin/serve', '/bin/odd'], 'c'.repeat(64))
    const after = await look()
    expect(after.rows.map(({ count }) => count)).toEqual([2, 2])
    expect(after.odd).toMatchObject([{ count: 2, containers: 2 }])
    await runs(world, 'sha256:aa', ['/bin/odd'], 'c'.repeat(64))
    expect((await look()).odd).toMatchObject([{ count: 3, containers: 2 }])
  })
})
