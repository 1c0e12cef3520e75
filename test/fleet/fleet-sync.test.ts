import { EventEmitter, once } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ActEvent } from '../../src/core/event/event.ts'
import type { DeployedVersion } from '../../src/state/versions/deployed-version.ts'
import { FleetSync } from '../../src/fleet/fleet-sync.ts'
import {
  type ProfileSlice,
  profileName,
  sliceName,
} from '../../src/fleet/kubernetes/fleet-objects.ts'
import { KubeFleet } from '../../src/fleet/kubernetes/kube-fleet.ts'
import { behaviourId, behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import type { ModeDecision } from '../../src/core/lifecycle/mode-decision.ts'
import type { Decision } from '../../src/core/profile/profile-entry.ts'
import { MemoryStore } from '../../src/state/store/memory-store.ts'
import type { StoreWrite } from '../../src/state/store/store.ts'
import { act, shaper } from '../fixtures/event-fixture.ts'
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

/** In the precision of the server. */
const secondOf = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}.000Z`

let decisions = 0
function emit(
  spec: object,
  {
    uid = 'one',
    generation = ++decisions,
    at = Date.now(),
    managers = [
      {
        manager: 'kubectl-patch',
        time: secondOf(at).replace('.000', ''),
        fieldsV1: { 'f:spec': {} } as object,
      },
    ],
  } = {},
): void {
  profiles.put(profileName(image), {
    metadata: {
      uid,
      generation,
      managedFields: managers,
    },
    spec: { image: { repository: image.repository, digest: image.digest }, ...spec },
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

/** Later than every decision so far: the server records whole seconds. */
const soon = (): number => Date.now() + 2_000

const reconciled = async (world: DaemonWorld): Promise<void> => {
  const [version] = world.daemon.registry.index
  await expect.poll(() => version?.reconciled.generation).toBe(decisions)
}

describe('a decision on a behaviour that this node has not observed', () => {
  it.each([
    ['approve', 'approved'],
    ['reject', 'rejected'],
  ])('is kept and applies once the node observes it: %s', async (what, state) => {
    const world = await alerting()
    await share(world)
    emit({ [what]: { behaviours: [idOf('/srv/new')] } })
    await reconciled(world)
    expect(await stateOf(world, '/srv/new')).toBeUndefined()
    await does(world, '/srv/new')
    await expect.poll(() => stateOf(world, '/srv/new')).toBe(state)
  })

  it('is kept over a restart', async () => {
    const store = new MemoryStore()
    const first = await alerting({ store })
    await share(first)
    const at = Date.now()
    emit({ approve: { behaviours: [idOf('/srv/new')] } }, { at })
    await reconciled(first)
    await first.daemon.journal.persist()
    stop.abort()
    stop = new AbortController()
    const again = daemonWorld({ store })
    worlds.push(again)
    await again.start()
    await share(again)
    const [version] = again.daemon.registry.index
    expect(version?.reconciled).toEqual({
      profile: 'one',
      generation: decisions,
      awaited: [idOf('/srv/new')],
      decisions: [
        {
          after: 0,
          generation: decisions,
          at: secondOf(at),
          names: [`approve ${idOf('/srv/new')}`],
        },
      ],
    })
  })

  it('leaves the approval of another node as it is where this node has no evidence', async () => {
    const world = await alerting()
    await share(world)
    const grants = [{ origin: 'entrypoint' }] as const
    const at = '2026-01-01T00:00:00.000Z'
    report('n2', '/srv/new', { kind: 'approved', by: 'field-manager:kubectl-patch', at, grants })
    await expect.poll(() => stateOf(world, '/srv/new')).toBe('approved')
    emit({ approve: { behaviours: [idOf('/srv/new')] } })
    await reconciled(world)
    const [version] = world.daemon.registry.index
    // An approval on this node, which has no evidence, would allow nothing.
    expect(version?.profile.entries().find(({ id }) => id === idOf('/srv/new'))?.decision).toEqual({
      kind: 'approved',
      by: 'field-manager:kubectl-patch',
      at,
      grants,
    })
    // A rejection applies with or without evidence.
    emit({ reject: { behaviours: [idOf('/srv/new')] } }, { at: soon() })
    await expect.poll(() => stateOf(world, '/srv/new')).toBe('rejected')
  })

  it('does not apply again after a person withdrew it', async () => {
    const world = await alerting()
    const { sync, receives } = await share(world, { clock: false })
    await does(world, '/srv/new')
    await receives('onSpecDecision', () =>
      emit({ approve: { behaviours: [idOf('/srv/new')] } }, { at: soon() }),
    )
    await sync.tick()
    expect(await stateOf(world, '/srv/new')).toBe('approved')
    await world.engine.withdraw(ref, [idOf('/srv/new')], person)
    await sync.tick()
    expect(await stateOf(world, '/srv/new')).toBe('pending')
  })
})

const versionOf = ({ daemon }: DaemonWorld): DeployedVersion | undefined =>
  [...daemon.registry.index][0]

describe('a decision among others of its object', () => {
  const a = idOf('/srv/a')
  const b = idOf('/srv/b')

  it('does not apply again where another one is added beside it', async () => {
    const store = new MemoryStore()
    const world = await alerting({ store })
    await share(world)
    await does(world, '/srv/a')
    emit({ approve: { behaviours: [a] } }, { at: world.now() + 1_000 })
    await expect.poll(() => stateOf(world, '/srv/a')).toBe('approved')
    world.advance(3_000)
    await world.engine.reject(ref, [a], person)
    await does(world, '/srv/b')
    emit({ approve: { behaviours: [a, b] } }, { at: world.now() + 2_000 })
    await expect.poll(() => stateOf(world, '/srv/b')).toBe('approved')
    expect(await stateOf(world, '/srv/a')).toBe('rejected')
    // Nor after a restart: the store has the reconciled decisions.
    await world.daemon.journal.persist()
    stop.abort()
    stop = new AbortController()
    const again = daemonWorld({ store, startMs: world.now() })
    worlds.push(again)
    await again.start()
    await share(again)
    emit({ approve: { behaviours: [a, b, idOf('/srv/c')] } }, { at: again.now() + 3_000 })
    await reconciled(again)
    expect(await stateOf(again, '/srv/a')).toBe('rejected')
  })

  it('applies again where it was withdrawn and made again before this node looked', async () => {
    const world = await alerting()
    const { sync, receives } = await share(world, { clock: false })
    const receive = (spec: object, afterMs: number): Promise<void> =>
      receives('onSpecDecision', () => emit(spec, { at: world.now() + afterMs }))
    await does(world, '/srv/a')
    const approved = { mode: 'alert', approve: { behaviours: [a] } }
    await receive(approved, 1_000)
    await sync.tick()
    expect(await stateOf(world, '/srv/a')).toBe('approved')
    world.advance(3_000)
    await world.engine.reject(ref, [a], person)
    await world.engine.setMode(ref, 'learn', person)
    await sync.tick()
    expect(await stateOf(world, '/srv/a')).toBe('rejected')
    expect(versionOf(world)?.life.mode).toBe('learn')
    await receive({ mode: 'alert', approve: { behaviours: [] } }, 1_000)
    await receive({ approve: { behaviours: [a] } }, 2_000)
    await receive(approved, 2_000)
    await sync.tick()
    expect(await stateOf(world, '/srv/a')).toBe('approved')
    expect(versionOf(world)?.life.mode).toBe('alert')
  })

  describe('whose withdrawal the watch of this node lost', () => {
    /** A node with another decision than the object, of which it saw neither the withdrawal nor the repetition. */
    async function missed(): Promise<{ readonly world: DaemonWorld; readonly shared: Shared }> {
      const world = await alerting()
      const shared = await share(world, { clock: false })
      await does(world, '/srv/a')
      const approved = { mode: 'alert', approve: { behaviours: [a] } }
      await shared.receives('onSpecDecision', () => emit(approved, { at: world.now() + 1_000 }))
      await shared.sync.tick()
      world.advance(3_000)
      await world.engine.reject(ref, [a], person)
      await world.engine.setMode(ref, 'learn', person)
      await shared.sync.tick()
      return { world, shared }
    }
    /** The watch ends, and the server forgets the changes meanwhile: the node lists again. */
    const repeats = (world: DaemonWorld): void => {
      profiles.endWatches()
      emit({ mode: 'learn', approve: { behaviours: [] } }, { at: world.now() + 1_000 })
      emit({ mode: 'alert', approve: { behaviours: [a] } }, { at: world.now() + 2_000 })
      profiles.compact()
    }
    /** Once both watches run again. */
    async function looks(world: DaemonWorld, { sync }: Shared): Promise<void> {
      const generation = async (): Promise<number | undefined> => {
        await sync.tick()
        return versionOf(world)?.reconciled.generation
      }
      await expect.poll(generation).toBe(decisions)
    }
    const reportTimes = (world: DaemonWorld, after: number, generation: number): void => {
      const names = ['mode alert', `approve ${a}`]
      const time = { after, generation, at: secondOf(world.now() + 2_000), names }
      const { repository, digest } = image
      slices.put(sliceName(image, 'n2', 0), {
        image: { repository, digest },
        node: 'n2',
        entries: [],
        reconciled: { profile: 'one', decisions: [time] },
      })
    }

    it.each([
      ['before', true],
      ['after', false],
    ])('applies again: another node reports it %s this node lists again', async (_, isBefore) => {
      const { world, shared } = await missed()
      const { sync, receives } = shared
      const reports = (): Promise<void> =>
        receives('onEntries', () => {
          const generation = isBefore ? decisions + 2 : decisions
          reportTimes(world, generation - 1, generation)
        })
      if (isBefore) await reports()
      await sync.tick()
      expect(versionOf(world)?.life.mode).toBe('learn')
      await receives('onSpecDecision', () => repeats(world))
      await looks(world, shared)
      if (!isBefore) {
        // Nothing that this node has says that these are other decisions.
        expect(versionOf(world)?.life.mode).toBe('learn')
        await reports()
        await sync.tick()
      }
      expect(versionOf(world)?.life.mode).toBe('alert')
      expect(await stateOf(world, '/srv/a')).toBe('approved')
      // Once: the same report again repeats nothing.
      world.advance(3_000)
      await world.engine.reject(ref, [a], person)
      await world.engine.setMode(ref, 'learn', person)
      await receives('onEntries', () => reportTimes(world, decisions - 1, decisions))
      await sync.tick()
      expect(versionOf(world)?.life.mode).toBe('learn')
      expect(await stateOf(world, '/srv/a')).toBe('rejected')
    })

    it.each([
      ['of the decision that this node knows', (known: number) => [known - 1, known] as const],
      ['of a change that the object does not have yet', () => [98, 99] as const],
      ['that contradicts itself', () => [99, 1] as const],
    ])('does not apply again by a report %s', async (_, reportedOf) => {
      const { world, shared } = await missed()
      const { sync, receives } = shared
      const known = decisions
      await receives('onSpecDecision', () => repeats(world))
      await looks(world, shared)
      await receives('onEntries', () => reportTimes(world, ...reportedOf(known)))
      await sync.tick()
      expect(versionOf(world)?.life.mode).toBe('learn')
      expect(await stateOf(world, '/srv/a')).toBe('rejected')
    })
  })

  it('applies again where it was withdrawn before', async () => {
    const world = await alerting()
    await share(world)
    await does(world, '/srv/a')
    emit({ approve: { behaviours: [a] } }, { at: world.now() + 1_000 })
    await expect.poll(() => stateOf(world, '/srv/a')).toBe('approved')
    world.advance(3_000)
    await world.engine.reject(ref, [a], person)
    emit({ approve: { behaviours: [] } }, { at: world.now() + 1_000 })
    await reconciled(world)
    expect(await stateOf(world, '/srv/a')).toBe('rejected')
    emit({ approve: { behaviours: [a] } }, { at: world.now() + 2_000 })
    await expect.poll(() => stateOf(world, '/srv/a')).toBe('approved')
  })

  it.each([
    ['that another node received', true, 'rejected'],
    ['of the latest change, without a report', false, 'approved'],
  ])('has for a node that joins later the time %s', async (_, isReported, state) => {
    const world = await alerting()
    const iso = (ms: number): string => secondOf(world.now() + ms)
    const { repository, digest } = image
    const [behaviour] = behavioursOf(opened('/srv/a'), shaper)
    const { actor, uid, object } = behaviour ?? {}
    const decision = { kind: 'rejected', by: 'cli:root', at: iso(2_000), grants: [] }
    const reconciledBefore = {
      profile: 'one',
      decisions: [
        { after: 1, generation: 2, at: iso(1_000), names: [`approve ${a}`] },
        { after: 2, generation: 3, at: iso(4_000), names: [`approve ${b}`] },
      ],
    }
    await does(world, '/srv/a')
    slices.put(sliceName(image, 'n2', 0), {
      image: { repository, digest },
      node: 'n2',
      entries: [{ schema: 'snug.behaviour/v1', id: a, actor, uid, object, cells: [], decision }],
      ...(isReported ? { reconciled: reconciledBefore } : {}),
    })
    emit({ approve: { behaviours: [a, b] } }, { generation: 3, at: world.now() + 4_000 })
    await share(world)
    await expect.poll(() => versionOf(world)?.reconciled.generation).toBe(3)
    expect(await stateOf(world, '/srv/a')).toBe(state)
  })

  it('is by the manager that owns it, at the time of that one', async () => {
    const world = await alerting()
    await share(world)
    await does(world, '/srv/a')
    await does(world, '/srv/b')
    const time = (ms: number): string => secondOf(world.now() + ms).replace('.000', '')
    const lists = (id: string): object => ({
      'f:spec': { 'f:approve': { 'f:behaviours': { [`v:"${id}"`]: {} } } },
    })
    const managers = [
      { manager: 'ann', time: time(1_000), fieldsV1: lists(a) },
      { manager: 'bob', time: time(2_000), fieldsV1: lists(b) },
      { manager: 'mode-bot', time: time(0), fieldsV1: { 'f:spec': { 'f:mode': {} } } },
      { manager: 'labels', time: time(3_000), fieldsV1: { 'f:spec': { 'f:image': {} } } },
    ]
    emit({ mode: 'learn', approve: { behaviours: [a, b] } }, { managers })
    await reconciled(world)
    const decisions = versionOf(world)
      ?.profile.entries()
      .flatMap(({ id, decision }) =>
        decision === undefined ? [] : [[id, decision.by, decision.at]],
      )
    expect(new Set(decisions)).toEqual(
      new Set([
        [a, 'field-manager:ann', secondOf(world.now() + 1_000)],
        [b, 'field-manager:bob', secondOf(world.now() + 2_000)],
      ]),
    )
    await expect
      .poll(() => versionOf(world)?.modeDecisions.done)
      .toMatchObject({ by: 'field-manager:mode-bot' })
  })
})

describe('a decision on the mode', () => {
  const lifeOf = (world: DaemonWorld) => versionOf(world)?.life
  const isoAfter = (world: DaemonWorld, ms: number): string =>
    new Date(world.now() + ms).toISOString()
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
    emit({ mode: 'learn' }, { at: world.now() + kubectlAfter })
    await reconciled(world)
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
    await share(world)
    emit({ mode: 'learn' }, { at: world.now() + 1_000 })
    await modeIs(world, 'learn')
    world.advance(3_000)
    await world.engine.setMode(ref, 'alert', person)
    emit({ mode: 'learn', reject: { behaviours: [idOf('/x')] } }, { at: world.now() + 2_000 })
    await reconciled(world)
    await does(world, '/x')
    await expect.poll(() => stateOf(world, '/x')).toBe('rejected')
    expect(lifeOf(world)?.mode).toBe('alert')
  })

  it('counts from its receipt where the server records no time for it', async () => {
    const world = await alerting()
    await share(world)
    const at = world.now() + 1_000
    emit({ mode: 'learn' }, { at })
    await modeIs(world, 'learn')
    world.advance(3_000)
    await world.engine.setMode(ref, 'learn', person)
    world.advance(2_000)
    emit({ mode: 'alert' }, { at })
    await modeIs(world, 'alert')
    await done(world, 'field-manager:kubectl-patch')
  })

  it('is retried while a gate refuses it, with one warning and without side effects', async () => {
    const world = await alerting({ rules: { floorMs: 60_000, unseen: 1 } })
    const { sync, receives } = await share(world, { clock: false })
    const warned = vi.spyOn(world.daemon.parts.log, 'warn')
    await does(world, '/srv/new')
    const at = world.now() + 1_000
    await receives('onSpecDecision', () => emit({ mode: 'block', approve: { all: true } }, { at }))
    await sync.tick()
    await does(world, '/srv/newer')
    for (let second = 0; second < 3; second += 1) {
      world.advance(1_000)
      await sync.tick()
    }
    const audit = await world.engine.audit(100)
    expect(audit.filter(({ what }) => what === 'approve')).toHaveLength(1)
    expect(await stateOf(world, '/srv/newer')).toBe('pending')
    expect(warned).toHaveBeenCalledTimes(1)
    world.advance(60_000)
    await sync.tick()
    expect(lifeOf(world)?.mode).toBe('block')
  })

  it('is restored for as long as the object in git contains it', async () => {
    const world = await alerting()
    const { sync, receives } = await share(world, { clock: false })
    await receives('onSpecDecision', () =>
      emit({ authority: 'git', mode: 'alert' }, { at: world.now() }),
    )
    await sync.tick()
    world.advance(5_000)
    await world.engine.setMode(ref, 'learn', person)
    await sync.tick()
    expect(lifeOf(world)?.mode).toBe('alert')
    expect(lifeOf(world)?.because).toContain('git:kubectl-patch')
    const at = isoAfter(world, 1_000)
    await receives('onEntries', () => reportMode('n2', { mode: 'learn', by: 'cli:ann', at }))
    await sync.tick()
    expect(lifeOf(world)?.mode).toBe('alert')
    // An overruled decision does not come back once people decide again.
    await receives('onSpecDecision', () => emit({ mode: 'alert' }, { at: world.now() + 5_000 }))
    await sync.tick()
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

it('reconciles an ImageProfile that was deleted and created again, with new generations', async () => {
  const world = await alerting()
  await share(world)
  emit({}, { generation: 40 })
  const [version] = world.daemon.registry.index
  await expect.poll(() => version?.reconciled.generation).toBe(40)
  profiles.remove(profileName(image))
  await does(world, '/srv/new')
  emit({ approve: { behaviours: [idOf('/srv/new')] } }, { uid: 'two', generation: 2, at: soon() })
  await expect.poll(() => stateOf(world, '/srv/new')).toBe('approved')
})

it('keeps to the decisions in git for as long as they are there', async () => {
  const world = await alerting()
  const { sync, receives } = await share(world, { clock: false })
  await does(world, '/srv/new')
  await receives('onSpecDecision', () =>
    emit({ authority: 'git', approve: { behaviours: [idOf('/srv/new')] } }),
  )
  await sync.tick()
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
  it('frees what a guardrail holds only by the list for that', async () => {
    const world = await alerting()
    const { sync, receives } = await share(world, { clock: false })
    await does(world, '/etc/shadow')
    await does(world, '/srv/new')
    expect(await stateOf(world, '/etc/shadow')).toBe('quarantined')
    const both = [idOf('/etc/shadow'), idOf('/srv/new')]
    await receives('onSpecDecision', () => emit({ approve: { behaviours: both } }, { at: soon() }))
    await sync.tick()
    expect(await stateOf(world, '/srv/new')).toBe('approved')
    expect(await stateOf(world, '/etc/shadow')).toBe('quarantined')
    const approve = { behaviours: both, quarantined: [idOf('/etc/shadow')] }
    await receives('onSpecDecision', () => emit({ approve }, { at: soon() }))
    await sync.tick()
    expect(await stateOf(world, '/etc/shadow')).toBe('approved')
  })

  it('has the name of the client as the author, and says that it is one', async () => {
    const world = await alerting()
    const { sync, receives } = await share(world, { clock: false })
    await does(world, '/srv/new')
    const time = secondOf(soon()).replace('.000', '')
    const managers = [{ manager: 'alice', time, fieldsV1: { 'f:spec': {} } }]
    const approve = { behaviours: [idOf('/srv/new')] }
    await receives('onSpecDecision', () => emit({ approve }, { managers }))
    await sync.tick()
    await world.daemon.journal.persist()
    const entries = await world.daemon.journal.trail.list(10)
    expect(entries).toContainEqual(
      expect.objectContaining({ what: 'approve', who: 'field-manager:alice' }),
    )
  })
})

it('merges entries of other nodes while it applies a decision', async () => {
  const store = new SlowStore()
  const world = await alerting({ store })
  const { sync, receives } = await share(world, { clock: false })
  await does(world, '/srv/own')
  let release = (): void => undefined
  store.released = new Promise((resolve) => (release = resolve))
  await receives('onSpecDecision', () => emit({ approve: { all: true } }, { at: soon() }))
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
