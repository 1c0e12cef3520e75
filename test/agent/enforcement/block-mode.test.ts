import { behaviourKinds } from '../../../src/core/event/event-words.ts'
import { afterEach, describe, expect, it } from 'vitest'
import { defaultBlockRules } from '../../../src/core/lifecycle/blocking.ts'
import { SnugError } from '../../../src/errors.ts'
import { MemoryStore } from '../../../src/agent/records/store/memory-store.ts'
import type { VersionView } from '../../../src/api/version-views.ts'
import { behaviourKey, type SourceMessage } from '../../../src/agent/pipeline/sources/source.ts'
import { tagOf } from '../../../src/core/compile/kernel-profile.ts'
import { act } from '../../fixtures/event-fixture.ts'
import {
  daemonWorld,
  type DaemonWorld,
  eventMessage,
  type WorldOptions,
  begin,
  judged,
} from '../../fixtures/daemon-fixtures.ts'
import { identityOf } from '../../fixtures/identity-fixtures.ts'

const ids = Array.from({ length: 10 }, (_, i) => String(i).repeat(64))
const [id = '', second = ''] = ids
const by = { who: 'cli:root' }
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

function did(world: DaemonWorld, path: string, more: object = {}, container = id): SourceMessage {
  const time = new Date(world.now()).toISOString()
  const { image: _, ...event } = act.exec(path, { container, time })
  return eventMessage({ ...event, ...more } as typeof event & { image: never })
}

async function learned(options: WorldOptions = {}, containers = [id]): Promise<DaemonWorld> {
  const world = await started(options)
  for (const each of containers) world.source.emit(begin(world, each))
  world.source.emit(did(world, '/bin/known'))
  await judged()
  await world.engine.endLearning('shop/web', by)
  world.advance(5_000)
  return world
}

async function blocking(options: WorldOptions = {}, containers = [id]): Promise<DaemonWorld> {
  const world = await learned(options, containers)
  await world.engine.setMode('shop/web', 'block', by, { fraction: 1 })
  return world
}

/** The names of capabilities that the kernel's profile reports and does not stop. */
async function novelCapabilities(from: 'low' | 'medium'): Promise<readonly string[]> {
  const world = await started({ rules: { block: { ...defaultBlockRules, canary: 1, from } } })
  world.source.emit(begin(world, id))
  const { image: _, ...event } = act.capability('CAP_CHOWN', { container: id, uid: 0 })
  world.source.emit(eventMessage(event as typeof event & { image: never }))
  await judged()
  await world.engine.endLearning('shop/web', by)
  const profile = world.control.last('profile')?.profile
  return (profile?.rules ?? []).flatMap(({ report, object }) =>
    report === true && object.kind === 'capability' ? [object.name] : [],
  )
}

async function version(world: DaemonWorld): Promise<VersionView> {
  const [found] = (await world.engine.image('shop/web')).versions
  if (found === undefined) throw new Error('no version')
  return found
}

async function code(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (error: unknown) => (error instanceof SnugError ? error.code : String(error)),
  )
}

describe('mode block', () => {
  it('installs the profile and the containers in the kernel before it enables blocking', async () => {
    const world = await blocking()
    const { control } = world
    const profile = control.last('profile')
    expect(profile?.profile?.rules).toHaveLength(1)
    expect(control.all('enforce').map(({ enforcement }) => enforcement.mode)).toEqual([
      'alert',
      'block',
    ])
    expect(control.reported.indexOf(profile!)).toBeLessThan(
      control.reported.indexOf(control.all('enforce')[0]!),
    )
    const { scope } = profile!
    expect(control.all('enforce').every((each) => each.scope === scope)).toBe(true)
    expect(control.last('assign')).toMatchObject({ id, scope, traits: { enforce: true } })
    expect(await version(world)).toMatchObject({
      mode: 'block',
      blocking: { armed: true, containers: [{ id, enforced: true }] },
    })
  })

  it('lets novelty pass that the kernel distinguishes, unless every deviation is stopped', async () => {
    expect(await novelCapabilities('medium')).toContain('CAP_FOWNER')
    expect(await novelCapabilities('low')).toEqual([])
  })

  it('lets a container start once the sensor has its assignment', async () => {
    const world = await blocking()
    let done = (): void => undefined
    world.control.done = new Promise((resolve) => (done = resolve))
    let isStarted = false
    const start = world.containers.make(identityOf(second)).then(() => (isStarted = true))
    await judged()
    expect(world.control.enforced(second)).toBe(true)
    expect(isStarted).toBe(false)
    done()
    await start
  })

  it('alone holds a start: one that only alerts goes on at once', async () => {
    const world = await learned()
    world.control.done = new Promise(() => undefined)
    await world.containers.make(identityOf(second))
    expect(world.control.enforced(second)).toBe(false)
  })

  describe('and a start that a hook of the runtime holds', () => {
    it('lets it go on at once where nothing blocks', async () => {
      const world = await learned()
      await world.engine.starting(second, 60_000)
      expect(world.containers.found).toEqual([])
    })

    it('waits until an engine reports the container and the sensor has its assignment', async () => {
      const world = await blocking()
      let done = (): void => undefined
      world.control.done = new Promise((resolve) => (done = resolve))
      let starts = 0
      const both = [1, 2].map(async () => {
        await world.engine.starting(second, 60_000)
        starts += 1
      })
      await judged()
      expect(world.containers.found).toEqual([second, second])
      world.containers.create(identityOf('c'.repeat(64)))
      await judged()
      expect(starts).toBe(0)
      world.containers.create(identityOf(second))
      expect(world.control.enforced(second)).toBe(true)
      await judged()
      expect(starts).toBe(0)
      done()
      await Promise.all(both)
    })

    it('waits until an agent that was started again has sent what it had stored', async () => {
      const store = new MemoryStore()
      const before = await blocking({ store })
      await before.stop()
      const world = daemonWorld({ store, startMs: before.now() })
      await world.daemon.load()
      world.containers.create(identityOf(second))
      expect(await code(world.engine.starting(second, 1))).toBe('START_UNJUDGED')
      const stop = new AbortController()
      const running = world.daemon.run(stop.signal)
      await world.engine.starting(second, 60_000)
      expect(world.control.enforced(second)).toBe(true)
      stop.abort()
      await running
    })

    it.each([
      [false, 'START_UNJUDGED'],
      [true, 'START_REFUSED'],
    ])('gives up in time: with `block.failClosed` %s by %s', async (failClosed, expected) => {
      const world = await blocking({ failClosed })
      expect(await code(world.engine.starting(second, 1))).toBe(expected)
      world.control.done = new Promise(() => undefined)
      world.containers.create(identityOf(second))
      expect(await code(world.engine.starting(second, 1))).toBe(expected)
    })
  })

  it('is refused where no source can stop anything, and where a gate is shut', async () => {
    const quiet = { assign: () => {}, known: () => {}, filter: () => {}, flush: () => {} }
    const world = await learned({ control: quiet })
    await expect(world.engine.setMode('shop/web', 'block', by)).rejects.toThrow(/no source/)
    const young = await started()
    young.source.emit(begin(young, id))
    await judged()
    expect(await code(young.engine.setMode('shop/web', 'block', by))).toBe('MODE_REFUSED')
    expect(young.control.all('profile')).toEqual([])
  })

  it('starts by itself where the config sets it, and ends when a person sets learn', async () => {
    const world = await learned({ rules: { after: 'block' } })
    expect((await version(world)).mode).toBe('block')
    await world.engine.setMode('shop/web', 'learn', by)
    expect(world.control.last('profile')?.profile).toBeUndefined()
    expect(world.control.last('enforce')?.enforcement.mode).toBe('alert')
    expect(world.control.enforced(id)).toBe(false)
  })
})

describe('the canary', () => {
  it('is one of ten containers at first, and then all of them', async () => {
    const world = await learned({}, ids)
    await world.engine.setMode('shop/web', 'block', by, { fraction: 0.05, forMs: 60_000 })
    const enforced = () => ids.filter((each) => world.control.enforced(each) === true)
    const first = enforced()
    expect(first.length).toBeGreaterThan(0)
    expect(first.length).toBeLessThan(10)
    const shown = (await version(world)).blocking?.containers.filter((each) => each.enforced)
    expect(shown?.map((each) => each.id)).toEqual(first)
    world.advance(60_000)
    expect(enforced()).toEqual(ids)
    expect((await version(world)).blocking?.canary).toBeUndefined()
  })

  it('is another container where it ended', async () => {
    const world = await learned({}, [id, second])
    await world.engine.setMode('shop/web', 'block', by, { fraction: 0.0001 })
    const chosen = [id, second].filter((each) => world.control.enforced(each) === true)
    expect(chosen).toHaveLength(1)
    const time = new Date(world.now()).toISOString()
    world.source.emit({ type: 'container-ended', id: chosen[0]!, time })
    world.containers.leave(chosen[0]!, 'gone')
    await judged()
    const [other] = [id, second].filter((each) => each !== chosen[0])
    expect(world.control.enforced(other!)).toBe(true)
  })
})

describe('an expected behaviour', () => {
  it('is sent to the kernel again, in the same scope, on a decision and when an allowance ends', async () => {
    const world = await learned()
    world.source.emit(did(world, '/bin/new'))
    await judged()
    const [alert] = await world.engine.alerts({ limit: 1 })
    const until = new Date(world.now() + 60_000).toISOString()
    world.advance(1_000)
    await world.engine.allowAlert(alert!.id, { until }, by)
    const reported = world.control.all('profile')
    expect(reported.map(({ profile }) => profile?.rules.length)).toEqual([1, 2])
    expect(new Set(reported.map(({ scope }) => scope)).size).toBe(1)
    world.advance(60_000)
    expect(world.control.last('profile')?.profile?.rules).toHaveLength(1)
  })

  it('is counted by its tag where the kernel judges it, and is not sent as known', async () => {
    const world = await learned()
    const known = world.control.all('known').length
    const [behaviour] = (await world.engine.profile('shop/web')).behaviours
    const time = new Date(world.now()).toISOString()
    const message: SourceMessage = {
      type: 'count-update',
      countUpdate: {
        key: behaviourKey('00'),
        containerId: id,
        count: 41,
        first: time,
        last: time,
        expected: { tags: [tagOf(behaviour!.id)], origin: 'entrypoint' },
      },
    }
    world.source.emit(message, did(world, '/bin/known'))
    await judged()
    const [counted] = (await world.engine.profile('shop/web')).behaviours
    expect(counted?.count).toBe(43)
    expect(world.control.all('known')).toHaveLength(known)
  })
})

describe('a connection that is allowed to a block of addresses', () => {
  const connected = (world: DaemonWorld, address: string): SourceMessage => {
    const time = new Date(world.now()).toISOString()
    const { image: _, ...event } = act.connect(address, 443, { container: id, time })
    return eventMessage(event as typeof event & { image: never })
  }

  it('is expected to every address of it, and to no other', async () => {
    const world = await learned()
    world.source.emit(connected(world, '10.1.2.3'))
    await judged()
    const [alert] = await world.engine.alerts({ limit: 1 })
    await world.engine.allowAlert(alert!.id, { peer: '10.9.9.9/8' }, by)
    const { behaviours } = await world.engine.profile('shop/web')
    expect(behaviours.map(({ text, state }) => [text, state])).toContainEqual([
      'connect to tcp 10.0.0.0/8:443',
      'approved',
    ])
    world.source.emit(connected(world, '10.200.0.1'), connected(world, '11.0.0.1'))
    await judged()
    const texts = (await world.engine.alerts({ limit: 9 })).map(({ behaviour }) => behaviour?.text)
    expect(texts).toEqual(['connect to tcp 11.0.0.1:443', 'connect to tcp 10.1.2.3:443'])
  })

  it('is refused for a block without it, for no block, and for what is no connection', async () => {
    const world = await learned()
    world.source.emit(connected(world, '10.1.2.3'), did(world, '/bin/new'))
    await judged()
    const [exec, connect] = await world.engine.alerts({ limit: 2 })
    const allow = (alert: typeof exec, peer: string) =>
      code(world.engine.allowAlert(alert!.id, { peer }, by))
    expect(await allow(connect, '192.168.0.0/16')).toBe('DECISION_INVALID')
    expect(await allow(connect, 'user-db')).toBe('DECISION_INVALID')
    expect(await allow(exec, '10.0.0.0/8')).toBe('DECISION_INVALID')
    expect(await allow(connect, '10.1.2.3/32')).toBe('done')
  })
})

describe('the budget', () => {
  it('once spent leaves those kinds alerting in mode block, with a critical alert, until it is armed again', async () => {
    const world = await blocking()
    const { scope } = world.control.last('profile')!
    const time = new Date(world.now()).toISOString()
    world.source.emit({ type: 'disarmed', scope, kinds: ['file'], time })
    await judged()
    expect(await version(world)).toMatchObject({
      mode: 'block',
      blocking: { armed: false, disarmed: ['file'] },
    })
    expect((await version(world)).because).toMatch(/disarmed itself for file/)
    expect(world.control.last('enforce')?.enforcement).toMatchObject({
      mode: 'block',
      except: ['file'],
    })
    const [alert] = await world.engine.alerts({ limit: 1 })
    expect(alert).toMatchObject({ type: 'enforcement', severity: 'critical', action: 'alerted' })
    world.source.emit({ type: 'disarmed', scope, kinds: [...behaviourKinds], time })
    await judged()
    expect(world.control.last('enforce')?.enforcement.mode).toBe('alert')
    await world.engine.setMode('shop/web', 'block', by)
    expect(world.control.last('enforce')?.enforcement.mode).toBe('block')
    expect(world.control.last('enforce')?.enforcement.except).toBeUndefined()
    expect((await version(world)).blocking).toMatchObject({ armed: true })
  })
})

describe('break-glass', () => {
  it('pauses the kernel, is an alert, survives a restart, and ends by itself', async () => {
    const world = await blocking()
    const until = world.now() + 900_000
    await world.engine.breakGlass('shop/web', 900_000, { ...by, reason: 'the shop is down' })
    expect(world.control.last('enforce')?.enforcement.pausedUntil).toBe(until)
    expect((await version(world)).blocking).toMatchObject({
      armed: false,
      breakGlass: { by: 'cli:root', reason: 'the shop is down' },
    })
    expect((await world.engine.alerts({ limit: 1 }))[0]).toMatchObject({ type: 'enforcement' })
    await world.stop()
    const again = await started({ store: world.store, startMs: world.now() + 1_000 })
    expect(again.control.last('profile')?.profile?.rules).toHaveLength(1)
    expect(again.control.last('enforce')?.enforcement).toMatchObject({
      mode: 'block',
      pausedUntil: until,
    })
    again.advance(900_000)
    expect(again.control.last('enforce')?.enforcement.pausedUntil).toBeUndefined()
    expect((await version(again)).blocking).toMatchObject({ armed: true })
  })

  it('is ended by a person, and refused where nothing blocks or nothing is broken', async () => {
    const world = await learned()
    const order = { ...by, reason: 'r' }
    expect(await code(world.engine.breakGlass('shop/web', 1_000, order))).toBe('MODE_REFUSED')
    await world.engine.setMode('shop/web', 'block', by)
    expect(await code(world.engine.endBreakGlass('shop/web', by))).toBe('MODE_REFUSED')
    expect(await code(world.engine.breakGlass('shop/web', 1_000, by))).toBe('DECISION_INVALID')
    await world.engine.breakGlass('shop/web', 60_000, order)
    await world.engine.endBreakGlass('shop/web', by)
    expect(world.control.last('enforce')?.enforcement.pausedUntil).toBeUndefined()
  })
})

describe('an action that was stopped', () => {
  const found = async (world: DaemonWorld) =>
    (await world.engine.alerts({ limit: 9 })).map(({ type, action, count, severity }) => {
      return { type, action, count, severity }
    })

  it('is an alert for each thing that was done about it, and repeats count onto the right one', async () => {
    const world = await blocking()
    const killed = did(world, '/bin/bad', { enforced: 'killed' })
    const key = behaviourKey('0b')
    world.source.emit({ ...killed, key } as SourceMessage)
    const time = new Date(world.now()).toISOString()
    const repeats: SourceMessage = {
      type: 'count-update',
      countUpdate: { key, containerId: id, count: 4, first: time, last: time },
    }
    world.source.emit(repeats, did(world, '/bin/bad'))
    await judged()
    expect(await found(world)).toMatchObject([
      { action: 'alerted', count: 1 },
      { action: 'killed', count: 5 },
    ])
  })

  it('alerts with the reason where this host could not stop it', async () => {
    const world = await blocking()
    world.source.emit(did(world, '/bin/bad', { enforced: 'missed' }))
    await judged()
    const [alert] = await world.engine.alerts({ limit: 1 })
    expect(alert?.action).toBe('missed')
    expect(alert?.reasons).toContain('this host cannot stop this action: the kernel allowed it')
  })

  it('is no kill where something survives that the process obtained', async () => {
    const world = await blocking()
    const killed = did(world, '/bin/bad', { enforced: 'killed' })
    const survived = did(world, '/bin/bad', { enforced: 'missed', survives: 'held-by-others' })
    const key = behaviourKey('0b')
    world.source.emit({ ...killed, key } as SourceMessage, { ...survived, key } as SourceMessage)
    const time = new Date(world.now()).toISOString()
    world.source.emit({
      type: 'count-update',
      countUpdate: { key, containerId: id, count: 4, first: time, last: time },
    })
    await judged()
    expect(await found(world)).toMatchObject([
      { action: 'missed', count: 5 },
      { action: 'killed', count: 1 },
    ])
    expect((await world.engine.alerts({ limit: 1 }))[0]?.reasons).toContain(
      'the kernel killed the process, but another thread or process holds what it obtained',
    )
  })

  it('though the profile expects it is a disagreement: critical, and counted', async () => {
    const world = await blocking()
    world.advance(60_000)
    world.source.emit(did(world, '/bin/known', { enforced: 'blocked' }))
    await judged()
    expect(await found(world)).toMatchObject([
      { type: 'enforcement', action: 'blocked', severity: 'critical' },
    ])
    expect(world.engine.status().counters['kernelDisagreements']).toBe(1)
  })

  it('by the previous profile is reported as enforcement and is no disagreement', async () => {
    const world = await blocking()
    world.source.emit(did(world, '/bin/bad', { enforced: 'blocked' }))
    await judged()
    const [alert] = await world.engine.alerts({ limit: 1 })
    world.advance(10_000)
    const late = did(world, '/bin/bad', { enforced: 'blocked' }, id)
    await world.engine.allowAlert(alert!.id, {}, by)
    world.source.emit(late)
    await judged()
    expect((await found(world))[0]).toMatchObject({ type: 'enforcement', severity: 'medium' })
    expect(world.engine.status().counters['kernelDisagreements']).toBe(0)
  })

  it('by the earlier name of a peer is no disagreement, and is one once the kernel has the name', async () => {
    const world = await started()
    const connected = (address: string, more: object = {}): SourceMessage => {
      const time = new Date(world.now()).toISOString()
      const { image: _, ...event } = act.connect(address, 5432, { container: id, time })
      return eventMessage({ ...event, ...more } as typeof event & { image: never })
    }
    const named = (address: string): void => {
      world.containers.peers.clear()
      world.containers.peers.set(address, { name: 'user-db' })
    }
    const refused = { enforced: 'blocked' }
    named('10.0.0.1')
    world.source.emit(begin(world, id), connected('10.0.0.1'))
    await judged()
    await world.engine.endLearning('shop/web', by)
    world.advance(60_000)
    await world.engine.setMode('shop/web', 'block', by, { fraction: 1 })
    world.advance(60_000)
    // The peer starts again elsewhere, and its name is there a moment after the connection.
    const early = connected('10.0.0.2', refused)
    named('10.0.0.2')
    begin(world, second)
    world.source.emit(early)
    await judged()
    expect(await found(world)).toMatchObject([{ type: 'enforcement', severity: 'medium' }])
    expect(world.engine.status().counters['kernelDisagreements']).toBe(0)
    world.advance(60_000)
    world.source.emit(connected('10.0.0.2', refused))
    await judged()
    expect(world.engine.status().counters['kernelDisagreements']).toBe(1)
  })

  it('or not, because the agent was late to assign its container, is reported as missed', async () => {
    const world = await blocking()
    // The agent was busy while the container started and acted.
    const time = new Date(world.now()).toISOString()
    const bad = did(world, '/bin/bad', {}, second)
    world.advance(1_000)
    begin(world, second)
    const container = { id: second, cgroup: '', time, before: false }
    world.source.emit({ type: 'container-started', container }, bad)
    await judged()
    world.advance(1_000)
    world.source.emit(did(world, '/bin/worse', {}, second))
    await judged()
    const alerts = (await world.engine.alerts({ limit: 9 })).filter(
      ({ type }) => type === 'deviation',
    )
    expect(alerts.map(({ action }) => action)).toEqual(['alerted', 'missed'])
    expect(alerts[1]?.reasons).toContain(
      'the kernel could not stop it: the agent assigned the container later',
    )
    expect(world.control.enforced(second)).toBe(true)
  })

  it('before its container was identified is reported too', async () => {
    const world = await started({ failClosed: true })
    expect(world.control.all('failClosed')).toEqual([{ what: 'failClosed', on: true }])
    world.source.emit(begin(world, id), did(world, '/bin/first', { enforced: 'killed' }))
    await judged()
    expect(await found(world)).toMatchObject([{ type: 'enforcement', action: 'killed' }])
  })

  it.each([true, false])(
    'names `block.failClosed` only where it is set: %s',
    async (failClosed) => {
      const world = await started({ failClosed })
      world.source.emit(begin(world, id), did(world, '/bin/first', { enforced: 'killed' }))
      await judged()
      const [alert] = await world.engine.alerts({ limit: 1 })
      expect(alert?.reasons.join(' ').includes('block.failClosed')).toBe(failClosed)
    },
  )
})

describe('the self-probe', () => {
  it('that fails is a fault and a critical alert until it passes again', async () => {
    const world = await started()
    const probe = { time: new Date(world.now()).toISOString(), passed: true, stopped: ['exec'] }
    world.source.emit({ type: 'self-probe', probe: { ...probe, missed: ['open'] } })
    await judged()
    const status = world.engine.status()
    expect(status.state).toBe('degraded')
    expect(status.degraded).toEqual(['self-probe: not stopped: open'])
    expect(status.selfProbe).toMatchObject({ ok: false, runs: 1, failures: 1, missed: ['open'] })
    expect((await world.engine.alerts({ limit: 1 }))[0]).toMatchObject({ severity: 'critical' })
    world.source.emit({ type: 'self-probe', probe: { ...probe, missed: [] } })
    await judged()
    expect(world.engine.status()).toMatchObject({
      state: 'running',
      selfProbe: { ok: true, runs: 2, failures: 1 },
    })
  })
})

describe('a container that is made and not started yet', () => {
  it('is given its version at once where that is known, with its health check and init', async () => {
    const world = await learned()
    const healthcheck = ['/bin/sh', '-c', 'true']
    world.containers.report(identityOf(second, { probes: [healthcheck], initInjected: true }))
    const { scope } = world.control.last('profile')!
    expect(world.control.last('assign')).toEqual({
      what: 'assign',
      id: second,
      scope,
      traits: { enforce: false, probes: [healthcheck], init: true },
    })
    world.containers.leave(second, 'gone')
    expect(world.control.last('release')?.id).toBe(second)
  })

  it('waits for the first look at its image, and is given it then', async () => {
    const world = await started()
    world.containers.report(identityOf(second))
    expect(world.control.all('assign')).toEqual([])
    world.source.emit(begin(world, id))
    await judged()
    expect(world.control.all('assign').map((each) => each.id)).toEqual([id, second])
  })

  it('is assigned again once it has ended, because it may be started again', async () => {
    const world = await learned()
    const before = world.control.all('assign').filter((each) => each.id === id).length
    const time = new Date(world.now()).toISOString()
    world.source.emit({ type: 'container-ended', id, time })
    await judged()
    expect(world.control.all('assign').filter((each) => each.id === id)).toHaveLength(before + 1)
  })
})

describe('the names of peers', () => {
  it('are in the kernel as they are with the engine', async () => {
    const world = await started()
    world.containers.peers.set('10.0.0.7', { name: 'user-db' })
    // Link-local: another host on every network.
    world.containers.peers.set('169.254.169.254', { name: 'metadata' })
    world.containers.report(identityOf(second))
    expect(world.control.last('peers')?.changes).toEqual([{ address: '10.0.0.7', name: 'user-db' }])
    const reported = world.control.all('peers').length
    world.containers.report(identityOf(second))
    expect(world.control.all('peers')).toHaveLength(reported)
    world.containers.peers.delete('10.0.0.7')
    world.containers.leave(second, 'stopped')
    expect(world.control.last('peers')?.changes).toEqual([{ address: '10.0.0.7', name: undefined }])
  })
})
