import { afterEach, describe, expect, it } from 'vitest'
import { finish } from '../../../src/core/steps.ts'
import type { DeployedVersion } from '../../../src/agent/records/versions/deployed-version.ts'
import { act } from '../../fixtures/event-fixture.ts'
import { daemonWorld, type DaemonWorld, eventMessage } from '../../fixtures/daemon-fixtures.ts'
import { identityOf } from '../../fixtures/identity-fixtures.ts'

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

describe('The profile of a version without containers', () => {
  it('is parked after a minute in which nobody used it, and that of a version with one is not', async () => {
    const world = await started()
    const old = await replaced(world)
    const { lifecycle } = world.daemon.registry
    await world.daemon.journal.persist()
    expect(old.profile.isParked).toBe(false)
    const rounds: boolean[] = []
    for (let round = 0; round < 3; round++) {
      world.advance(60_000)
      finish(lifecycle.parkSteps())
      rounds.push(old.profile.isParked)
    }
    expect(rounds).toEqual([false, true, true])
    expect(versionOf(world, 'sha256:bb').profile.isParked).toBe(false)
    expect(world.engine.status().counters['profilesCompressed']).toBe(1)
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
    const before = await look()
    await pass(world, 2)
    expect(old.profile.isParked).toBe(true)
    const { images, review } = await look()
    expect(images[0]?.versions).toHaveLength(2)
    expect(review.cards.length).toBeGreaterThan(0)
    expect(review).toEqual(before.review)
    await pass(world, 2)
    await look()
    expect(old.profile.isParked).toBe(true)
  })

  it('is opened by a card that nobody has looked at, which shows its evidence', async () => {
    const world = await started()
    const old = await replaced(world)
    await pass(world, 2)
    expect(old.profile.isParked).toBe(true)
    const { cards } = await world.engine.page.review({ offset: 0, limit: 50 })
    const odd = cards.find(({ text }) => text.includes('odd'))
    expect(odd).toMatchObject({ count: 1, containers: 1, origins: ['entrypoint'] })
    expect(odd?.reasons.length).toBeGreaterThan(0)
  })

  it('is opened by a decision, which stays, and by a container, which is judged by it', async () => {
    const world = await started()
    const old = await replaced(world)
    await pass(world, 2)
    expect(old.profile.isParked).toBe(true)
    await world.engine.approve('shop/web@sha256:aa', undefined, by)
    expect(old.profile.isParked).toBe(false)
    await pass(world, 2)
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
    await pass(world, 2)
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
