import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ActEvent } from '../../src/event/event.ts'
import { FleetDesk } from '../../src/flow/fleet-desk.ts'
import { profileName } from '../../src/kube/fleet-objects.ts'
import { KubeFleet } from '../../src/kube/kube-fleet.ts'
import { behaviourId, behavioursOf } from '../../src/profile/behaviour.ts'
import type { ModeWord } from '../../src/lifecycle/mode-word.ts'
import type { Decision } from '../../src/profile/profile-entry.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { StoreWrite } from '../../src/store/store.ts'
import { act, shaper } from './act-fixture.ts'
import { daemonWorld, type DaemonWorld, eventMessage, type WorldOptions } from './flow-fixtures.ts'
import { identityOf } from './identity-fixtures.ts'
import { ScriptedApi } from './kube-server.ts'

/** A daemon whose fleet is told by a scripted server: what is heard when, and what is known by then. */
const profilesPath = '/apis/snug.dev/v1alpha1/imageprofiles'
const slicesPath = '/apis/snug.dev/v1alpha1/profileslices'
const container = 'a'.repeat(64)
const { image } = identityOf(container)
const ref = `${image.repository}@${image.digest}`
const person = { who: 'cli:root' }

const opened = (path: string): ActEvent => act.file(path, ['read'], { container })
function idOf(path: string): string {
  const [behaviour] = behavioursOf(opened(path), shaper)
  if (behaviour === undefined) throw new Error(`no behaviour of ${path}`)
  return behaviourId(behaviour.key)
}

let profiles: ScriptedApi
let slices: ScriptedApi
let stop: AbortController
let worlds: DaemonWorld[]

beforeEach(async () => {
  profiles = new ScriptedApi(profilesPath)
  slices = new ScriptedApi(slicesPath)
  for (const server of [profiles, slices]) await server.start()
  stop = new AbortController()
  worlds = []
})

afterEach(async () => {
  stop.abort()
  for (const world of worlds) await world.stop()
  for (const server of [profiles, slices]) await server.kill()
})

/** After its window, having learned one act. */
async function alerting(options: WorldOptions = {}): Promise<DaemonWorld> {
  const world = daemonWorld(options)
  worlds.push(world)
  await world.start()
  world.containers.tell(identityOf(container))
  world.containers.atOnce.add(container)
  const time = new Date(world.now()).toISOString()
  world.source.say({
    type: 'container-started',
    container: { id: container, cgroup: '', time, before: false },
  })
  await does(world, '/etc/learned')
  await world.engine.endLearning(ref, person)
  world.advance(5_000)
  return world
}

async function does(world: DaemonWorld, path: string): Promise<void> {
  const { image: _, ...event } = opened(path)
  world.source.say(
    eventMessage({ ...event, time: new Date(world.now()).toISOString() } as ActEvent),
  )
  await world.source.heard()
}

/** Profiles and slices of two servers: each is the one collection that a scripted one has. */
async function share(world: DaemonWorld): Promise<void> {
  const api = profiles.api()
  const other = slices.api()
  const both = {
    get: (path, ...rest) => (path.startsWith(slicesPath) ? other : api).get(path, ...rest),
    watch: (path, ...rest) => (path.startsWith(slicesPath) ? other : api).watch(path, ...rest),
    send: (path, ...rest) => api.send(path, ...rest),
  } satisfies Pick<typeof api, 'get' | 'watch' | 'send'>
  const desk = new FleetDesk({
    daemon: world.daemon,
    engine: world.engine,
    makeFleet: (link) => new KubeFleet({ api: both as typeof api, node: 'n1', ...link }),
    shareWithinMs: 3_600_000,
    random: () => 1,
    tickMs: 5,
  })
  await desk.start(stop.signal)
}

let said = 0
function say(spec: object, { uid = 'one', generation = ++said, at = Date.now() } = {}): void {
  const time = `${new Date(at).toISOString().slice(0, 19)}Z`
  profiles.put(profileName(image), {
    metadata: {
      uid,
      generation,
      managedFields: [{ manager: 'kubectl-patch', time, fieldsV1: { 'f:spec': {} } }],
    },
    spec: { image: { repository: image.repository, digest: image.digest }, ...spec },
  })
}

/** What was said of the mode at another node. */
function tellMode(node: string, mode: ModeWord): void {
  const { repository, digest } = image
  slices.put(`slice-${node}-0`, { image: { repository, digest }, node, entries: [], mode })
}

function tell(node: string, path: string, decision?: Decision): void {
  const [behaviour] = behavioursOf(opened(path), shaper)
  if (behaviour === undefined) throw new Error(`no behaviour of ${path}`)
  const { actor, uid, object } = behaviour
  slices.put(`slice-${node}-0`, {
    image: { repository: image.repository, digest: image.digest },
    node,
    entries: [
      { schema: 'snug.behaviour/v1', id: idOf(path), actor, uid, object, cells: [], decision },
    ],
  })
}

const stateOf = (world: DaemonWorld, path: string): string | undefined =>
  world.engine.profile(ref).behaviours.find(({ id }) => id === idOf(path))?.state

/** Later than whatever was decided by now: the server notes whole seconds. */
const soon = (): number => Date.now() + 2_000

const heard = async (world: DaemonWorld): Promise<void> => {
  const [version] = world.daemon.shelf.versions
  await vi.waitFor(() => expect(version?.heard.generation).toBe(said))
}

describe('a word on a behaviour that this node does not know', () => {
  it.each([
    ['approve', 'approved'],
    ['reject', 'rejected'],
  ])('is kept, and is heard once it does: %s', async (what, state) => {
    const world = await alerting()
    await share(world)
    say({ [what]: { behaviours: [idOf('/srv/new')] } })
    await heard(world)
    expect(stateOf(world, '/srv/new')).toBeUndefined()
    await does(world, '/srv/new')
    await vi.waitFor(() => expect(stateOf(world, '/srv/new')).toBe(state))
  })

  it('is kept over a restart', async () => {
    const store = new MemoryStore()
    const first = await alerting({ store })
    await share(first)
    say({ approve: { behaviours: [idOf('/srv/new')] } })
    await heard(first)
    await first.daemon.journal.persist()
    stop.abort()
    stop = new AbortController()
    const again = daemonWorld({ store })
    worlds.push(again)
    await again.start()
    await share(again)
    const [version] = again.daemon.shelf.versions
    expect(version?.heard).toEqual({
      profile: 'one',
      generation: said,
      awaited: [idOf('/srv/new')],
    })
  })

  it('is no word on what another node approved and this one never saw', async () => {
    const world = await alerting()
    await share(world)
    const grants = [{ origin: 'entrypoint' }] as const
    const at = '2026-01-01T00:00:00.000Z'
    tell('n2', '/srv/new', { kind: 'approved', by: 'kubectl:kubectl-patch', at, grants })
    await vi.waitFor(() => expect(stateOf(world, '/srv/new')).toBe('approved'))
    say({ approve: { behaviours: [idOf('/srv/new')] } })
    await heard(world)
    const [version] = world.daemon.shelf.versions
    // To approve it here, where nothing was seen of it, would be to allow nothing.
    expect(version?.profile.entries().find(({ id }) => id === idOf('/srv/new'))?.decision).toEqual({
      kind: 'approved',
      by: 'kubectl:kubectl-patch',
      at,
      grants,
    })
    // Whoever rejects it means it, seen or not.
    say({ reject: { behaviours: [idOf('/srv/new')] } }, { at: soon() })
    await vi.waitFor(() => expect(stateOf(world, '/srv/new')).toBe('rejected'))
  })

  it('is not heard again on what a person forgot after it', async () => {
    const world = await alerting()
    await share(world)
    await does(world, '/srv/new')
    say({ approve: { behaviours: [idOf('/srv/new')] } }, { at: soon() })
    await vi.waitFor(() => expect(stateOf(world, '/srv/new')).toBe('approved'))
    await world.engine.withdraw(ref, [idOf('/srv/new')], person)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(stateOf(world, '/srv/new')).toBe('pending')
  })
})

describe('a word on the mode', () => {
  const versionOf = ({ daemon }: DaemonWorld) => [...daemon.shelf.versions][0]
  const lifeOf = (world: DaemonWorld) => versionOf(world)?.life
  const isoAfter = (world: DaemonWorld, ms: number): string =>
    new Date(world.now() + ms).toISOString()
  const modeIs = (world: DaemonWorld, mode: string): Promise<void> =>
    vi.waitFor(() => expect(lifeOf(world)?.mode).toBe(mode))
  const done = (world: DaemonWorld, by: string): Promise<void> =>
    vi.waitFor(() => expect(versionOf(world)?.modeWords.done?.by).toBe(by))

  it('that was said at another node is gone by here, once, and by its author', async () => {
    const world = await alerting()
    await share(world)
    tellMode('n2', { mode: 'learn', by: 'cli:ann', at: isoAfter(world, 1_000) })
    await modeIs(world, 'learn')
    expect(lifeOf(world)?.because).toContain('cli:ann')
    world.advance(2_000)
    await world.engine.setMode(ref, 'alert', person)
    tell('n3', '/srv/theirs', {
      kind: 'approved',
      by: 'cli:root',
      at: isoAfter(world, 0),
      grants: [],
    })
    await vi.waitFor(() => expect(stateOf(world, '/srv/theirs')).toBe('approved'))
    expect(lifeOf(world)?.mode).toBe('alert')
  })

  it.each([
    ['kubectl', 'learn', 1_000, 3_000],
    ['cli:ann', 'alert', 3_000, 1_000],
  ])('stands where it is the later: that of %s', async (who, mode, cliAfter, kubectlAfter) => {
    const world = await alerting()
    await share(world)
    const cliAt = isoAfter(world, cliAfter)
    tellMode('n2', { mode: 'alert', by: 'cli:ann', at: cliAt })
    say({ mode: 'learn' }, { at: world.now() + kubectlAfter })
    await heard(world)
    await vi.waitFor(() => expect(versionOf(world)?.modeWords.done?.by).toContain(who))
    await modeIs(world, mode)
  })

  it('is not said again by a change of something else in its object', async () => {
    const world = await alerting()
    await share(world)
    say({ mode: 'learn' }, { at: world.now() + 1_000 })
    await modeIs(world, 'learn')
    world.advance(3_000)
    await world.engine.setMode(ref, 'alert', person)
    say({ mode: 'learn', reject: { behaviours: [idOf('/x')] } }, { at: world.now() + 2_000 })
    await heard(world)
    await does(world, '/x')
    await vi.waitFor(() => expect(stateOf(world, '/x')).toBe('rejected'))
    expect(lifeOf(world)?.mode).toBe('alert')
  })

  it('counts from when it was heard where the server notes no time of its own for it', async () => {
    const world = await alerting()
    await share(world)
    const at = world.now() + 1_000
    say({ mode: 'learn' }, { at })
    await modeIs(world, 'learn')
    world.advance(3_000)
    await world.engine.setMode(ref, 'learn', person)
    world.advance(2_000)
    say({ mode: 'alert' }, { at })
    await modeIs(world, 'alert')
    await done(world, 'kubectl:kubectl-patch')
  })

  it('is tried again where a gate is shut, and nothing else that was said with it', async () => {
    const world = await alerting({ rules: { floorMs: 60_000, unseen: 1 } })
    await share(world)
    await does(world, '/srv/new')
    say({ mode: 'block', approve: { all: true } }, { at: world.now() + 1_000 })
    await heard(world)
    await does(world, '/srv/newer')
    const tried = vi.spyOn(world.engine, 'setMode')
    await vi.waitFor(() => expect(tried.mock.calls.length).toBeGreaterThan(3))
    const audit = await world.engine.audit(100)
    expect(audit.filter(({ what }) => what === 'approve')).toHaveLength(1)
    expect(stateOf(world, '/srv/newer')).toBe('pending')
    tried.mockRestore()
  })

  it('is put right again for as long as git says it', async () => {
    const world = await alerting()
    await share(world)
    say({ authority: 'git', mode: 'alert' }, { at: world.now() })
    await heard(world)
    world.advance(5_000)
    await world.engine.setMode(ref, 'learn', person)
    await modeIs(world, 'alert')
    expect(lifeOf(world)?.because).toContain('git:kubectl-patch')
    tellMode('n2', { mode: 'learn', by: 'cli:ann', at: isoAfter(world, 1_000) })
    await slices.until((asked) => asked.some(({ query }) => query.has('watch')))
    await does(world, '/srv/other')
    expect(lifeOf(world)?.mode).toBe('alert')
  })

  it('on learning is done with where the window began after it', async () => {
    const world = daemonWorld()
    worlds.push(world)
    tellMode('n2', { mode: 'learn', by: 'cli:ann', at: isoAfter(world, -60_000) })
    await world.start()
    await share(world)
    world.containers.tell(identityOf(container))
    world.containers.atOnce.add(container)
    await does(world, '/etc/learned')
    await world.engine.endLearning(ref, person)
    await done(world, 'cli:ann')
    expect(lifeOf(world)?.mode).toBe('alert')
  })
})

it('hears an ImageProfile that was deleted and made anew, whose words are counted anew', async () => {
  const world = await alerting()
  await share(world)
  say({}, { generation: 40 })
  const [version] = world.daemon.shelf.versions
  await vi.waitFor(() => expect(version?.heard.generation).toBe(40))
  profiles.remove(profileName(image))
  await does(world, '/srv/new')
  say({ approve: { behaviours: [idOf('/srv/new')] } }, { uid: 'two', generation: 2, at: soon() })
  await vi.waitFor(() => expect(stateOf(world, '/srv/new')).toBe('approved'))
})

it('is held to what git says for as long as it is said', async () => {
  const world = await alerting()
  await share(world)
  await does(world, '/srv/new')
  say({ authority: 'git', approve: { behaviours: [idOf('/srv/new')] } })
  await vi.waitFor(() => expect(stateOf(world, '/srv/new')).toBe('approved'))
  await world.engine.reject(ref, [idOf('/srv/new')], person)
  await vi.waitFor(() => expect(stateOf(world, '/srv/new')).toBe('approved'))
  profiles.remove(profileName(image))
  // Whether it went by the watch is seen by nothing else.
  await new Promise((resolve) => setTimeout(resolve, 100))
  await world.engine.reject(ref, [idOf('/srv/new')], person)
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(stateOf(world, '/srv/new')).toBe('rejected')
})

/** A disk that takes its time with what a person decided. */
class SlowStore extends MemoryStore {
  released: Promise<void> = Promise.resolve()
  holding = 0

  override async batch(writes: readonly StoreWrite[]): Promise<void> {
    this.holding += 1
    await this.released
    this.holding -= 1
    await super.batch(writes)
  }
}

it('takes in what others tell while a word is being heard', async () => {
  const store = new SlowStore()
  const world = await alerting({ store })
  await share(world)
  await does(world, '/srv/own')
  let release = (): void => undefined
  store.released = new Promise((resolve) => (release = resolve))
  say({ approve: { all: true } }, { at: soon() })
  await vi.waitFor(() => expect(store.holding).toBeGreaterThan(0))
  const at = new Date().toISOString()
  tell('n2', '/srv/theirs', { kind: 'approved', by: 'cli:root', at, grants: [] })
  await slices.until((asked) => asked.some(({ query }) => query.has('watch')))
  await new Promise((resolve) => setTimeout(resolve, 100))
  release()
  await vi.waitFor(() => expect(stateOf(world, '/srv/theirs')).toBe('approved'))
})
