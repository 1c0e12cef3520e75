import { describe, expect, it } from 'vitest'
import { behaviourId } from '../../../src/core/behaviour/behaviour.ts'
import { startVersion } from '../../../src/core/lifecycle/version.ts'
import { Profile } from '../../../src/core/profile/profile.ts'
import { behaviourKey } from '../../../src/pipeline/sources/source.ts'
import { DeployedVersion, keysKept } from '../../../src/state/versions/deployed-version.ts'
import {
  oldScopesKept,
  unannouncedKept,
  VersionRegistry,
  versionsKept,
} from '../../../src/state/versions/version-registry.ts'
import { act, shaper } from '../../fixtures/event-fixture.ts'
import { identityOf } from '../../fixtures/identity-fixtures.ts'

const time = '2026-11-24T13:40:27.123456Z'

function registry(onFull: () => void = () => undefined): VersionRegistry {
  return new VersionRegistry({
    node: 'n1',
    shaper,
    rules: { floorMs: 1_000, ceilingMs: 60_000, unseen: 1, after: 'alert' },
    now: () => Date.parse(time),
    onAssign: () => undefined,
    onEnded: () => undefined,
    onTransition: () => undefined,
    onDeclared: () => undefined,
    onMoved: () => undefined,
    onFull,
    onInheritedExpired: () => undefined,
  })
}

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

describe('the registry', () => {
  it('forgets the oldest containers whose source reports no end', () => {
    const versions = registry()
    const flood = unannouncedKept + 1_000
    for (let n = 0; n < flood; n += 1) {
      const event = act.exec('/bin/serve', { container: `c${n}` })
      versions.versionOf(event)?.touched(event)
    }
    expect(versions.versionOfContainer('c0')).toBeUndefined()
    expect(versions.versionOfContainer(`c${flood - 1}`)?.key).toBe('shop/web@sha256:aa')
    expect([...versions.versions][0]?.runs.size).toBeLessThanOrEqual(5_000)
  })

  it('keeps a container that a source announced, in a flood of others', () => {
    const versions = registry()
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
    const versions = registry()
    const image = (digest: string) => ({ repository: 'shop/web', digest })
    const quiet = versions.ofImage(image('sha256:aa'), time)
    const busy = versions.ofImage(image('sha256:bb'), time)
    const first = busy.scope
    for (let n = 0; n < oldScopesKept + 10; n += 1) versions.renew(busy)
    expect(versions.versionOfScope(first)).toBeUndefined()
    expect(versions.versionOfScope(busy.scope - 1)).toBe(busy)
    expect(versions.versionOfScope(busy.scope)).toBe(busy)
    expect(versions.versionOfScope(quiet.scope)).toBe(quiet)
  })

  it('asks for room before it has more versions than it may', () => {
    let asked = 0
    const versions = registry(() => {
      asked += 1
      const [oldest] = versions.versions
      if (oldest !== undefined) versions.remove(oldest)
    })
    for (let n = 0; n < versionsKept + 5; n += 1) {
      versions.ofImage({ repository: `shop/${n}`, digest: 'sha256:aa' }, time)
    }
    expect(asked).toBe(5)
    expect([...versions.versions].length).toBe(versionsKept)
  })

  it('keeps the latest tags and digests of an image that is pushed again and again', () => {
    const versions = registry()
    const first = { repository: 'shop/web', digest: 'sha256:first' }
    const version = versions.ofImage(first, time, 'sha256:id')
    for (let n = 0; n < 1_000; n += 1) {
      const image = { repository: 'shop/web', tag: `t${n}`, digest: `sha256:${n}` }
      const seen = { id: 'c0', cgroup: '', time, before: false }
      versions.containerStarted(identityOf('c0', { image, imageId: 'sha256:id' }), seen)
    }
    expect([...versions.versions]).toEqual([version])
    expect(version.otherDigests.size).toBe(256)
    expect(version.tags.size).toBe(256)
    expect(versions.versionOfImage({ ...first, digest: 'sha256:0' })).toBeUndefined()
    expect(versions.versionOfImage({ ...first, digest: 'sha256:999' })).toBe(version)
  })
})
