import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FleetSync } from '../../src/fleet/fleet-sync.ts'
import { profileName } from '../../src/fleet/fleet-image.ts'
import type { ProfileSlice } from '../../src/fleet/kubernetes/fleet-objects.ts'
import { KubeFleet } from '../../src/fleet/kubernetes/kube-fleet.ts'
import type { SourceMessage } from '../../src/agent/pipeline/sources/source.ts'
import { MemoryStore } from '../../src/agent/records/store/memory-store.ts'
import {
  daemonWorld,
  type DaemonWorld,
  judged,
  type WorldOptions,
} from '../fixtures/daemon-fixtures.ts'
import { identityOf } from '../fixtures/identity-fixtures.ts'
import { ScriptedApi } from '../fixtures/kube-server.ts'

/** Holds that people order in ImageProfiles, on a node with three containers of the image: two of one pod. */
const hour = 3_600_000
const [first, beside, second] = ['a'.repeat(64), 'c'.repeat(64), 'b'.repeat(64)]
const { image: ref } = identityOf(first)
const image = { repository: ref.repository, digest: ref.digest }
const pod = { namespace: 'shop', name: 'web', pod: 'web-1' }
const facts = { 'hook.egress': 'yes', 'hook.ingress': 'yes' }
const by = { by: 'console:oidc:rita', at: new Date(Date.now() - 1_000).toISOString() }
const author = `spec:${by.by}`

let profiles: ScriptedApi
let slices: ScriptedApi
let stop: AbortController
let store: MemoryStore
let world: DaemonWorld
let sync: FleetSync

beforeEach(async () => {
  profiles = new ScriptedApi('/apis/snug.dev/v1alpha1/imageprofiles')
  slices = new ScriptedApi('/apis/snug.dev/v1alpha1/profileslices')
  for (const server of [profiles, slices]) await server.start()
  profiles.beside = slices
  stop = new AbortController()
  store = new MemoryStore()
  await begins()
})

afterEach(async () => {
  stop.abort()
  await world.stop()
  for (const server of [profiles, slices]) await server.kill()
})

async function begins(over: WorldOptions = {}): Promise<void> {
  world = daemonWorld({ store, facts, confirms: true, startMs: Date.now(), ...over })
  await world.start()
  for (const id of [first, beside, second]) {
    const workload = { ...pod, pod: id === second ? 'web-2' : pod.pod }
    world.containers.report({ ...identityOf(id), workload })
    world.containers.atOnce.add(id)
    const time = new Date(world.now()).toISOString()
    await received({
      type: 'container-started',
      container: { id, cgroup: '', time, before: false },
    })
  }
  sync = new FleetSync({
    context: world.daemon,
    engine: world.engine,
    holds: world.daemon.sharedHolds,
    makeFleet: (link) => new KubeFleet({ api: profiles.api(), node: 'n1', ...link }),
    shareWithinMs: hour,
    random: () => 1,
    tickMs: hour,
  })
  await sync.start(stop.signal)
}

async function received(...messages: SourceMessage[]): Promise<void> {
  world.source.emit(...messages)
  await judged()
}

let generation = 0
function order(...holds: readonly object[]): void {
  generation += 1
  const spec = { image, holds }
  profiles.put(profileName(image), { metadata: { generation }, spec })
}

const holdFor = (more: object = {}): object => ({
  id: 'h00000001',
  level: 'network',
  ...by,
  until: new Date(Date.parse(by.at) + hour).toISOString(),
  reason: 'a web shell',
  ...more,
})
/** As the source was last sent it. */
const sent = (id: string) =>
  world.control.all('assign').findLast((each) => each.id === id)?.traits.hold
/** Of the order `h00000001`, on this node. */
const id = expect.stringMatching(/^h00000001-[0-9a-f]{8}$/) as string
const held = (): readonly string[] => [first, beside, second].filter((id) => sent(id) !== undefined)

async function confirmed(...containers: readonly string[]): Promise<void> {
  for (const container of containers)
    await received({
      type: 'policy',
      report: {
        kind: 'assigned',
        container,
        scope: 1,
        enforced: false,
        hold: { network: true, changes: false },
      },
    })
}

/** What this node published last of its holds. */
function published(): ProfileSlice['holds'] {
  return (slices.sent.at(-1)?.body as ProfileSlice | undefined)?.holds
}

async function publishes(holds: ProfileSlice['holds']): Promise<void> {
  await expect
    .poll(async () => {
      await sync.tick()
      return published()
    })
    .toEqual(holds)
}

const audit = async (): Promise<readonly (readonly [string, string])[]> => {
  await world.daemon.journal.persist()
  const entries = await world.engine.audit(50)
  return entries.flatMap(({ what, who }) => (what === 'lifecycle' ? [] : [[what, who] as const]))
}

describe('a hold in an ImageProfile', () => {
  it.each([
    ['for the version', {}, [first, beside, second]],
    ['for a pod', { pod: 'shop/web-1' }, [first, beside]],
    ['for a container', { container: second }, [second]],
  ])('%s goes to the source in the name of its author', async (_, target, ids) => {
    order(holdFor(target))
    await expect.poll(held).toEqual(ids)
    expect(world.engine.holds()).toMatchObject([{ id, by: author, level: 'network' }])
    expect(await audit()).toEqual([['hold', author]])
  })

  it('is followed while the version learns, and begins once', async () => {
    order(holdFor())
    await expect.poll(held).toHaveLength(3)
    const before = world.control.all('assign').length
    await sync.tick()
    await sync.tick()
    expect(world.control.all('assign')).toHaveLength(before)
  })

  it('is in what the node publishes, with how far it has come', async () => {
    order(holdFor({ pod: 'shop/web-1' }))
    await publishes([{ id: 'h00000001', containers: 2, held: 0 }])
    await confirmed(first)
    await publishes([{ id: 'h00000001', containers: 2, held: 1 }])
    await confirmed(beside)
    await publishes([{ id: 'h00000001', containers: 2, held: 2 }])
    order()
    await publishes(undefined)
  })

  it('does not wait for a container of the pod that has ended', async () => {
    const time = new Date(world.now()).toISOString()
    await received({ type: 'container-ended', id: beside, time })
    order(holdFor({ pod: 'shop/web-1' }))
    await publishes([{ id: 'h00000001', containers: 1, held: 0 }])
    await confirmed(first)
    await publishes([{ id: 'h00000001', containers: 1, held: 1 }])
    expect(world.engine.holds()[0]?.containers.map((each) => [each.id, each.state])).toEqual([
      [first, 'held'],
    ])
  })

  it('ends where a person released it, in whose name, and where its entry is gone', async () => {
    order(holdFor(), holdFor({ id: 'h00000002', level: 'changes', container: first }))
    await expect.poll(held).toHaveLength(3)
    const released = { by: 'console:oidc:sam', at: by.at, reason: 'an exercise' }
    order(holdFor({ released }))
    await expect.poll(held).toEqual([])
    expect(await audit()).toEqual([
      ['release', 'spec:console:oidc:sam'],
      ['hold', author],
    ])
    expect(await world.engine.audit(1)).toMatchObject([{ reason: 'an exercise' }])
  })

  it('is another one where a person changes it, also one that was released here', async () => {
    order(holdFor())
    await expect.poll(held).toHaveLength(3)
    const until = new Date(Date.parse(by.at) + 2 * hour).toISOString()
    order(holdFor({ until, by: 'console:oidc:sam', pod: 'shop/web-1' }))
    await expect.poll(held).toEqual([first, beside])
    expect(sent(first)?.until).toBe(Date.parse(until))
    const [hold] = world.engine.holds()
    expect(hold).toMatchObject({ id, by: 'spec:console:oidc:sam' })
    await world.engine.release(hold?.id ?? '', { who: 'cli:root', reason: 'a false alarm' })
    expect(held()).toEqual([])
    order(holdFor({ until, pod: 'shop/web-2' }))
    await expect.poll(held).toEqual([second])
  })

  it('stands beside one of another version with the same id', async () => {
    const other = { ...image, digest: `sha256:${'d'.repeat(64)}` }
    const fourth = 'f'.repeat(64)
    const named = { image: { ...ref, ...other }, imageId: other.digest, workload: pod }
    world.containers.report({ ...identityOf(fourth), ...named })
    world.containers.atOnce.add(fourth)
    const time = new Date(world.now()).toISOString()
    await received({
      type: 'container-started',
      container: { id: fourth, cgroup: '', time, before: false },
    })
    order(holdFor({ container: first }))
    const spec = { image: other, holds: [holdFor({ container: fourth })] }
    profiles.put(profileName(other), { metadata: { generation: 1 }, spec })
    const both = (): readonly string[] => [first, fourth].filter((each) => sent(each) !== undefined)
    await expect.poll(both).toEqual([first, fourth])
    expect(world.engine.holds()).toHaveLength(2)
  })

  it('lasts as long where the clock of the node is set', async () => {
    order(holdFor())
    await expect.poll(held).toHaveLength(3)
    world.step(365 * 24 * hour)
    await sync.tick()
    expect(held()).toHaveLength(3)
    world.advance(hour)
    expect(held()).toEqual([])
  })

  it('ends in time without an answer of the cluster, and does not begin again', async () => {
    order(holdFor())
    await expect.poll(held).toHaveLength(3)
    world.advance(hour)
    expect(held()).toEqual([])
    await sync.tick()
    expect(held()).toEqual([])
  })

  it('goes on after a kill of the agent, before the cluster is reached', async () => {
    order(holdFor())
    await expect.poll(held).toHaveLength(3)
    stop.abort()
    stop = new AbortController()
    world = daemonWorld({ store, facts, confirms: true, startMs: world.now() })
    await world.start()
    expect(world.engine.holds()).toMatchObject([{ id, by: author }])
  })

  it('that a person releases on the node ends there, and the fleet reads so', async () => {
    order(holdFor())
    await expect.poll(held).toHaveLength(3)
    const [hold] = world.engine.holds()
    await world.engine.release(hold?.id ?? '', { who: 'cli:root', reason: 'a false alarm' })
    await sync.tick()
    expect(held()).toEqual([])
    expect(world.engine.holds()).toEqual([])
    await publishes([
      {
        id: 'h00000001',
        containers: 3,
        held: 0,
        because: 'a person has released it on this node',
      },
    ])
  })

  it('that the node cannot have is reported with the reason, and holds nothing', async () => {
    order(holdFor({ level: 'changes' }))
    const because = expect.stringContaining('the level `changes` cannot be had here') as string
    await publishes([{ id: 'h00000001', containers: 3, held: 0, because }])
    expect(held()).toEqual([])
    expect(world.engine.holds()).toEqual([])
  })

  it.each([
    ['of more than seven days', { until: new Date(Date.now() + 169 * hour).toISOString() }],
    ['for a pod and a container', { pod: 'shop/web-1', container: first }],
    ['without a reason', { reason: '' }],
    ['of next year', { at: new Date(Date.now() + 9_000 * hour).toISOString() }],
  ])('%s makes its object invalid, which is reported', async (_, wrong) => {
    order(holdFor(wrong))
    await expect
      .poll(async () => {
        await sync.tick()
        return world.daemon.faults.get('fleet')
      })
      .toContain('KUBE_OBJECT_INVALID')
    expect(held()).toEqual([])
  })
})
