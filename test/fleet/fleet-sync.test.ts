import { EventEmitter, once } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ActEvent } from '../../src/core/event/event.ts'
import type { DeployedVersion } from '../../src/agent/records/versions/deployed-version.ts'
import { FleetSync } from '../../src/fleet/fleet-sync.ts'
import { classEntries } from '../../src/core/lifecycle/open-version.ts'
import { profileName } from '../../src/fleet/fleet-image.ts'
import { type ProfileSlice, sliceName } from '../../src/fleet/kubernetes/fleet-objects.ts'
import { KubeFleet } from '../../src/fleet/kubernetes/kube-fleet.ts'
import { behaviourId, behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import type { ModeDecision } from '../../src/core/lifecycle/mode-decision.ts'
import type { Decision } from '../../src/core/profile/profile-entry.ts'
import { MemoryStore } from '../../src/agent/records/store/memory-store.ts'
import type { StoreWrite } from '../../src/agent/records/store/store.ts'
import { act, feed, shaper } from '../fixtures/event-fixture.ts'
import {
  daemonWorld,
  type DaemonWorld,
  eventMessage,
  type WorldOptions,
} from '../fixtures/daemon-fixtures.ts'
import { identityOf } from '../fixtures/identity-fixtures.ts'
import { ScriptedApi } from '../fixtures/kube-server.ts'

/** FleetSync of a daemon whose API server is scripted: the order of its changes and the state they lead to. */
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

/** A version after its window, with one learned behaviour. */
async function alerting(options: WorldOptions = {}): Promise<DaemonWorld> {
  const world = daemonWorld(options)
  worlds.push(world)
  await world.start()
  world.containers.report(identityOf(container))
  world.containers.atOnce.add(container)
  const time = new Date(world.now()).toISOString()
  world.source.emit({
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
  world.source.emit(
    eventMessage({ ...event, time: new Date(world.now()).toISOString() } as ActEvent),
  )
  await world.source.received()
}

type Written = Partial<ProfileSlice>

/** A FleetSync whose clock the test controls. */
interface Shared {
  readonly sync: FleetSync
  /** Resolves once FleetSync has received the change that `emit` makes on the server. */
  readonly receives: (
    what: 'onSpecDecision' | 'onSpecDecisionGone' | 'onEntries',
    emit: () => void,
  ) => Promise<void>
  /** Slices that it wrote, in order. */
  readonly written: () => readonly Written[]
}

/**
 * Profiles and slices of two scripted servers, each with one collection. With a fast clock, or without one: then the test
 * calls `tick`.
 */
async function share(
  world: DaemonWorld,
  { clock = true, shareWithinMs = 3_600_000 } = {},
): Promise<Shared> {
  profiles.beside = slices
  const reconciledOf = new EventEmitter()
  const sync = new FleetSync({
    context: world.daemon,
    engine: world.engine,
    holds: world.daemon.sharedHolds,
    makeFleet: (link) => {
      const written =
        <T>(what: string, report: (value: T) => void) =>
        (value: T): void => {
          report(value)
          reconciledOf.emit(what)
        }
      return new KubeFleet({
        api: profiles.api(),
        node: 'n1',
        ...link,
        onSpecDecision: written('onSpecDecision', link.onSpecDecision),
        onSpecDecisionGone: written('onSpecDecisionGone', link.onSpecDecisionGone),
        onEntries: written('onEntries', link.onEntries),
      })
    },
    shareWithinMs,
    random: () => 1,
    tickMs: clock ? 5 : 3_600_000,
  })
  await sync.start(stop.signal)
  const receives: Shared['receives'] = async (what, change) => {
    const came = once(reconciledOf, what)
    change()
    await came
  }
  // This test checks the written objects; test/kube checks that the server accepts them.
  return { sync, receives, written: () => slices.sent.map(({ body }) => body as Written) }
}

/** Decisions of one person and one instant, in the ImageProfile. Of behaviours the ids. */
interface Decided {
  readonly mode?: string
  readonly approve?: readonly string[]
  readonly release?: readonly string[]
  readonly reject?: readonly string[]
  readonly by?: string
  /** In milliseconds. */
  readonly at?: number
  readonly reason?: string
}

let generation = 0
/** What stands in the object from now on. */
function emit(all: Decided | readonly Decided[], authority = 'operator'): void {
  generation += 1
  const spec: { mode?: object; decisions: object[] } = { decisions: [] }
  for (const { mode, by = 'kubectl', at = Date.now(), reason, ...ids } of [all].flat()) {
    const author = { by, at: new Date(at).toISOString() }
    if (mode !== undefined) spec.mode = { value: mode, ...author }
    for (const action of ['approve', 'release', 'reject'] as const)
      for (const behaviour of ids[action] ?? [])
        spec.decisions.push({ behaviour, action, ...author, ...(reason && { reason }) })
  }
  profiles.put(profileName(image), {
    metadata: { generation },
    spec: { image: { repository: image.repository, digest: image.digest }, authority, ...spec },
  })
}

/** Publishes a mode decision of another node. */
function reportMode(node: string, mode: ModeDecision): void {
  const { repository, digest } = image
  slices.put(sliceName(image, node, 0), { image: { repository, digest }, node, entries: [], mode })
}

function report(node: string, path: string, decision?: Decision): void {
  const [behaviour] = behavioursOf(opened(path), shaper)
  if (behaviour === undefined) throw new Error(`no behaviour of ${path}`)
  const { actor, uid, object } = behaviour
  slices.put(sliceName(image, node, 0), {
    image: { repository: image.repository, digest: image.digest },
    node,
    entries: [
      { schema: 'snug.behaviour/v1', id: idOf(path), actor, uid, object, cells: [], decision },
    ],
  })
}

const stateOf = async (world: DaemonWorld, path: string): Promise<string | undefined> =>
  (await world.engine.profile(ref)).behaviours.find(({ id }) => id === idOf(path))?.state

/** Emits, and applies it. Only where the test calls `tick`. */
async function decided(
  { sync, receives }: Shared,
  ...what: Parameters<typeof emit>
): Promise<void> {
  await receives('onSpecDecision', () => emit(...what))
  await sync.tick()
}

const versionOf = ({ daemon }: DaemonWorld): DeployedVersion | undefined =>
  [...daemon.registry.index][0]

const isoAfter = (world: DaemonWorld, ms: number): string =>
  new Date(world.now() + ms).toISOString()

it('a decision applies when it comes, not at the next tick', async () => {
  const world = await alerting()
  await share(world, { clock: false })
  await does(world, '/srv/new')
  emit({ approve: [idOf('/srv/new')], mode: 'learn', at: world.now() + 1_000 })
  await expect.poll(() => stateOf(world, '/srv/new')).toBe('approved')
  await expect.poll(() => versionOf(world)?.life.mode).toBe('learn')
})

it('class open is a decision in the object, and is taken back by one', async () => {
  const world = await alerting()
  const shared = await share(world, { clock: false })
  const isOpen = (): boolean | undefined => versionOf(world)?.profile.isOpen
  await decided(shared, { reject: ['any-program'], at: world.now() })
  expect(isOpen()).toBe(false)
  await decided(shared, { approve: ['any-program'], at: world.now() + 1_000, reason: 'an agent' })
  expect(isOpen()).toBe(true)
  const [version] = (await world.engine.image(ref)).versions
  expect(version?.open).toMatchObject({ by: 'spec:kubectl', reason: 'an agent' })
  await decided(shared, { reject: ['any-program'], at: world.now() + 2_000 })
  expect(isOpen()).toBe(false)
})

it('class open of one node is that of the others, with the folders of its window', async () => {
  const world = await alerting()
  const { sync, receives } = await share(world, { clock: false })
  await sync.tick()
  const by = { kind: 'approved', by: 'cli:jo', at: new Date(world.now()).toISOString() } as const
  const folders = {
    programs: { within: ['/workspace/'], except: [] },
    work: { within: [], except: [] },
  }
  const { repository, digest } = image
  const entries = classEntries(folders, by)
  await receives('onEntries', () =>
    slices.put(sliceName(image, 'n2', 0), { image: { repository, digest }, node: 'n2', entries }),
  )
  await sync.tick()
  const [version] = (await world.engine.image(ref)).versions
  expect(version).toMatchObject({ open: { by: 'cli:jo' } })
  expect(version?.evidence?.folders?.programs).toEqual(['/workspace/'])
})

it('a decision of a person at the node is published with the next tick', async () => {
  const world = await alerting()
  const { sync, written } = await share(world, { clock: false })
  await sync.tick()
  await does(world, '/srv/new')
  const before = written().length
  await sync.tick()
  expect(written()).toHaveLength(before)
  await world.engine.approve(ref, [idOf('/srv/new')], person)
  await sync.tick()
  const entries = written()
    .slice(before)
    .flatMap((slice) => slice.entries ?? [])
  expect(entries.map(({ id }) => id)).toContain(idOf('/srv/new'))
})

it('a decision of the fleet is not published at once by each node that applies it', async () => {
  const world = await alerting()
  const shared = await share(world, { clock: false })
  await shared.sync.tick()
  await does(world, '/srv/new')
  const before = shared.written().length
  await decided(shared, { approve: [idOf('/srv/new')] })
  expect(await stateOf(world, '/srv/new')).toBe('approved')
  await shared.sync.tick()
  expect(shared.written()).toHaveLength(before)
})

it('a node that publishes nothing leaves the status to one that does', async () => {
  const world = await alerting()
  const known = [...(versionOf(world)?.profile.entries() ?? [])]
  const learnedAt = isoAfter(world, -5_000)
  slices.put(sliceName(image, 'n2', 0), {
    image: { repository: image.repository, digest: image.digest },
    node: 'n2',
    entries: known.map((entry) => ({
      ...entry,
      cells: entry.cells.map((cell) => ({ ...cell, nodes: ['n2'] })),
    })),
    learnedAt,
  })
  emit({})
  const { sync, written } = await share(world, { clock: false, shareWithinMs: 0 })
  for (let round = 0; round < 5; round += 1) {
    await does(world, `/srv/waits-${round}`)
    await sync.tick()
  }
  expect(written()).toEqual([])
  const statuses = profiles.sent.filter(({ path }) => path.endsWith('/status'))
  // The other node has not written one. This one does so once, when it has looked twice.
  expect(statuses).toHaveLength(1)
})

describe('a decision on a behaviour that this node has not observed', () => {
  it.each([
    ['approve', 'approved'],
    ['reject', 'rejected'],
  ])('waits, and applies once the node observes it: %s', async (what, state) => {
    const world = await alerting()
    const shared = await share(world, { clock: false })
    await decided(shared, { [what]: [idOf('/srv/new')] })
    expect(await stateOf(world, '/srv/new')).toBeUndefined()
    await does(world, '/srv/new')
    await shared.sync.tick()
    expect(await stateOf(world, '/srv/new')).toBe(state)
  })

  it('leaves the approval of another node as it is where this node has no evidence', async () => {
    const world = await alerting()
    const shared = await share(world, { clock: false })
    const grants = [{ origin: 'entrypoint' }] as const
    const at = '2026-01-01T00:00:00.000Z'
    await shared.receives('onEntries', () =>
      report('n2', '/srv/new', { kind: 'approved', by: 'spec:kubectl', at, grants }),
    )
    await shared.sync.tick()
    expect(await stateOf(world, '/srv/new')).toBe('approved')
    await decided(shared, { approve: [idOf('/srv/new')] })
    // An approval on this node, which has no evidence, would allow nothing.
    const entries = versionOf(world)?.profile.entries() ?? []
    expect(entries.find(({ id }) => id === idOf('/srv/new'))?.decision).toEqual({
      kind: 'approved',
      by: 'spec:kubectl',
      at,
      grants,
    })
    // A rejection applies with or without evidence.
    await decided(shared, { reject: [idOf('/srv/new')], at: Date.now() })
    expect(await stateOf(world, '/srv/new')).toBe('rejected')
  })

  it('does not apply again after a person withdrew it', async () => {
    const world = await alerting()
    const shared = await share(world, { clock: false })
    await does(world, '/srv/new')
    await decided(shared, { approve: [idOf('/srv/new')], at: world.now() })
    expect(await stateOf(world, '/srv/new')).toBe('approved')
    world.advance(1_000)
    await world.engine.withdraw(ref, [idOf('/srv/new')], person)
    await shared.sync.tick()
    expect(await stateOf(world, '/srv/new')).toBe('pending')
  })
})

describe('a decision among others of its object', () => {
  const a = idOf('/srv/a')
  const b = idOf('/srv/b')

  it('does not apply again where another one is added beside it, nor after a restart', async () => {
    const store = new MemoryStore()
    const world = await alerting({ store })
    const shared = await share(world, { clock: false })
    await does(world, '/srv/a')
    const first = { approve: [a], at: world.now() + 1_000 }
    await decided(shared, first)
    expect(await stateOf(world, '/srv/a')).toBe('approved')
    world.advance(3_000)
    await world.engine.reject(ref, [a], person)
    await does(world, '/srv/b')
    const second = { approve: [b], at: world.now() + 2_000 }
    await decided(shared, [first, second])
    expect(await stateOf(world, '/srv/b')).toBe('approved')
    expect(await stateOf(world, '/srv/a')).toBe('rejected')
    await world.daemon.journal.persist()
    stop.abort()
    stop = new AbortController()
    const again = daemonWorld({ store, startMs: world.now() })
    worlds.push(again)
    await again.start()
    const sharedAgain = await share(again, { clock: false })
    await decided(sharedAgain, [first, second, { approve: [idOf('/srv/c')] }])
    expect(await stateOf(again, '/srv/a')).toBe('rejected')
  })

  it('applies again where it is made again, whatever this node saw meanwhile', async () => {
    const world = await alerting()
    const shared = await share(world, { clock: false })
    await does(world, '/srv/a')
    const approved = { mode: 'alert', approve: [a] }
    await decided(shared, { ...approved, at: world.now() + 1_000 })
    world.advance(3_000)
    await world.engine.reject(ref, [a], person)
    await world.engine.setMode(ref, 'learn', person)
    await shared.sync.tick()
    expect(await stateOf(world, '/srv/a')).toBe('rejected')
    expect(versionOf(world)?.life.mode).toBe('learn')
    // The watch ends, and the server forgets the changes meanwhile: the node lists again.
    await shared.receives('onSpecDecision', () => {
      profiles.endWatches()
      emit({ mode: 'learn', at: world.now() + 1_000 })
      emit({ ...approved, at: world.now() + 2_000 })
      profiles.compact()
    })
    const state = async (): Promise<string | undefined> => {
      await shared.sync.tick()
      return stateOf(world, '/srv/a')
    }
    await expect.poll(state).toBe('approved')
    expect(versionOf(world)?.life.mode).toBe('alert')
  })

  it('applies where it was edited and kept its time', async () => {
    const world = await alerting()
    const shared = await share(world, { clock: false })
    await does(world, '/srv/a')
    const at = world.now() + 1_000
    for (const mode of ['learn', 'alert', 'learn']) {
      await decided(shared, { mode, approve: [a], at })
      expect(await stateOf(world, '/srv/a')).toBe('approved')
      expect(versionOf(world)?.life.mode).toBe(mode)
      await decided(shared, { mode, reject: [a], at })
      expect(await stateOf(world, '/srv/a')).toBe('rejected')
    }
  })

  it.each([
    ['earlier', 1_000, 'rejected'],
    ['later', 3_000, 'approved'],
  ])('%s than that of another node applies so on a node that joins later', async (_, ms, state) => {
    const world = await alerting()
    await does(world, '/srv/a')
    const at = isoAfter(world, 2_000)
    report('n2', '/srv/a', { kind: 'rejected', by: 'cli:root', at, grants: [] })
    emit({ approve: [a, b], at: world.now() + ms })
    const { sync } = await share(world, { clock: false })
    await sync.tick()
    await sync.tick()
    expect(await stateOf(world, '/srv/a')).toBe(state)
  })

  it('has its own author, time and reason', async () => {
    const world = await alerting()
    const shared = await share(world, { clock: false })
    await does(world, '/srv/a')
    await does(world, '/srv/b')
    const [early, late] = [world.now() + 1_000, world.now() + 2_000]
    await decided(shared, [
      { approve: [a], by: 'ann', at: early, reason: 'the new cache' },
      { approve: [b], by: 'bob', at: late },
      { mode: 'learn', by: 'mode-bot', at: world.now() },
    ])
    const entries = versionOf(world)?.profile.entries() ?? []
    const decisionOn = (id: string) => entries.find((each) => each.id === id)?.decision
    expect(decisionOn(a)).toMatchObject({
      by: 'spec:ann',
      at: new Date(early).toISOString(),
      reason: 'the new cache',
    })
    expect(decisionOn(b)).toMatchObject({ by: 'spec:bob', at: new Date(late).toISOString() })
    expect(versionOf(world)?.modeDecisions.done?.by).toBe('spec:mode-bot')
  })
})

describe('a decision on the mode', () => {
  const lifeOf = (world: DaemonWorld) => versionOf(world)?.life
  const modeIs = (world: DaemonWorld, mode: string): Promise<void> =>
    expect.poll(() => lifeOf(world)?.mode).toBe(mode)
  const done = (world: DaemonWorld, by: string): Promise<void> =>
    expect.poll(() => versionOf(world)?.modeDecisions.done?.by).toBe(by)

  it('from another node applies here once, in the name of its author', async () => {
    const world = await alerting()
    await share(world)
    reportMode('n2', { mode: 'learn', by: 'cli:ann', at: isoAfter(world, 1_000) })
    await modeIs(world, 'learn')
    expect(lifeOf(world)?.because).toContain('cli:ann')
    world.advance(2_000)
    await world.engine.setMode(ref, 'alert', person)
    report('n3', '/srv/theirs', {
      kind: 'approved',
      by: 'cli:root',
      at: isoAfter(world, 0),
      grants: [],
    })
    await expect.poll(() => stateOf(world, '/srv/theirs')).toBe('approved')
    expect(lifeOf(world)?.mode).toBe('alert')
  })

  it.each([
    ['kubectl', 'learn', 1_000, 3_000],
    ['cli:ann', 'alert', 3_000, 1_000],
  ])('applies where it is the later one: that of %s', async (who, mode, cliAfter, kubectlAfter) => {
    const world = await alerting()
    await share(world)
    const cliAt = isoAfter(world, cliAfter)
    reportMode('n2', { mode: 'alert', by: 'cli:ann', at: cliAt })
    emit({ mode: 'learn', at: world.now() + kubectlAfter })
    await expect.poll(() => versionOf(world)?.modeDecisions.done?.by).toContain(who)
    await modeIs(world, mode)
  })

  it('is written once with the first slice, and break-glass is not', async () => {
    const world = await alerting({ rules: { unseen: 1 } })
    const { sync, written } = await share(world, { clock: false, shareWithinMs: 0 })
    await sync.tick()
    const at = new Date(world.now()).toISOString()
    const canary = { fraction: 0.5, forMs: 60_000 }
    await world.engine.setMode(ref, 'block', { ...person, reason: 'it is time' }, canary)
    await sync.tick()
    const decision = { mode: 'block', by: 'cli:root', at, reason: 'it is time', canary }
    expect(written().map(({ mode }) => mode)).toEqual([undefined, decision])
    await world.engine.breakGlass(ref, 60_000, { ...person, reason: 'an outage' })
    await sync.tick()
    expect(written()).toHaveLength(2)
    expect(lifeOf(world)?.breakGlass).toBeDefined()
    // The approval of a whole version sets mode alert on all nodes.
    await world.engine.setMode(ref, 'learn', person)
    world.advance(500)
    await world.engine.approve(ref, undefined, { who: 'cli:ann' })
    await sync.tick()
    expect(written().at(-1)?.mode).toMatchObject({ mode: 'alert', by: 'cli:ann' })
  })

  it('does not apply again when something else in its object changes', async () => {
    const world = await alerting()
    const shared = await share(world, { clock: false })
    const learn = { mode: 'learn', at: world.now() + 1_000 }
    await decided(shared, learn)
    expect(lifeOf(world)?.mode).toBe('learn')
    world.advance(3_000)
    await world.engine.setMode(ref, 'alert', person)
    await does(world, '/x')
    await decided(shared, [learn, { reject: [idOf('/x')], at: world.now() + 2_000 }])
    expect(await stateOf(world, '/x')).toBe('rejected')
    expect(lifeOf(world)?.mode).toBe('alert')
  })

  it('is retried while a gate refuses it, with one warning and without side effects', async () => {
    const world = await alerting({ rules: { floorMs: 60_000, unseen: 1 } })
    const shared = await share(world, { clock: false })
    const { sync } = shared
    const warned = vi.spyOn(world.daemon.parts.log, 'warn')
    await does(world, '/srv/new')
    await decided(shared, { mode: 'block', approve: ['*'], at: world.now() + 1_000 })
    await does(world, '/srv/newer')
    for (let second = 0; second < 3; second += 1) {
      world.advance(1_000)
      await sync.tick()
    }
    const audit = await world.engine.audit(100)
    expect(audit.filter(({ what }) => what === 'approve')).toHaveLength(1)
    expect(await stateOf(world, '/srv/newer')).toBe('pending')
    // A busy machine is a warning too.
    const ours = warned.mock.calls.filter(([, message]) => message?.startsWith('a decision of'))
    expect(ours).toHaveLength(1)
    world.advance(60_000)
    await sync.tick()
    expect(lifeOf(world)?.mode).toBe('block')
  })

  it('is restored for as long as the object in git contains it', async () => {
    const world = await alerting()
    const shared = await share(world, { clock: false })
    const { sync, receives } = shared
    await decided(shared, { mode: 'alert', at: world.now() }, 'git')
    world.advance(5_000)
    await world.engine.setMode(ref, 'learn', person)
    await sync.tick()
    expect(lifeOf(world)?.mode).toBe('alert')
    expect(lifeOf(world)?.because).toContain('git:kubectl')
    const at = isoAfter(world, 1_000)
    await receives('onEntries', () => reportMode('n2', { mode: 'learn', by: 'cli:ann', at }))
    await sync.tick()
    expect(lifeOf(world)?.mode).toBe('alert')
    // An overruled decision does not come back once people decide again.
    await decided(shared, { mode: 'alert', at: world.now() + 5_000 })
    expect(lifeOf(world)?.mode).toBe('alert')
  })

  it('on learning counts as done where the window began after it', async () => {
    const world = daemonWorld()
    worlds.push(world)
    reportMode('n2', { mode: 'learn', by: 'cli:ann', at: isoAfter(world, -60_000) })
    await world.start()
    await share(world)
    world.containers.report(identityOf(container))
    world.containers.atOnce.add(container)
    await does(world, '/etc/learned')
    await world.engine.endLearning(ref, person)
    await done(world, 'cli:ann')
    expect(lifeOf(world)?.mode).toBe('alert')
  })
})

it('keeps to the decisions in git for as long as they are there', async () => {
  const world = await alerting()
  const shared = await share(world, { clock: false })
  const { sync, receives } = shared
  await does(world, '/srv/new')
  await decided(shared, { approve: [idOf('/srv/new')] }, 'git')
  expect(await stateOf(world, '/srv/new')).toBe('approved')
  await world.engine.reject(ref, [idOf('/srv/new')], person)
  await sync.tick()
  expect(await stateOf(world, '/srv/new')).toBe('approved')
  await receives('onSpecDecisionGone', () => profiles.remove(profileName(image)))
  await world.engine.reject(ref, [idOf('/srv/new')], person)
  await sync.tick()
  expect(await stateOf(world, '/srv/new')).toBe('rejected')
})

/** A store that delays the write of a decision. */
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

describe('a decision that another node published', () => {
  const audited = async ({ daemon }: DaemonWorld): Promise<readonly object[]> => {
    await daemon.journal.persist()
    return daemon.journal.trail.list(10)
  }

  it('is in the audit log of this node, with its author and the node that reported it', async () => {
    const world = await alerting()
    const { sync, receives } = await share(world, { clock: false })
    await does(world, '/srv/new')
    const at = new Date(world.now() + 1_000).toISOString()
    const grants = [{ origin: 'entrypoint' }] as const
    await receives('onEntries', () =>
      report('n2', '/srv/new', { kind: 'approved', by: 'cli:root', at, grants }),
    )
    await sync.tick()
    expect(await stateOf(world, '/srv/new')).toBe('approved')
    const entry = { what: 'approve', who: 'cli:root', node: 'n2', decidedAt: at }
    const [change] = [{ behaviour: idOf('/srv/new'), before: 'pending', after: 'approved' }]
    expect(await audited(world)).toContainEqual(
      expect.objectContaining({ ...entry, changes: [expect.objectContaining(change)] }),
    )
    // Once, although the node publishes the slice again.
    await receives('onEntries', () =>
      report('n2', '/srv/new', { kind: 'approved', by: 'cli:root', at, grants }),
    )
    await sync.tick()
    const entries = await audited(world)
    expect(entries.filter((each) => 'node' in each)).toHaveLength(1)
  })

  it('names the node also where it is a decision on the mode', async () => {
    const world = await alerting()
    const { sync, receives } = await share(world, { clock: false })
    const at = new Date(world.now() + 1_000).toISOString()
    await receives('onEntries', () => reportMode('n2', { mode: 'learn', by: 'cli:root', at }))
    await sync.tick()
    expect(versionOf(world)?.life.mode).toBe('learn')
    expect(await audited(world)).toContainEqual(
      expect.objectContaining({ what: 'mode', who: 'cli:root', node: 'n2' }),
    )
  })
})

describe('an approval in an ImageProfile', () => {
  it('frees what a guardrail holds only as a release', async () => {
    const world = await alerting()
    const shared = await share(world, { clock: false })
    await does(world, '/etc/shadow')
    await does(world, '/srv/new')
    expect(await stateOf(world, '/etc/shadow')).toBe('quarantined')
    const both = [idOf('/etc/shadow'), idOf('/srv/new')]
    await decided(shared, { approve: both })
    expect(await stateOf(world, '/srv/new')).toBe('approved')
    expect(await stateOf(world, '/etc/shadow')).toBe('quarantined')
    await decided(shared, { release: both })
    expect(await stateOf(world, '/etc/shadow')).toBe('approved')
  })

  it('frees what a guardrail holds not together with all that waits', async () => {
    const world = await alerting()
    const shared = await share(world, { clock: false })
    await does(world, '/etc/shadow')
    await does(world, '/srv/new')
    await decided(shared, { approve: ['*'] })
    expect(await stateOf(world, '/srv/new')).toBe('approved')
    expect(await stateOf(world, '/etc/shadow')).toBe('quarantined')
    // Once: what comes later waits, also where another decision comes.
    await does(world, '/srv/later')
    await shared.sync.tick()
    expect(await stateOf(world, '/srv/later')).toBe('pending')
  })

  it('has no author of a node, whatever name is written there', async () => {
    const world = await alerting()
    const shared = await share(world, { clock: false })
    await does(world, '/srv/new')
    await decided(shared, { approve: [idOf('/srv/new')], by: 'cli:root' })
    await world.daemon.journal.persist()
    const entries = await world.daemon.journal.trail.list(10)
    expect(entries).toContainEqual(
      expect.objectContaining({ what: 'approve', who: 'spec:cli:root' }),
    )
  })
})

it('publishes all of a profile as it is in one turn, whatever is decided meanwhile', async () => {
  const world = await alerting()
  const profile = versionOf(world)?.profile
  if (profile === undefined) throw new Error('no version')
  // Of evidence that takes several turns to read.
  const numbers = Array.from({ length: 1_000 }, (_, n) => n)
  for (const letter of 'abcdefghij') {
    const by = { container: letter.repeat(64) }
    feed(
      profile,
      numbers.map((n) => act.exec(`/bin/tool${n}`, by)),
    )
  }
  const ids = profile.entries().map(({ id }) => id)
  const { sync, written } = await share(world, { clock: false, shareWithinMs: 0 })
  const at = new Date().toISOString()
  let turns = 0
  let isOver = false
  const decide = (): void => {
    if (isOver) return
    turns += 1
    profile.decideAll(ids, { kind: 'approved', by: `turn ${turns}`, at })
    setImmediate(decide)
  }
  decide()
  let before = 0
  while (written().length === 0) {
    before = turns
    await sync.tick()
  }
  isOver = true
  expect(turns - before).toBeGreaterThan(3)
  const entries = written().flatMap((slice) => slice.entries ?? [])
  expect(new Set(entries.map(({ id }) => id))).toEqual(new Set(ids))
  expect(new Set(entries.map(({ decision }) => decision?.by)).size).toBe(1)
})

it('merges entries of other nodes while it applies a decision', async () => {
  const store = new SlowStore()
  const world = await alerting({ store })
  const { sync, receives } = await share(world, { clock: false })
  await does(world, '/srv/own')
  let release = (): void => undefined
  store.released = new Promise((resolve) => (release = resolve))
  await receives('onSpecDecision', () => emit({ approve: ['*'] }))
  const time = sync.tick()
  await expect.poll(() => store.holding).toBeGreaterThan(0)
  const at = new Date().toISOString()
  await receives('onEntries', () =>
    report('n2', '/srv/theirs', { kind: 'approved', by: 'cli:root', at, grants: [] }),
  )
  await sync.tick()
  release()
  await time
  await sync.tick()
  expect(await stateOf(world, '/srv/theirs')).toBe('approved')
})
