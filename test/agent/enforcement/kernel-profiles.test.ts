import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { SnugError } from '../../../src/errors.ts'
import { DeployedVersion } from '../../../src/agent/records/versions/deployed-version.ts'
import { KernelProfiles } from '../../../src/agent/enforcement/kernel-profiles.ts'
import { startVersion, type Version } from '../../../src/core/lifecycle/version.ts'
import { behaviourKinds } from '../../../src/core/event/event-words.ts'
import { allObservables } from '../../../src/core/coverage/observable.ts'
import { act, feed, learned } from '../../fixtures/event-fixture.ts'
import { RecordingControl } from '../../fixtures/daemon-fixtures.ts'

const image = { repository: 'shop/web', digest: 'sha256:aa' }
const alerting: Version = { ...startVersion('sha256:aa', 0), state: 'enforced', mode: 'alert' }
/** Three files make a pattern, so that the compiler asks for the files that the image ships. */
const temporary = [1, 2, 3].map((n) =>
  act.file(`/tmp/3f2504e0-4f89-41d3-9a0c-0305e82c330${n}`, ['write']),
)

describe('a profile in the kernel', () => {
  let control: RecordingControl
  let version: DeployedVersion
  let profiles: KernelProfiles
  let failure: SnugError | undefined
  const news: string[] = []

  beforeEach(() => {
    vi.useFakeTimers()
    control = new RecordingControl()
    failure = undefined
    news.length = 0
    version = new DeployedVersion(image, alerting, learned(act.exec('/bin/a'), ...temporary), '')
    version.scope = 7
    profiles = new KernelProfiles({
      controls: () => [control],
      shippedMatching: () => {
        if (failure !== undefined) throw failure
        return []
      },
      budget: 100,
      now: Date.now,
      onWidened: () => {},
      onFailed: (_, error) => news.push(error instanceof SnugError ? error.code : 'other'),
      onHealed: () => news.push('healed'),
    })
  })
  afterEach(() => {
    profiles.close()
    vi.useRealTimers()
  })

  const installed = () => control.all('profile').length

  it('is sent at once, and then once for all decisions that come together', () => {
    profiles.moved(version)
    expect(installed()).toBe(1)
    vi.advanceTimersByTime(1_000)
    profiles.changed(version)
    expect(installed()).toBe(2)
    for (let n = 0; n < 5; n += 1) {
      feed(version.profile, [act.exec(`/bin/n${n}`)])
      profiles.changed(version)
    }
    expect(installed()).toBe(2)
    vi.advanceTimersByTime(300)
    expect(installed()).toBe(3)
    const rules = control.last('profile')?.profile?.rules ?? []
    expect(rules.filter(({ object }) => object.kind === 'exec')).toHaveLength(6)
    vi.advanceTimersByTime(10_000)
    expect(installed()).toBe(3)
  })

  it('is not sent where the version went back to learning meanwhile', () => {
    profiles.moved(version)
    profiles.changed(version)
    version.life = { ...alerting, state: 'learning', mode: 'learn' }
    profiles.moved(version)
    expect(control.last('profile')).toEqual({ what: 'profile', scope: 7, profile: undefined })
    vi.advanceTimersByTime(10_000)
    expect(control.last('profile')?.profile).toBeUndefined()
    expect(profiles.has(version)).toBe(false)
  })

  it('with peers by DNS name stops connections like any other', () => {
    const named = act.connect('192.0.2.1', 443)
    if (named.kind !== 'connect') throw new Error('no connection')
    version.watchedFor(allObservables)
    version.life = { ...alerting, mode: 'block', blocking: { since: 0 } }
    feed(version.profile, [{ ...named, connect: { ...named.connect, name: 'api.test.' } }])
    profiles.moved(version)
    expect(control.last('enforce')?.enforcement).toEqual({ mode: 'block', budget: 100 })
    expect(profiles.standing(version)).toEqual({ profile: 'installed', blocks: true })
  })

  it('only alerts on accesses to files that no source observed', () => {
    version.watchedFor(new Set(behaviourKinds))
    version.life = { ...alerting, mode: 'block', blocking: { since: 0 } }
    profiles.moved(version)
    const spared = { mode: 'block', budget: 100, spares: ['setattr', 'received', 'server-name'] }
    expect(control.last('enforce')?.enforcement).toEqual(spared)
    expect(profiles.standing(version)).toEqual({ profile: 'installed', blocks: true })
    version.watchedFor(allObservables)
    profiles.moved(version)
    expect(control.last('enforce')?.enforcement).toEqual({ mode: 'block', budget: 100 })
  })

  it('that cannot be compiled is removed, reported as a failure and tried again', () => {
    profiles.moved(version)
    vi.advanceTimersByTime(1_000)
    failure = new SnugError('PROFILE_TOO_LARGE', 'too many files')
    profiles.changed(version)
    expect(control.last('profile')?.profile).toBeUndefined()
    expect([profiles.has(version), profiles.failed(version)]).toEqual([false, true])
    failure = undefined
    vi.advanceTimersByTime(1_000)
    profiles.changed(version)
    expect(news).toEqual(['PROFILE_TOO_LARGE', 'healed'])
    expect([profiles.has(version), profiles.failed(version)]).toEqual([true, false])
  })

  it('is sent again, with its enforcement action, where the version has a fresh scope', () => {
    profiles.moved(version)
    version.renewScope(8)
    profiles.moved(version)
    expect(control.all('profile').map(({ scope }) => scope)).toEqual([7, 8])
    expect(control.all('enforce').map(({ scope }) => scope)).toEqual([7, 8])
  })

  it('is sent only to sources that can judge', () => {
    const plain = new KernelProfiles({
      controls: () => [{ assign: () => {}, known: () => {}, filter: () => {}, flush: () => {} }],
      shippedMatching: () => [],
      budget: 100,
      now: Date.now,
      onWidened: () => {},
      onFailed: () => {},
      onHealed: () => {},
    })
    plain.moved(version)
    plain.changed(version)
    expect(plain.supported).toBe(false)
    expect(plain.since(version)).toBeUndefined()
  })
})
