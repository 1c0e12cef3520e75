import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { FleetSync } from '../../src/fleet/fleet-sync.ts'
import {
  profileName,
  type ProfileSlice,
  sliceName,
} from '../../src/fleet/kubernetes/fleet-objects.ts'
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
    makeFleet: (link) => new KubeFleet({ api: profiles.api(), node: 'n1', ...link }),
    shareWithinMs: 1,
    random: () => 0,
    tickMs: 3_600_000,
  })
  await sync.start(stop.signal)
  return sync
}

let generation = 0
/** A person writes the object of the image without a scope. */
function decideForAll(spec: object, atMs = Date.now() + 1_000): void {
  generation += 1
  const fields = { 'f:spec': {} }
  const time = new Date(atMs).toISOString().replace(/\.\d+/, '')
  profiles.put(profileName(image), {
    metadata: {
      uid: 'all',
      generation,
      managedFields: [{ manager: 'kubectl-patch', time, fieldsV1: fields }],
    },
    spec: { image, ...spec },
  })
}

/** Another node publishes what it learned in that scope. */
function publishes(scope: string, path: string, isOver: boolean, head: object = {}): void {
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
    ...head,
    ...(isOver ? { learnedAt: '2026-11-24T14:00:00.000Z' } : {}),
  })
}

async function received(scope: string): Promise<void> {
  const { registry } = world.daemon
  const scopes = (): readonly string[] =>
    registry.publishedScopes(sharedImage).scopes.map((each) => each.scope)
  await expect.poll(scopes).toContain(scope)
}

/** Ticks until the object was applied to the version, which it has to be in the end. */
async function applied(sync: FleetSync, scope: string): Promise<void> {
  const reached = async (): Promise<number> => {
    await sync.tick()
    return versionIn(world, scope).reconciledForAll.generation
  }
  await expect.poll(reached).toBe(generation)
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
    decideForAll({ reject: { behaviours: [idOf(secret)] } })
    for (const scope of ['a', 'b']) await applied(sync, scope)
    expect(['a', 'b', 'c'].map((scope) => stateIn(world, scope, secret))).toEqual([
      'rejected',
      'rejected',
      'learned',
    ])
    await world.engine.endLearning(nameOf('c'), { who: 'cli:root' })
    await applied(sync, 'c')
    expect(stateIn(world, 'c', secret)).toBe('rejected')
  })

  it('sets the mode in every scope', async () => {
    const sync = await shares({ rules: { floorMs: 1_000 } })
    await learned(world, { a: [secret], b: [secret] })
    decideForAll({ mode: 'block' })
    for (const scope of ['a', 'b']) await applied(sync, scope)
    expect(['a', 'b'].map((scope) => versionIn(world, scope).life.mode)).toEqual(['block', 'block'])
  })

  it('approves only what it names: what waited when it was written is not what waits here', async () => {
    const sync = await shares()
    await learned(world, { shop: ['/etc/web.conf'] })
    await does(world, 'shop', secret, '/srv/named')
    decideForAll({ approve: { all: true, behaviours: [idOf('/srv/named')] } })
    await applied(sync, 'shop')
    expect(stateIn(world, 'shop', '/srv/named')).toBe('approved')
    expect(stateIn(world, 'shop', secret)).toBe('pending')
  })
})

describe('the time of a decision in an ImageProfile without a scope', () => {
  const published = (): readonly ProfileSlice[] =>
    slices.sent
      .map(({ body }) => body as ProfileSlice)
      .filter(({ reconciledForAll }) => reconciledForAll !== undefined)

  it('is published by a node that saw it, by one of its scopes', async () => {
    const sync = await shares()
    await learned(world, { a: [secret], b: [secret] })
    const atMs = Math.floor(world.now() / 1_000) * 1_000
    decideForAll({ reject: { behaviours: [idOf(secret)] } }, atMs)
    for (const scope of ['a', 'b']) await applied(sync, scope)
    const later = async (): Promise<readonly unknown[]> => {
      world.advance(5_000)
      await sync.tick()
      return published()
    }
    await expect.poll(later).toHaveLength(1)
    expect(published()[0]?.reconciledForAll).toEqual({
      profile: 'all',
      decisions: [
        {
          after: 0,
          generation,
          at: new Date(atMs).toISOString(),
          names: [`reject ${idOf(secret)}`],
        },
      ],
    })
    for (let turn = 0; turn < 5; turn += 1) {
      world.advance(5_000)
      await sync.tick()
    }
    expect(new Set(published().map(({ image: { scope } }) => scope)).size).toBe(1)
  })

  it.each([
    ['that a node published in another scope', true, 'rejected'],
    ['of the latest change, without that', false, 'approved'],
  ])('is for a node that joins later the one %s', async (_, isReported, state) => {
    const sync = await shares()
    await learned(world, { shop: ['/etc/web.conf'] })
    await does(world, 'shop', secret)
    const at = new Date(world.now() - 2_000).toISOString()
    const names = [`approve ${idOf(secret)}`]
    const decisions = [{ after: generation, generation: generation + 1, at, names }]
    const times = { reconciledForAll: { profile: 'all', decisions } }
    publishes('evil', '/srv/other', true, isReported ? times : {})
    await received('evil')
    await world.engine.reject(nameOf('shop'), [idOf(secret)], { who: 'cli:root' })
    decideForAll({ approve: { behaviours: [idOf(secret)] } }, world.now() + 60_000)
    await applied(sync, 'shop')
    expect(stateIn(world, 'shop', secret)).toBe(state)
  })

  it('is taken over when it is published after the decision was read', async () => {
    const sync = await shares()
    await learned(world, { shop: ['/etc/web.conf'] })
    await does(world, 'shop', secret)
    const names = [`approve ${idOf(secret)}`]
    decideForAll({ approve: { behaviours: [idOf(secret)] } }, world.now() - 5_000)
    await applied(sync, 'shop')
    const known = versionIn(world, 'shop').reconciledForAll.generation
    world.advance(5_000)
    await world.engine.reject(nameOf('shop'), [idOf(secret)], { who: 'cli:root' })
    const at = new Date(world.now() + 1_000).toISOString()
    // It was withdrawn and made again while this node did not look.
    decideForAll({ approve: { behaviours: [idOf(secret)] } }, world.now() - 5_000)
    await applied(sync, 'shop')
    expect(stateIn(world, 'shop', secret)).toBe('rejected')
    world.advance(5_000)
    publishes('evil', '/srv/other', true, {
      reconciledForAll: {
        profile: 'all',
        decisions: [{ after: known, generation: known + 1, at, names }],
      },
    })
    const state = async (): Promise<string | undefined> => {
      await sync.tick()
      return stateIn(world, 'shop', secret)
    }
    await expect.poll(state).toBe('approved')
  })
})
