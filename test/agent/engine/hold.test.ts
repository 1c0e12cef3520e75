import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ActEvent } from '../../../src/core/event/event.ts'
import type { HoldLevel } from '../../../src/core/lifecycle/hold.ts'
import type { HoldView } from '../../../src/api/hold-views.ts'
import { heldLevel } from '../../../src/agent/decisions/held-level.ts'
import type { ContainerIdentity, EngineAct } from '../../../src/agent/pipeline/identity/identity.ts'
import type { SourceMessage } from '../../../src/agent/pipeline/sources/source.ts'
import { MemoryStore } from '../../../src/agent/records/store/memory-store.ts'
import {
  daemonWorld,
  type DaemonWorld,
  eventMessage,
  judged,
  type WorldOptions,
} from '../../fixtures/daemon-fixtures.ts'
import { act } from '../../fixtures/event-fixture.ts'
import { identityOf } from '../../fixtures/identity-fixtures.ts'

const hour = 3_600_000
const by = { who: 'cli:root', reason: 'a web shell' }
const [first, second] = ['a'.repeat(64), 'b'.repeat(64)]
/** What a kernel with security hooks reports. */
const facts = {
  'hook.egress': 'yes',
  'hook.ingress': 'yes',
  'stop.open': 'blocked',
  'stop.exec': 'blocked',
  'stop.connect': 'blocked',
}

let world: DaemonWorld
let store: MemoryStore
const worlds: DaemonWorld[] = []

async function begins(over: WorldOptions = {}): Promise<DaemonWorld> {
  const next = daemonWorld({
    store,
    facts,
    confirms: true,
    rules: { floorMs: hour, ceilingMs: 24 * hour },
    ...over,
  })
  await next.start()
  worlds.push(next)
  return next
}

async function runs(id: string, more: Partial<ContainerIdentity> = {}): Promise<void> {
  const identity = identityOf(id, more)
  world.containers.report(identity)
  world.containers.atOnce.add(id)
  const time = new Date(world.now()).toISOString()
  await received({
    type: 'container-started',
    container: { id, cgroup: '', time, before: false },
  })
}

async function received(...messages: SourceMessage[]): Promise<void> {
  world.source.emit(...messages)
  await judged()
}

beforeEach(async () => {
  store = new MemoryStore()
  world = await begins()
  await runs(first, { name: 'web-1' })
  await runs(second, { name: 'web-2' })
})
afterEach(async () => {
  for (const one of worlds.splice(0)) await one.stop()
})

const hold = (target: string, level: HoldLevel = 'network', forMs = hour): Promise<HoldView> =>
  world.engine.hold({ target, level, forMs }, by)
/** As the source was last sent it. */
const sent = (id: string) =>
  world.control.all('assign').findLast((each) => each.id === id)?.traits.hold
const states = (view: HoldView | undefined) =>
  view?.containers.map(({ name, state }) => [name, state])
const codeOf = (done: Promise<unknown>): Promise<unknown> =>
  done.then(
    () => undefined,
    (error: { code: string }) => error.code,
  )

describe('a hold', () => {
  it('goes to the source with its end, and no other container has it', async () => {
    await hold('web-1')
    expect(sent(first)).toEqual({ network: true, changes: false, until: world.now() + hour })
    expect(sent(second)).toBeUndefined()
  })

  it('is held where the source confirms it, and waits until then', async () => {
    expect(states(await hold('web-1'))).toEqual([['web-1', 'waiting']])
    const assigned = { kind: 'assigned', container: first, scope: 1, enforced: false } as const
    const network = { network: true, changes: false, ended: 2 }
    await received({ type: 'policy', report: { ...assigned, hold: network } })
    // A later confirmation of the same hold ends nothing more.
    const again = { network: true, changes: false }
    await received({ type: 'policy', report: { ...assigned, hold: again } })
    expect(world.engine.holds()[0]?.containers).toEqual([
      { id: first, name: 'web-1', image: 'shop/web:1', state: 'held', ended: 2 },
    ])
    await received({ type: 'policy', report: assigned })
    expect(states(world.engine.holds()[0])).toEqual([['web-1', 'waiting']])
  })

  it.each([
    ['a container by its name', 'web-2', [second]],
    ['a container by the beginning of its id', 'bbbb', [second]],
    ['an image', 'shop/web', [first, second]],
  ])('is for %s', async (_, target, ids) => {
    const { containers } = await hold(target)
    expect(containers.map(({ id }) => id)).toEqual(ids)
    expect([first, second].filter((id) => sent(id) !== undefined)).toEqual(ids)
  })

  it('is for a pod, and for containers of it that start later', async () => {
    const workload = { namespace: 'shop', name: 'web', pod: 'web-7c9-x2x' }
    await runs('c'.repeat(64), { workload })
    expect(await hold('shop/web-7c9-x2x')).toMatchObject({ target: 'pod shop/web-7c9-x2x' })
    await runs('d'.repeat(64), { workload })
    await runs('e'.repeat(64), { workload: { ...workload, namespace: 'other' } })
    expect(['c', 'd', 'e'].filter((id) => sent(id.repeat(64)) !== undefined)).toEqual(['c', 'd'])
  })

  it('ends with the release, and the source is sent that', async () => {
    await hold('web-1')
    await hold('web-1', 'changes', 2 * hour)
    expect(sent(first)).toEqual({ network: true, changes: true, until: world.now() + 2 * hour })
    const released = await world.engine.release('web-1', by)
    expect(released.map(({ level }) => level)).toEqual(['network', 'changes'])
    expect(sent(first)).toBeUndefined()
    expect(world.engine.holds()).toEqual([])
  })

  it('ends by itself, and another one of the container goes on', async () => {
    await hold('web-1')
    await hold('web-1', 'changes', 2 * hour)
    world.advance(hour)
    expect(sent(first)).toEqual({ network: false, changes: true, until: world.now() + hour })
    world.advance(hour)
    expect(sent(first)).toBeUndefined()
    const audit = await world.engine.audit(10)
    expect(
      audit.map(({ what, who }) => [what, who]).filter(([what]) => what !== 'lifecycle'),
    ).toEqual([
      ['release', 'agent'],
      ['release', 'agent'],
      ['hold', 'cli:root'],
      ['hold', 'cli:root'],
    ])
  })

  it.each([
    ['forward', 365 * 24 * hour],
    ['back', -365 * 24 * hour],
  ])('lasts as long where the clock is set %s', async (_, stepMs) => {
    await hold('web-1')
    world.step(stepMs)
    world.advance(hour / 2)
    expect(world.engine.holds()).toHaveLength(1)
    world.advance(hour / 2)
    expect(world.engine.holds()).toEqual([])
  })

  it('goes on after a kill of the agent', async () => {
    await hold('web-1')
    const { until } = world.engine.holds()[0] ?? {}
    world = await begins({ startMs: world.now() })
    await runs(first, { name: 'web-1' })
    expect(sent(first)).toEqual({ network: true, changes: false, until: Date.parse(until ?? '') })
    expect(world.engine.holds()).toMatchObject([{ by: 'cli:root', reason: 'a web shell' }])
  })

  it('that freezes is on record until its engine has thawed it, also after a kill of the agent', async () => {
    const acts: string[] = []
    let isAway = false
    const act = async (id: string, what: EngineAct) => {
      if (isAway) throw new Error('it is away')
      return acts.push(`${what} ${id[0]}`) > 0
    }
    Object.assign(world.containers, { act })
    const { id } = await hold('web-1', 'freeze')
    isAway = true
    await world.engine.release('web-1', by)
    expect(world.engine.holds()).toEqual([])
    const fault = `hold ${id}`
    expect(world.daemon.faults.get(fault)).toContain('may stay frozen: it is away')
    world = await begins({ startMs: world.now() })
    Object.assign(world.containers, { act })
    await runs(first, { name: 'web-1' })
    world.advance(1_000)
    await judged()
    expect([...world.daemon.faults.keys()]).toEqual([fault])
    isAway = false
    world.advance(1_000)
    await judged()
    expect(acts).toEqual(['freeze a', 'thaw a'])
    expect(world.daemon.faults.size).toBe(0)
    world.advance(1_000)
    await judged()
    expect(acts).toHaveLength(2)
    expect(world.engine.holds()).toEqual([])
  })

  it('that its engine could not do is tried again', async () => {
    const acts: string[] = []
    let isAway = true
    const act = async (id: string, what: EngineAct) => {
      acts.push(`${what} ${id[0]}`)
      if (isAway) throw new Error('it is away')
      return true
    }
    Object.assign(world.containers, { act })
    expect((await hold('web-1', 'stop')).containers).toMatchObject([
      { state: 'failed', because: 'it is away' },
    ])
    isAway = false
    world.advance(20_000)
    await judged()
    expect(states(world.engine.holds()[0])).toEqual([['web-1', 'held']])
    const tries = acts.length
    world.advance(20_000)
    await judged()
    expect(acts).toHaveLength(tries)
    expect(new Set(acts)).toEqual(new Set(['stop a']))
  })

  it('that is released while its engine freezes the container does not leave it frozen', async () => {
    const acts: string[] = []
    let freezes = (): void => undefined
    const freezing = new Promise<void>((resolve) => (freezes = resolve))
    const act = async (_: string, what: EngineAct) => {
      if (what === 'freeze') await freezing
      return acts.push(what) > 0
    }
    Object.assign(world.containers, { act })
    const held = hold('web-1', 'freeze')
    await world.engine.release('web-1', by)
    freezes()
    await held
    expect(acts).toEqual(['thaw', 'freeze', 'thaw'])
  })

  it('that stopped a container has it on record once that is gone', async () => {
    Object.assign(world.containers, { act: async () => true })
    await hold('web-1', 'stop')
    world.containers.leave(first, 'gone')
    expect(states(world.engine.holds()[0])).toEqual([['web-1', 'held']])
  })

  it('of an image does not hold a container with another kernel that starts later', async () => {
    await hold('shop/web')
    await runs('c'.repeat(64), { name: 'web-3', blind: { why: 'own-kernel', runtime: 'runsc' } })
    expect(world.engine.holds()[0]?.containers.at(-1)).toMatchObject({
      name: 'web-3',
      state: 'failed',
      because: 'the runtime `runsc` has its own kernel',
    })
  })

  it('is the level of its containers once it is confirmed, and known after a kill of the agent', async () => {
    const level = (...ids: readonly string[]) => heldLevel(world.daemon, ids)
    const assigned = { kind: 'assigned', container: first, scope: 1, enforced: false } as const
    expect(level(first, second)).toBe('none')
    await hold('web-1')
    expect(level(first)).toBeUndefined()
    expect(level(second)).toBe('none')
    const report = { ...assigned, hold: { network: true, changes: false } }
    await received({ type: 'policy', report })
    expect(level(first, second)).toBe('network')
    world = await begins({ startMs: world.now() })
    expect(level(first)).toBeUndefined()
    await runs(first, { name: 'web-1' })
    await received({ type: 'policy', report })
    expect(level(first)).toBe('network')
    await world.engine.release('web-1', by)
    expect(level(first)).toBe('none')
  })

  it('that cannot be read is a fault, and the agent starts', async () => {
    await store.batch([{ kind: 'meta', key: 'holds', value: [{ level: 'all' }] }])
    world = await begins()
    expect([...world.daemon.faults.keys()]).toEqual(['holds'])
    expect(world.engine.holds()).toEqual([])
  })

  it('holds nothing in a dry run', async () => {
    const view = await world.engine.hold(
      { target: 'shop/web', level: 'network', forMs: hour, dryRun: true },
      by,
    )
    expect(view.containers).toHaveLength(2)
    expect(world.engine.holds()).toEqual([])
    expect(sent(first)).toBeUndefined()
  })

  it('needs a reason, a length, and something that it is for', async () => {
    const order = { target: 'web-1', level: 'network', forMs: hour } as const
    expect(await codeOf(world.engine.hold(order, { who: 'x' }))).toBe('DECISION_INVALID')
    expect(await codeOf(hold('web-1', 'network', 8 * 24 * hour))).toBe('DECISION_INVALID')
    expect(await codeOf(hold('web-1', 'network', 0))).toBe('DECISION_INVALID')
    expect(await codeOf(hold('nothing'))).toBe('HOLD_UNKNOWN')
    expect(await codeOf(world.engine.release('web-1', by))).toBe('HOLD_UNKNOWN')
    await hold('web-1')
    expect(await codeOf(world.engine.release('a', by))).toBe('HOLD_UNKNOWN')
    await runs('a1'.padEnd(64, '0'), { name: 'web-2' })
    expect(await codeOf(hold('web-2'))).toBe('HOLD_AMBIGUOUS')
  })
})

describe('a level that cannot be had is refused before anything is held', () => {
  it.each([
    ['changes', { ...facts, 'stop.open': 'killed' }],
    ['network', { ...facts, 'hook.egress': 'no' }],
    ['network', {}],
  ] as const)('%s, by what the sensor reports', async (level, reported) => {
    world = await begins({ facts: reported })
    await runs(first, { name: 'web-1' })
    expect(await codeOf(hold('web-1', level))).toBe('HOLD_UNAVAILABLE')
    expect(world.engine.holds()).toEqual([])
  })

  it('where no source confirms', async () => {
    world = await begins({ confirms: false })
    await runs(first, { name: 'web-1' })
    expect(await codeOf(hold('web-1'))).toBe('HOLD_UNAVAILABLE')
  })

  it.each(['freeze', 'stop'] as const)('%s, where the engine can do neither', async (level) => {
    expect(await codeOf(hold('web-1', level))).toBe('HOLD_UNAVAILABLE')
  })

  it.each(['freeze', 'stop'] as const)(
    '%s, where the engine refuses the container',
    async (level) => {
      const acts: string[] = []
      const act = async (id: string, what: EngineAct) => acts.push(`${what} ${id}`) > 0
      const refusal = (id: string) =>
        id === second ? 'its kubelet would start another' : undefined
      Object.assign(world.containers, { act, refusal })
      await expect(hold('web-2', level)).rejects.toThrow('its kubelet would start another')
      expect(states(await hold('web-1', level))).toEqual([['web-1', 'held']])
      expect(acts).toEqual([`${level} ${first}`])
    },
  )

  it('stop of an image whose workload starts other pods of it', async () => {
    const acts: string[] = []
    const act = async (id: string, what: EngineAct) => acts.push(`${what} ${id[0]}`) > 0
    Object.assign(world.containers, { act })
    const workload = { namespace: 'shop', kind: 'Deployment', name: 'web', pod: 'web-7c9-x2x' }
    await runs('c'.repeat(64), { name: 'web-3', workload })
    await expect(hold('shop/web', 'stop')).rejects.toThrow('would start others of that image')
    expect(acts).toEqual([])
    await hold('web-7c9-x2x', 'stop')
    expect(acts).toEqual(['stop c'])
  })

  it.each(['network', 'changes'] as const)(
    '%s of a container with another kernel',
    async (level) => {
      await runs('c'.repeat(64), { name: 'web-3', blind: { why: 'own-kernel', runtime: 'runsc' } })
      await expect(hold('web-3', level)).rejects.toThrow('`runsc` has its own kernel')
      await expect(hold('shop/web', level)).rejects.toThrow('`runsc` has its own kernel')
      expect(sent(first)).toBeUndefined()
      expect(world.engine.holds()).toEqual([])
    },
  )
})

describe('what a held container tries', () => {
  const stopped = (path: string, id = first): ActEvent => ({
    ...act.file(path),
    container: { id, name: 'web-1' },
    enforced: 'blocked',
    held: true,
  })
  const alerts = async () =>
    (await world.engine.alerts({ limit: 10 })).map(({ type, severity, action }) => [
      type,
      severity,
      action,
    ])

  it('is one alert that somebody was stopped who may do that, of low severity', async () => {
    const { event } = eventMessage({ ...stopped('/etc/a'), held: false }) as { event: ActEvent }
    const { enforced: _, held: __, ...ordinary } = event
    await received(eventMessage(ordinary))
    await world.engine.setMode('shop/web', 'alert', by)
    await received(eventMessage(stopped('/etc/a')), eventMessage(stopped('/etc/a')))
    expect(await alerts()).toEqual([['enforcement', 'low', 'blocked']])
    const [alert] = await world.engine.alerts({ limit: 1 })
    expect(alert?.reasons[0]).toContain('snug quarantine list')
  })

  it('teaches its version nothing', async () => {
    await received(eventMessage(stopped('/etc/tried')))
    const { behaviours } = await world.engine.profile('shop/web')
    expect(behaviours.filter(({ state }) => state === 'learned')).toEqual([])
  })
})
