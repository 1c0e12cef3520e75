import { afterEach, describe, expect, it } from 'vitest'
import { sha256Hex } from '../../../src/core/behaviour/sha256.ts'
import type { ProfileScope } from '../../../src/core/event/image-key.ts'
import { MemoryStore } from '../../../src/agent/records/store/memory-store.ts'
import { daemonWorld, type DaemonWorld, type WorldOptions } from '../../fixtures/daemon-fixtures.ts'
import { identityOf } from '../../fixtures/identity-fixtures.ts'
import {
  does,
  idIn,
  idOf,
  learned,
  nameOf,
  runs,
  sharedImage as image,
  stateIn,
  versionIn,
} from '../../fixtures/tenants.ts'

/** Tenants that run the same public image: what one of them shows is no licence for the others. */
const person = { who: 'cli:root' }
const secret = '/srv/secrets/key'
let worlds: DaemonWorld[] = []

afterEach(async () => {
  for (const world of worlds) await world.stop()
  worlds = []
})

async function started(options: WorldOptions = {}): Promise<DaemonWorld> {
  const world = daemonWorld({ scope: 'namespace', ...options })
  worlds.push(world)
  await world.start()
  return world
}

const alertsIn = async (world: DaemonWorld, scope: string) =>
  (await world.engine.alerts({ limit: 100 })).filter((alert) => alert.image?.scope === scope)

describe('what one namespace teaches a public image', () => {
  it('is an alert in another one, which says where it is expected', async () => {
    const world = await started()
    await learned(world, { evil: ['/etc/web.conf', secret], shop: ['/etc/web.conf'] })
    await does(world, 'shop', secret)
    await does(world, 'evil', secret)
    const alerts = await alertsIn(world, 'shop')
    expect(alerts.map(({ behaviour }) => behaviour?.text)).toEqual([`read ${secret}`])
    expect(alerts[0]?.reasons).toContain(
      'profiles of the same image expect it in `evil`; this one does not',
    )
    expect(await alertsIn(world, 'evil')).toEqual([])
  })

  it('is shown on the card that waits for a decision', async () => {
    const world = await started()
    await learned(world, { evil: [secret], shop: ['/etc/web.conf'] })
    await does(world, 'shop', secret, '/srv/other')
    const { cards } = await world.engine.page.review({ offset: 0, limit: 10 })
    expect(
      cards.map(({ repository, samples, elsewhere }) => [repository, samples[0]?.text, elsewhere]),
    ).toEqual([
      [nameOf('shop'), 'read /srv/other', undefined],
      [nameOf('shop'), `read ${secret}`, ['evil']],
    ])
  })

  it('is expected in both with one profile for the cluster', async () => {
    const world = await started({ scope: 'cluster' })
    runs(world, 'evil')
    runs(world, 'shop')
    await does(world, 'evil', secret)
    await world.engine.endLearning(image.repository, person)
    world.advance(5_000)
    await does(world, 'shop', secret)
    expect(await world.engine.alerts({ limit: 10 })).toEqual([])
  })

  it.each<[ProfileScope, string]>([
    ['namespace', 'shop'],
    ['workload', 'shop/Deployment/web'],
  ])('is kept by %s', async (scope, name) => {
    const world = await started({ scope })
    runs(world, 'shop')
    await does(world, 'shop', '/etc/web.conf')
    expect([...world.daemon.registry.index].map(({ key }) => key)).toEqual([
      `${image.repository}#${name}@${image.digest}`,
    ])
  })

  it('has a mode and a scope of the kernel of its own', async () => {
    const world = await started()
    await learned(world, { evil: [secret], shop: ['/etc/web.conf'] })
    await world.engine.setMode(nameOf('shop'), 'block', person, { forMs: 0 })
    expect(versionIn(world, 'shop').life.mode).toBe('block')
    expect(versionIn(world, 'evil').life.mode).toBe('alert')
    expect(world.control.enforced(idIn('shop'))).toBe(true)
    expect(world.control.enforced(idIn('evil'))).not.toBe(true)
    const profileOf = (scope: string) =>
      JSON.stringify(
        world.control
          .all('profile')
          .findLast((each) => each.scope === versionIn(world, scope).scope),
      )
    expect(profileOf('shop')).not.toContain(secret)
    expect(profileOf('evil')).toContain(secret)
  })

  it('survives a restart', async () => {
    const store = new MemoryStore()
    const first = await started({ store })
    await learned(first, { evil: [secret], shop: ['/etc/web.conf'] })
    await first.daemon.journal.persist()
    const again = await started({ store })
    expect(stateIn(again, 'evil', secret)).toBe('learned')
    expect(stateIn(again, 'shop', secret)).toBeUndefined()
  })
})

describe('an image with a profile for each namespace', () => {
  it('is named with its scope, and a name of several is refused with their names', async () => {
    const world = await started()
    await learned(world, { a: ['/etc/web.conf'], b: ['/etc/web.conf'] })
    const { registry } = world.daemon
    for (const ref of [
      nameOf('a'),
      `${nameOf('a')}:1`,
      `${nameOf('a')}@${image.digest.slice(0, 12)}`,
    ])
      expect(registry.index.findOne(ref).image.scope, ref).toBe('a')
    expect(registry.index.find(image.repository)).toHaveLength(2)
    expect(() => registry.index.findOne(image.repository)).toThrow(
      `\`${image.repository}\` has a profile for each of \`${nameOf('a')}\`, \`${nameOf('b')}\``,
    )
    expect((await world.engine.images()).map(({ repository }) => repository)).toEqual([
      nameOf('a'),
      nameOf('b'),
    ])
  })
})

describe('a behaviour that several namespaces have learned', () => {
  const shows = { a: [secret], b: [secret], c: ['/etc/web.conf'] }

  it('stays a deviation in others where only a person merges', async () => {
    const world = await started()
    await learned(world, shows)
    world.daemon.tick()
    expect(stateIn(world, 'c', secret)).toBeUndefined()
  })

  it('is expected in others once enough of them have, and the audit log names them', async () => {
    const world = await started({ rules: { mergeFrom: 2 } })
    await learned(world, { a: [secret], c: ['/etc/web.conf'] })
    world.daemon.tick()
    expect(stateIn(world, 'c', secret)).toBeUndefined()
    await learned(world, { b: [secret] })
    world.daemon.tick()
    expect(stateIn(world, 'c', secret)).toBe('approved')
    await does(world, 'c', secret)
    expect(await alertsIn(world, 'c')).toEqual([])
    const [entry] = (await world.engine.audit(100)).filter(({ who }) => who === 'agent:scopes')
    expect(entry).toMatchObject({ what: 'approve', image: versionIn(world, 'c').key })
    expect(versionIn(world, 'c').profile.entry(idOf(secret))?.decision?.reason).toBe(
      'shown in 2 other scopes of the image: `a`, `b`',
    )
  })

  it('is expected at the next tick where the configuration asks for fewer', async () => {
    const world = await started({ rules: { mergeFrom: 2 } })
    await learned(world, { a: [secret], b: ['/etc/a'], c: ['/etc/web.conf'] })
    world.daemon.tick()
    expect(stateIn(world, 'c', secret)).toBeUndefined()
    world.daemon.registry.lifecycle.rules = {
      ...world.daemon.registry.lifecycle.rules,
      mergeFrom: 1,
    }
    world.daemon.tick()
    expect(stateIn(world, 'c', secret)).toBe('approved')
  })

  it('is a whole place where it is one, with names that nobody has seen', async () => {
    const world = await started({ rules: { mergeFrom: 2 } })
    const names = (of: string) =>
      Array.from({ length: 80 }, (_, i) => `/var/lib/app/${sha256Hex(`${of}${i}`).slice(0, 9)}.dat`)
    await learned(world, { a: names('a'), b: names('b'), c: ['/etc/web.conf'] })
    const places = [...versionIn(world, 'a').profile.outline()].filter(({ place }) => place)
    expect(places).toHaveLength(1)
    world.daemon.tick()
    await does(world, 'c', '/var/lib/app/0123abcde.dat')
    expect(await alertsIn(world, 'c')).toEqual([])
    await does(world, 'c', '/var/lib/other/0123abcde.dat')
    expect(await alertsIn(world, 'c')).toHaveLength(1)
  })

  it('counts no namespace that was given it, or still learns', async () => {
    const rules = { mergeFrom: 2, floorMs: 3_600_000, ceilingMs: 7_200_000 }
    const world = await started({ rules })
    await learned(world, shows)
    world.daemon.tick()
    expect(stateIn(world, 'c', secret)).toBe('approved')
    world.daemon.registry.lifecycle.rules = {
      ...world.daemon.registry.lifecycle.rules,
      mergeFrom: 3,
    }
    runs(world, 'd')
    await does(world, 'd', secret)
    await learned(world, { e: ['/etc/web.conf'] })
    world.daemon.tick()
    expect(stateIn(world, 'd', secret)).toBe('learned')
    expect(stateIn(world, 'e', secret)).toBeUndefined()
  })

  it('stays rejected where a person rejected it', async () => {
    const world = await started({ rules: { mergeFrom: 2 } })
    await learned(world, { c: ['/etc/web.conf'] })
    await does(world, 'c', secret)
    await world.engine.reject(nameOf('c'), [idOf(secret)], person)
    await learned(world, { a: [secret], b: [secret] })
    world.daemon.tick()
    expect(stateIn(world, 'c', secret)).toBe('rejected')
  })

  it('is not given to others where a guardrail fired on it', async () => {
    const world = await started({ rules: { mergeFrom: 2 } })
    await learned(world, { a: ['/etc/shadow'], b: ['/etc/shadow'], c: ['/etc/web.conf'] })
    for (const scope of ['a', 'b'])
      await world.engine.approve(nameOf(scope), [idOf('/etc/shadow')], person, {
        quarantined: true,
      })
    world.daemon.tick()
    expect(stateIn(world, 'a', '/etc/shadow')).toBe('approved')
    expect(stateIn(world, 'c', '/etc/shadow')).toBeUndefined()
  })
})

describe('a person', () => {
  it('extends a behaviour to all namespaces, also to one that has not shown it', async () => {
    const world = await started()
    await learned(world, { a: ['/etc/web.conf'], b: ['/etc/web.conf'] })
    await does(world, 'a', secret)
    await world.engine.approve(nameOf('a'), [idOf(secret)], person, { allScopes: true })
    await does(world, 'b', secret)
    expect(await alertsIn(world, 'b')).toEqual([])
    const [entry] = (await world.engine.audit(100)).filter(({ what }) => what === 'approve')
    expect(entry).toMatchObject({
      what: 'approve',
      images: [versionIn(world, 'a').key, versionIn(world, 'b').key],
      changes: [
        { image: versionIn(world, 'a').key, before: 'pending', after: 'approved' },
        { image: versionIn(world, 'b').key, before: 'unknown', after: 'approved' },
      ],
    })
  })

  it('names the behaviours for that', async () => {
    const world = await started()
    await learned(world, { a: ['/etc/web.conf'] })
    await expect(
      world.engine.approve(nameOf('a'), undefined, person, { allScopes: true }),
    ).rejects.toMatchObject({ code: 'DECISION_INVALID' })
  })
})

describe('an agent whose profiles had no scope until now', () => {
  const startMs = Date.now() - 60_000

  async function blocking(): Promise<MemoryStore> {
    const store = new MemoryStore()
    const world = await started({ store, scope: 'cluster', startMs })
    runs(world, 'shop')
    await does(world, 'shop', '/etc/web.conf')
    await world.engine.endLearning(image.repository, person)
    world.advance(5_000)
    await world.engine.setMode(image.repository, 'block', person, { forMs: 0 })
    await world.daemon.journal.persist()
    return store
  }

  it('goes on blocking in each namespace from the first event, by the profile that it had', async () => {
    const world = await started({ store: await blocking() })
    runs(world, 'shop', true)
    runs(world, 'later')
    await does(world, 'shop', '/etc/web.conf', secret)
    for (const scope of ['shop', 'later']) {
      expect(versionIn(world, scope).life).toMatchObject({ state: 'enforced', mode: 'block' })
      expect(world.control.enforced(idIn(scope)), scope).toBe(true)
      expect(stateIn(world, scope, '/etc/web.conf')).toBe('learned')
    }
    expect((await alertsIn(world, 'shop')).map(({ behaviour }) => behaviour?.text)).toEqual([
      `read ${secret}`,
    ])
  })

  it('moves a container that goes on to its own version, as one run', async () => {
    const world = await started({ store: await blocking() })
    const key = `${image.repository}@${image.digest}`
    const before = world.daemon.registry.index.findOne(key)
    const { from } = before.runs.get(idIn('shop')) ?? {}
    runs(world, 'shop', true)
    await does(world, 'shop', '/etc/web.conf')
    expect(before.runs.size).toBe(0)
    expect(versionIn(world, 'shop').runs.get(idIn('shop'))).toMatchObject({ from, before: false })
  })

  it('decides on an alert from before in the version that its container is in now', async () => {
    const store = new MemoryStore()
    const first = await started({ store, scope: 'cluster', startMs })
    runs(first, 'shop')
    await does(first, 'shop', '/etc/web.conf')
    await first.engine.endLearning(image.repository, person)
    first.advance(5_000)
    await does(first, 'shop', secret)
    await first.daemon.journal.persist()
    const world = await started({ store })
    runs(world, 'shop', true)
    await does(world, 'shop', '/etc/web.conf')
    const all = await world.engine.alerts({ limit: 10 })
    const alert = all.find(({ behaviour }) => behaviour?.text === `read ${secret}`)
    expect(alert?.image).toEqual(image)
    await world.engine.allowAlert(alert?.id ?? '', {}, person)
    expect(stateIn(world, 'shop', secret)).toBe('approved')
  })

  it('separates the namespaces from then on', async () => {
    const world = await started({ store: await blocking() })
    runs(world, 'shop', true)
    runs(world, 'later')
    await does(world, 'shop', secret)
    await world.engine.approve(nameOf('shop'), [idOf(secret)], person)
    expect(stateIn(world, 'shop', secret)).toBe('approved')
    expect(stateIn(world, 'later', secret)).toBeUndefined()
  })

  it('begins with nothing where it had not finished learning', async () => {
    const store = new MemoryStore()
    const first = await started({ store, scope: 'cluster' })
    runs(first, 'evil')
    await does(first, 'evil', secret)
    await first.daemon.journal.persist()
    const world = await started({ store })
    runs(world, 'shop')
    await does(world, 'shop', '/etc/web.conf')
    expect(versionIn(world, 'shop').life.state).toBe('learning')
    expect(stateIn(world, 'shop', secret)).toBeUndefined()
  })

  it('takes the old version as predecessor of a new image', async () => {
    const world = await started({ store: await blocking() })
    const id = 'c'.repeat(64)
    const digest = `sha256:${'9'.repeat(64)}`
    world.containers.report({
      ...identityOf(id),
      image: { ...image, digest },
      imageId: digest,
      workload: { namespace: 'shop', name: 'web' },
    })
    world.containers.atOnce.add(id)
    const time = new Date(world.now()).toISOString()
    world.source.emit({
      type: 'container-started',
      container: { id, cgroup: '', time, before: false },
    })
    await world.source.received()
    const version = world.daemon.registry.index.findOne(`${nameOf('shop')}@${digest}`)
    expect(version.life).toMatchObject({ state: 'learning', predecessor: image.digest })
    expect(world.daemon.registry.index.predecessorOf(version)?.image).toMatchObject({
      digest: image.digest,
    })
    expect(version.profile.entry(idOf('/etc/web.conf'))?.inherited?.from).toBe(image.digest)
  })
})
