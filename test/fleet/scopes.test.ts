import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { FleetSync } from '../../src/fleet/fleet-sync.ts'
import { type FleetImage, profileName } from '../../src/fleet/fleet-image.ts'
import { type ProfileSlice, sliceName } from '../../src/fleet/kubernetes/fleet-objects.ts'
import { KubeFleet } from '../../src/fleet/kubernetes/kube-fleet.ts'
import { daemonWorld, type DaemonWorld, type WorldOptions } from '../fixtures/daemon-fixtures.ts'
import { act, shaper } from '../fixtures/event-fixture.ts'
import { ScriptedApi } from '../fixtures/kube-server.ts'
import {
  does,
  idOf,
  learned,
  nameOf,
  runs,
  sharedImage,
  stateIn,
  versionIn,
} from '../fixtures/tenants.ts'

/** The fleet's profiles of an image that two tenants run. */
const secret = '/srv/secrets/key'
const image = { repository: sharedImage.repository, digest: sharedImage.digest }
let profiles: ScriptedApi
let slices: ScriptedApi
let stop: AbortController
let world: DaemonWorld

beforeEach(async () => {
  profiles = new ScriptedApi('/apis/snug.dev/v1alpha1/imageprofiles')
  slices = new ScriptedApi('/apis/snug.dev/v1alpha1/profileslices')
  for (const server of [profiles, slices]) await server.start()
  profiles.beside = slices
  stop = new AbortController()
})

afterEach(async () => {
  stop.abort()
  await world.stop()
  for (const server of [profiles, slices]) await server.kill()
})

/** A node of the fleet; it shares when the test calls `tick`. */
async function shares(options: WorldOptions = {}): Promise<FleetSync> {
  const rules = { floorMs: 3_600_000, ceilingMs: 7_200_000, ...options.rules }
  world = daemonWorld({ scope: 'namespace', ...options, rules })
  await world.start()
  const sync = new FleetSync({
    context: world.daemon,
    engine: world.engine,
    holds: world.daemon.sharedHolds,
    makeFleet: (link) => new KubeFleet({ api: profiles.api(), node: 'n1', ...link }),
    shareWithinMs: 1,
    random: () => 0,
    tickMs: 3_600_000,
  })
  await sync.start(stop.signal)
  return sync
}

const by = { by: 'kubectl', at: new Date(Date.now() + 1_000).toISOString() }
const on = (path: string, action: string): object => ({ behaviour: idOf(path), action, ...by })

let generation = 0
/** A person writes an object: of the image without a scope, if no other is named. */
function decideIn(spec: object, of: FleetImage = image): void {
  generation += 1
  profiles.put(profileName(of), { metadata: { generation }, spec: { image: of, ...spec } })
}

/** Another node publishes what it learned in that scope. */
function publishes(scope: string, path: string, isOver: boolean): void {
  const container = 'f'.repeat(64)
  const [ref] = behavioursOf(act.file(path, ['read'], { container }), shaper)
  if (ref === undefined) throw new Error(`no behaviour of ${path}`)
  const { actor, uid, object } = ref
  const time = '2026-11-24T13:40:27.123456Z'
  const cell = {
    container,
    origin: 'entrypoint',
    phase: 'learned',
    count: 1,
    first: time,
    last: time,
    nodes: ['n2'],
    sources: ['ebpf'],
  }
  const entry = { schema: 'snug.behaviour/v1', id: idOf(path), actor, uid, object, cells: [cell] }
  const scoped = { ...image, scope }
  slices.put(sliceName(scoped, 'n2', 0), {
    image: scoped,
    node: 'n2',
    entries: [entry],
    ...(isOver ? { learnedAt: '2026-11-24T14:00:00.000Z' } : {}),
  })
}

async function received(scope: string): Promise<void> {
  const { registry } = world.daemon
  const scopes = (): readonly string[] =>
    registry.publishedScopes(sharedImage).scopes.map((each) => each.scope)
  await expect.poll(scopes).toContain(scope)
}

/** Ticks until the behaviour has that state in the scope. */
async function becomes(sync: FleetSync, scope: string, path: string, state: string): Promise<void> {
  const reached = async (): Promise<string | undefined> => {
    await sync.tick()
    return stateIn(world, scope, path)
  }
  await expect.poll(reached).toBe(state)
}

describe('what a node publishes', () => {
  it('is in objects of the scope, and other scopes do not take it in', async () => {
    const sync = await shares()
    await learned(world, { shop: ['/etc/web.conf'] })
    publishes('evil', secret, true)
    await received('evil')
    await sync.tick()
    world.advance(5_000)
    await sync.tick()
    const scoped = { ...image, scope: 'shop' }
    const bodies = slices.sent.map(({ body }) => body as ProfileSlice)
    expect(bodies.map((body) => [body.metadata.name, body.image])).toEqual([
      [sliceName(scoped, 'n1', 0), scoped],
    ])
    expect(profiles.sent[0]?.body).toMatchObject({
      metadata: { name: profileName(scoped) },
      spec: { image: scoped },
    })
    expect(profileName(scoped)).not.toBe(profileName(image))
    expect(stateIn(world, 'shop', secret)).toBeUndefined()
  })

  it('is taken in by the same scope on another node', async () => {
    const sync = await shares()
    await learned(world, { shop: ['/etc/web.conf'] })
    publishes('shop', secret, true)
    await received('shop')
    await sync.tick()
    expect(stateIn(world, 'shop', secret)).toBe('learned')
  })
})

describe('what another node learned in another scope', () => {
  it('is named in the alert about it', async () => {
    await shares()
    await learned(world, { shop: ['/etc/web.conf'] })
    publishes('evil', secret, true)
    await received('evil')
    await does(world, 'shop', secret)
    const [alert] = await world.engine.alerts({ limit: 1 })
    expect(alert?.reasons).toContain(
      'profiles of the same image expect it in `evil`; this one does not',
    )
  })

  it('counts among the scopes that merge it, once its window has ended', async () => {
    await shares({ rules: { mergeFrom: 2 } })
    await learned(world, { a: [secret], shop: ['/etc/web.conf'] })
    publishes('b', '/etc/other', true)
    publishes('c', secret, false)
    await received('b')
    world.daemon.tick()
    expect(stateIn(world, 'shop', secret)).toBeUndefined()
    publishes('c', secret, true)
    await received('c')
    world.daemon.tick()
    expect(stateIn(world, 'shop', secret)).toBe('approved')
  })
})

describe('an ImageProfile without a scope', () => {
  it('decides for every scope, but does not end a window', async () => {
    const sync = await shares()
    await learned(world, { a: [secret], b: [secret] })
    runs(world, 'c')
    await does(world, 'c', secret)
    decideIn({ decisions: [on(secret, 'reject')] })
    for (const scope of ['a', 'b']) await becomes(sync, scope, secret, 'rejected')
    expect(stateIn(world, 'c', secret)).toBe('learned')
    await world.engine.endLearning(nameOf('c'), { who: 'cli:root' })
    await becomes(sync, 'c', secret, 'rejected')
  })

  it('sets the mode in every scope', async () => {
    const sync = await shares({ rules: { floorMs: 1_000 } })
    await learned(world, { a: [secret], b: [secret] })
    decideIn({ mode: { value: 'block', ...by } })
    const modes = async (): Promise<readonly string[]> => {
      await sync.tick()
      return ['a', 'b'].map((scope) => versionIn(world, scope).life.mode)
    }
    await expect.poll(modes).toEqual(['block', 'block'])
  })

  it('approves only what it names: what waited when it was written is not what waits here', async () => {
    const sync = await shares()
    await learned(world, { shop: ['/etc/web.conf'] })
    await does(world, 'shop', secret, '/srv/named')
    const all = { behaviour: '*', action: 'approve', ...by }
    decideIn({ decisions: [all, on('/srv/named', 'approve')] })
    await becomes(sync, 'shop', '/srv/named', 'approved')
    expect(stateIn(world, 'shop', secret)).toBe('pending')
  })

  it('counts by the time of each decision, against those made in a scope', async () => {
    const sync = await shares()
    await learned(world, { shop: ['/etc/web.conf'] })
    await does(world, 'shop', secret, '/srv/named')
    world.advance(5_000)
    const ids = [idOf(secret), idOf('/srv/named')]
    await world.engine.reject(nameOf('shop'), ids, { who: 'cli:root' })
    const later = { at: new Date(world.now() + 1_000).toISOString() }
    const earlier = { at: new Date(world.now() - 1_000).toISOString() }
    decideIn({
      decisions: [
        { ...on(secret, 'approve'), ...earlier },
        { ...on('/srv/named', 'approve'), ...later },
      ],
    })
    await becomes(sync, 'shop', '/srv/named', 'approved')
    expect(stateIn(world, 'shop', secret)).toBe('rejected')
  })

  it.each<[string, object, number, string]>([
    ['at the same time', {}, 0, 'approved'],
    ['later', {}, 1_000, 'rejected'],
    ['by git', { authority: 'git' }, -1_000, 'rejected'],
  ])('is applied once where its scope decides otherwise: %s', async (_, more, ms, state) => {
    const sync = await shares()
    await learned(world, { shop: ['/etc/web.conf'] })
    await does(world, 'shop', secret)
    const forAll = { ...on(secret, 'reject'), at: new Date(Date.parse(by.at) + ms).toISOString() }
    decideIn({ ...more, decisions: [forAll] })
    decideIn({ decisions: [on(secret, 'approve')] }, { ...image, scope: 'shop' })
    await becomes(sync, 'shop', secret, state)
    const count = async (): Promise<number> => (await world.engine.audit(100)).length
    const before = await count()
    for (let turn = 0; turn < 3; turn += 1) await sync.tick()
    expect(stateIn(world, 'shop', secret)).toBe(state)
    expect(await count()).toBe(before)
  })
})
