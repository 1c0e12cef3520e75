import { describe, expect, it } from 'vitest'
import { behaviourId } from '../../../../src/core/behaviour/behaviour.ts'
import { startVersion } from '../../../../src/core/lifecycle/version.ts'
import { Profile } from '../../../../src/core/profile/profile.ts'
import { behaviourKey } from '../../../../src/agent/pipeline/sources/source.ts'
import {
  DeployedVersion,
  keysKept,
} from '../../../../src/agent/records/versions/deployed-version.ts'
import { oldScopesKept } from '../../../../src/agent/records/versions/version-index.ts'
import {
  endedRemembered,
  unannouncedKept,
  versionsKept,
} from '../../../../src/agent/records/versions/version-registry.ts'
import { allKeysKept, allRunsKept } from '../../../../src/agent/records/versions/version-bounds.ts'
import { act, shaper } from '../../../fixtures/event-fixture.ts'
import { identityOf } from '../../../fixtures/identity-fixtures.ts'
import { registryWith } from '../../../fixtures/version-registry.ts'

const time = '2026-11-24T13:40:27.123456Z'

describe('the keys of a version, in a flood of new ones', () => {
  const meaning = {
    behaviours: [behaviourId('one')],
    origin: 'entrypoint',
    source: 'ebpf',
    expected: true,
  } as const
  const key = (n: number) => behaviourKey(n.toString(16).padStart(16, '0'))

  it('keep those that are used, and forget those that are not', () => {
    const image = { repository: 'shop/web', digest: 'sha256:aa' }
    const version = new DeployedVersion(
      image,
      startVersion('sha256:aa', 0),
      new Profile(shaper),
      time,
    )
    version.remember(key(0), meaning)
    version.remember(key(1), meaning)
    for (let n = 2; n < keysKept * 3; n += 1) {
      version.remember(key(n), meaning)
      if (n % 10_000 === 0) expect(version.meaning(key(0))).toEqual(meaning)
    }
    expect(version.meaning(key(1))).toBeUndefined()
  })
})

describe('what all versions together keep', () => {
  const meaning = {
    behaviours: [behaviourId('one')],
    origin: 'entrypoint',
    source: 'ebpf',
    expected: true,
  } as const
  const key = (text: string) => behaviourKey(text)
  const seenOf = (id: string) => ({ id, cgroup: '', time, before: false })
  const imageOf = (name: string) => ({ repository: `shop/${name}`, digest: 'sha256:aa' })

  it('are keys up to a bound: versions with a flood of them lose theirs, and others none', () => {
    const versions = registryWith()
    const quiet = versions.ofImage(imageOf('quiet'), time)
    for (let n = 0; n < 500; n += 1) quiet.remember(key(`quiet ${n}`), meaning)
    const floods = Array.from({ length: 8 }, (_, i) => versions.ofImage(imageOf(`${i}`), time))
    for (let n = 0; n < keysKept; n += 1) {
      for (const flood of floods) flood.remember(key(`${flood.key} ${n}`), meaning)
    }
    const known = (version: DeployedVersion, name: string, count: number): number =>
      Array.from({ length: count }, (_, n) => version.meaning(key(`${name} ${n}`))).filter(Boolean)
        .length
    expect(known(quiet, 'quiet', 500)).toBe(500)
    const all = floods.reduce((sum, flood) => sum + known(flood, flood.key, keysKept), 500)
    expect(all).toBeLessThanOrEqual(allKeysKept)
    expect(all + versions.bounds.keys.dropped).toBe(8 * keysKept + 500)
  })

  it('are runs up to a bound: never one that goes on, and those of a version that learns last', () => {
    const versions = registryWith()
    const start = (name: string, n: number): void => {
      const id = `${name}-${n}`
      versions.containerStarted(identityOf(id, { image: imageOf(name) }), seenOf(id))
      if (n > 0) versions.containerEnded(id, time)
    }
    for (let n = 0; n <= 300; n += 1) start('learns', n)
    const others = Array.from({ length: 24 }, (_, i) => `other${i}`)
    for (const name of others) {
      const version = versions.ofImage(imageOf(name), time)
      version.life = { ...version.life, state: 'enforced' }
      for (let n = 0; n <= 900; n += 1) start(name, n)
    }
    const sizes = [...versions.index].map(({ runs }) => runs.size)
    expect(sizes.reduce((a, b) => a + b)).toBeLessThanOrEqual(allRunsKept)
    expect(sizes[0]).toBe(301)
    expect(Math.min(...sizes.slice(1))).toBeGreaterThan(300)
    for (const name of others) {
      expect(versions.versionOfContainer(`${name}-0`)?.runs.has(`${name}-0`)).toBe(true)
    }
    expect(versions.bounds.runs.dropped).toBeGreaterThan(0)
    // What is forgotten of a version is in no estimate, but it was there.
    expect([...versions.index].at(-1)?.runsSeen).toBe(901)
  })

  it('are unexpected events of a container until no count of it can arrive', () => {
    const versions = registryWith()
    const image = imageOf('web')
    const report = (id: string): void => {
      const reported = { ...meaning, key: key(`key of ${id}`), container: id }
      const version = versions.versionOfContainer(id)
      version?.rememberReported({ ...reported, action: 'killed', alert: `alert of ${id}` })
      version?.reported.setAction(reported.key, id, 'killed')
    }
    for (const id of ['goes-on', 'ends']) {
      versions.containerStarted(identityOf(id, { image }), seenOf(id))
      report(id)
    }
    versions.containerEnded('ends', time)
    const { reported } = versions.ofImage(image, time)
    for (let n = 1; n < endedRemembered; n += 1) {
      versions.containerStarted(identityOf(`c${n}`, { image }), seenOf(`c${n}`))
      versions.containerEnded(`c${n}`, time)
    }
    expect(reported.alertOf(key('key of ends'), 'ends')).toBe('alert of ends')
    expect(reported.actionOf(key('key of ends'), 'ends')).toBe('killed')
    versions.containerStarted(identityOf('last', { image }), seenOf('last'))
    versions.containerEnded('last', time)
    expect(reported.alertOf(key('key of ends'), 'ends')).toBeUndefined()
    expect(reported.alertOf(key('key of goes-on'), 'goes-on')).toBe('alert of goes-on')
    expect(reported.actionOf(key('key of goes-on'), 'goes-on')).toBe('killed')
    expect(reported.size).toBe(2)
  })

  it('loses those of containers that had ended before a restart', () => {
    const versions = registryWith()
    const image = imageOf('web')
    for (const id of ['goes-on', 'ends']) {
      versions.containerStarted(identityOf(id, { image }), seenOf(id))
      const reported = { ...meaning, key: key(id), container: id, action: 'alerted' } as const
      versions.versionOfContainer(id)?.rememberReported({ ...reported, alert: id })
    }
    versions.containerEnded('ends', time)
    const again = registryWith()
    const [version] = versions.index
    if (version !== undefined) again.restore(version)
    expect(version?.reported.alertOf(key('goes-on'), 'goes-on')).toBe('goes-on')
    expect(version?.reported.alertOf(key('ends'), 'ends')).toBeUndefined()
  })

  it('is counted without what was removed', () => {
    const versions = registryWith()
    for (let i = 0; i < 40; i += 1) {
      const version = versions.ofImage(imageOf(`${i}`), time)
      for (let n = 0; n < 10_000; n += 1) version.remember(key(`${i} ${n}`), meaning)
      versions.remove(version)
    }
    expect(versions.bounds.keys.dropped).toBe(0)
  })
})

describe('the registry', () => {
  it('forgets the oldest containers whose source reports no end', () => {
    const versions = registryWith()
    const flood = unannouncedKept + 1_000
    for (let n = 0; n < flood; n += 1) {
      const event = act.exec('/bin/serve', { container: `c${n}` })
      versions.versionOf(event)?.touched(event)
    }
    expect(versions.versionOfContainer('c0')).toBeUndefined()
    expect(versions.versionOfContainer(`c${flood - 1}`)?.key).toBe('shop/web@sha256:aa')
    expect([...versions.index][0]?.runs.size).toBeLessThanOrEqual(5_000)
  })

  it('keeps a container that a source announced, in a flood of others', () => {
    const versions = registryWith()
    const seen = { id: 'c0', cgroup: '', time, before: false }
    const image = { repository: 'shop/web', digest: 'sha256:aa' }
    versions.versionOf(act.exec('/bin/serve', { container: 'c0' }))
    versions.containerStarted(identityOf('c0', { image }), seen)
    for (let n = 1; n < unannouncedKept + 1_000; n += 1) {
      const event = act.exec('/bin/serve', { container: `c${n}` })
      versions.versionOf(event)?.touched(event)
    }
    expect(versions.versionOfContainer('c0')?.key).toBe('shop/web@sha256:aa')
  })

  it('forgets the oldest earlier scopes, and never a present one', () => {
    const versions = registryWith()
    const image = (digest: string) => ({ repository: 'shop/web', digest })
    const quiet = versions.ofImage(image('sha256:aa'), time)
    const busy = versions.ofImage(image('sha256:bb'), time)
    const first = busy.scope
    for (let n = 0; n < oldScopesKept + 10; n += 1) versions.renew(busy)
    expect(versions.index.ofKernelScope(first)).toBeUndefined()
    expect(versions.index.ofKernelScope(busy.scope - 1)).toBe(busy)
    expect(versions.index.ofKernelScope(busy.scope)).toBe(busy)
    expect(versions.index.ofKernelScope(quiet.scope)).toBe(quiet)
  })

  it('asks for room before it has more versions than it may', () => {
    let asked = 0
    const versions = registryWith()
    versions.events.on('full', () => {
      asked += 1
      const [oldest] = versions.index
      if (oldest !== undefined) versions.remove(oldest)
    })
    for (let n = 0; n < versionsKept + 5; n += 1) {
      versions.ofImage({ repository: `shop/${n}`, digest: 'sha256:aa' }, time)
    }
    expect(asked).toBe(5)
    expect([...versions.index].length).toBe(versionsKept)
  })

  it('keeps the latest tags and digests of an image that is pushed again and again', () => {
    const versions = registryWith()
    const first = { repository: 'shop/web', digest: 'sha256:first' }
    const version = versions.ofImage(first, time, 'sha256:id')
    for (let n = 0; n < 1_000; n += 1) {
      const image = { repository: 'shop/web', tag: `t${n}`, digest: `sha256:${n}` }
      const seen = { id: 'c0', cgroup: '', time, before: false }
      versions.containerStarted(identityOf('c0', { image, imageId: 'sha256:id' }), seen)
    }
    expect([...versions.index]).toEqual([version])
    expect(version.otherDigests.size).toBe(256)
    expect(version.tags.size).toBe(256)
    expect(versions.index.ofImage({ ...first, digest: 'sha256:0' })).toBeUndefined()
    expect(versions.index.ofImage({ ...first, digest: 'sha256:999' })).toBe(version)
  })
})
