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

describe('accounts of people', () => {
  it('are one user, and none of the services, root or what an orchestrator gives out', () => {
    const profile = learned(app({ uid: 1_001 }))
    for (const uid of [1_000, 1_002, 60_000])
      expect(outcome(profile, app({ uid }))).toBe('expected')
    for (const uid of [0, 33, 999, 60_001, 65_534, 1_000_680_000])
      expect(outcome(profile, app({ uid }))).toBe('deviation')
  })

  it('are not the declared user', () => {
    expect(outcome(learned(app({ uid: 1_001 })), declared(1_001))).toBe('deviation')
    expect(outcome(learned(declared(1_001)), app({ uid: 1_001 }))).toBe('deviation')
  })

  it('are different users where a program takes their identity', () => {
    const profile = learned(act.identity(0, 1_001))
    expect(outcome(profile, act.identity(0, 1_001))).toBe('expected')
    for (const [from, to] of [
      [0, 1_002],
      [0, 33],
      [1_002, 0],
      [1_001, 1_002],
    ] as const)
      expect(outcome(profile, act.identity(from, to))).toBe('deviation')
  })

  it('are anybody where a program takes the identity of several, in the same way', () => {
    const people = [1_001, 1_002, 1_003].map((uid) => act.identity(0, uid))
    const profile = learned(...people)
    expect(outcome(learned(...people.slice(1)), act.identity(0, 1_017))).toBe('deviation')
    expect(outcome(profile, act.identity(0, 1_017))).toBe('expected')
    for (const [from, to] of [
      [0, 33],
      [0, 70_000],
      [1_001, 0],
      [1_001, 1_002],
    ] as const)
      expect(outcome(profile, act.identity(from, to))).toBe('deviation')
    const elsewhere = act.identity(0, 1_017, { exe: '/usr/bin/other' })
    expect(outcome(profile, elsewhere)).toBe('deviation')
    expect(outcome(profile, act.identity(0, 1_017, { origin: 'exec-in' }))).toBe('deviation')
  })

  it('are anybody but whom a person rejected', () => {
    const people = [1_001, 1_002, 1_003, 1_004].map((uid) => act.identity(0, uid))
    const profile = learned(...people)
    const rejected = profile.entries().find(({ object }) => /1001/.test(JSON.stringify(object)))
    const word = { kind: 'rejected', by: 'cli:root', at: '2026-11-24T13:40:27Z' } as const
    expect(profile.decide(rejected!.id, word)).toBe(true)
    expect(outcome(profile, act.identity(0, 1_001))).toBe('deviation')
    expect(outcome(profile, act.identity(0, 1_017))).toBe('expected')
  })

  it('were several once, and are one of what was stored then, with the evidence of all', () => {
    const entries = learned(app({ uid: 1_000 })).entries()
    const [stored] = JSON.parse(JSON.stringify(entries)) as ProfileEntry[]
    const of = (uid: number, container: string): ProfileEntry => {
      const cells = stored!.cells.map((cell) => ({ ...cell, container }))
      return { ...stored!, uid, cells }
    }
    const profile = Profile.load([of(1_003, 'c1'), of(1_004, 'c2')], shaper)
    expect(profile.entries()).toHaveLength(1)
    expect(profile.entries()[0]?.cells).toHaveLength(2)
    expect(outcome(profile, app({ uid: 1_005 }))).toBe('expected')
  })

  it('share an approval for one of them', () => {
    const profile = new Profile(shaper)
    feed(profile, [app({ uid: 1_001 })], 'later')
    const [entry] = profile.entries()
    const at = '2026-11-24T13:00:00Z'
    profile.decide(entry!.id, { kind: 'approved', by: 'a', at, onlyUid: 1_001 })
    expect(outcome(profile, app({ uid: 1_002 }))).toBe('expected')
    expect(outcome(profile, app({ uid: 33 }))).toBe('deviation')
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
