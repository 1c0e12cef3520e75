import { describe, expect, it } from 'vitest'
import type { ProfileEntry } from '../../../src/core/profile/profile-entry.ts'
import { Profile } from '../../../src/core/profile/profile.ts'
import {
  act,
  feed,
  learned,
  outcome,
  shaper,
  verdictOn,
  type Where,
} from '../../fixtures/event-fixture.ts'

const app = (where: Where) => act.file('/srv/app.conf', ['read'], { exe: '/bin/app', ...where })
const declared = (uid: number) => app({ uid, declaredUser: true })

describe('the user class of an actor', () => {
  it('is the declared user, whatever its uid', () => {
    const profile = learned(declared(1_000))
    expect(outcome(profile, declared(1_000_680_000))).toBe('expected')
    expect(profile.entries()).toHaveLength(1)
  })

  it('is another one for root, even where root is the declared user', () => {
    const profile = learned(declared(1_000))
    expect(outcome(profile, declared(0))).toBe('deviation')
    expect(verdictOn(profile, app({ uid: 0 })).reasons).toEqual([
      '/bin/app may read /srv/app.conf only as the declared user, not as uid 0',
    ])
  })

  it('is another one where its uid is not the declared one', () => {
    const profile = learned(declared(1_000))
    expect(outcome(profile, app({ uid: 33 }))).toBe('deviation')
    expect(outcome(learned(app({ uid: 33 })), declared(1_000))).toBe('deviation')
  })

  it('limits an approval for one uid to that uid', () => {
    const profile = new Profile(shaper)
    feed(profile, [declared(1_000)], 'later')
    const [entry] = profile.entries()
    profile.decide(entry!.id, {
      kind: 'approved',
      by: 'a',
      at: '2026-11-24T13:00:00Z',
      onlyUid: 1_000,
    })
    expect(outcome(profile, declared(1_000))).toBe('expected')
    expect(outcome(profile, app({ uid: 0 }))).toBe('deviation')
  })
})

describe('a profile that was stored before users were distinguished', () => {
  const stored = (): ProfileEntry[] =>
    JSON.parse(JSON.stringify(learned(app({ uid: 1_000 })).entries()))

  it('holds for the declared user once a container shows who that is', () => {
    const profile = Profile.load(stored(), shaper)
    expect(outcome(profile, declared(1_000))).toBe('deviation')
    expect(profile.declare(1_000, 'sha256:aa')).toBe(true)
    expect(outcome(profile, declared(1_000))).toBe('expected')
    expect(outcome(profile, declared(4_711))).toBe('expected')
    expect(outcome(profile, app({ uid: 1_000 }))).toBe('expected')
    expect(outcome(profile, app({ uid: 0 }))).toBe('deviation')
  })

  it('changes the profile once, and not when it is repeated', () => {
    const profile = Profile.load(stored(), shaper)
    profile.declare(1_000, 'sha256:aa')
    const before = profile.entries()
    expect(profile.declare(1_000, 'sha256:aa')).toBe(false)
    expect(profile.declare(0, 'sha256:aa')).toBe(false)
    expect(Profile.load(before, shaper).declare(1_000, 'sha256:aa')).toBe(false)
    expect(profile.entries()).toEqual(before)
  })

  it('keeps the rejections of a person', () => {
    const profile = Profile.load(stored(), shaper)
    const [entry] = profile.entries()
    profile.decide(entry!.id, { kind: 'rejected', by: 'a', at: '2026-11-24T13:00:00Z' })
    profile.declare(1_000, 'sha256:aa')
    expect(outcome(profile, declared(1_000))).toBe('deviation')
  })
})
