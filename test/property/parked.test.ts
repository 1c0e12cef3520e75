import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parkedUpTo } from '../../src/core/profile/held-entries.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { finish } from '../../src/core/steps.ts'
import { act, feed, shaper, verdictOn } from '../fixtures/event-fixture.ts'
import { cases } from '../fixtures/random-cases.ts'
import { apply, begun, type Change, change, event, minute, runs } from './profile-changes.ts'
import { StoredCopy, writeOf } from '../fixtures/stored-copy.ts'

/** As the store has it, and as a round of parking leaves it that nobody used it before. */
function parked(profile: Profile): Profile {
  profile.settle()
  writeOf(profile)
  profile.park()
  profile.park()
  return profile
}

/** Without opening it: see the test about this. */
function figuresOf(profile: Profile): unknown {
  const { changes, size } = profile
  return { changes, size, tally: finish(profile.tally()), coverage: profile.coverage(runs, minute) }
}

const changes = fc.array(fc.record({ change, isParked: fc.nat({ max: 9 }).map((n) => n === 0) }), {
  minLength: 30,
  maxLength: 200,
})

/** The same changes of two profiles, of which one is parked at times. */
function after(all: readonly { readonly change: Change; readonly isParked: boolean }[]): {
  readonly one: Profile
  readonly other: Profile
  readonly parkings: number
} {
  const [one, other] = [begun(), begun()]
  let parkings = 0
  for (const { change: each, isParked } of all) {
    for (const profile of [one, other]) {
      apply(profile, each)
      profile.settle()
    }
    if (!isParked) continue
    writeOf(other)
    expect(parked(one).isParked).toBe(true)
    parkings += 1
    for (const { id } of other.entries()) expect(one.has(id)).toBe(true)
    expect(one.isParked).toBe(true)
  }
  return { one, other, parkings }
}

/** Of each behaviour, however its evidence is divided into cells. */
function sumsOf(profile: Profile): unknown {
  return profile.entries().map(({ id, cells, place, within, decision, inherited }) => ({
    id,
    within,
    decision,
    inherited,
    templates: place?.templates,
    count: cells.reduce((sum, { count }) => sum + count, 0),
    first: cells.map(({ first }) => first).sort()[0],
    last: cells
      .map(({ last }) => last)
      .sort()
      .at(-1),
  }))
}

describe('A parked profile', () => {
  it('is the same as one that was never parked, whatever happens to both', () => {
    let times = 0
    fc.assert(
      fc.property(changes, fc.array(event, { minLength: 5, maxLength: 20 }), (all, events) => {
        const unfolded = all.filter(({ change: each }) => each.kind !== 'fold')
        const { one, other, parkings } = after(unfolded)
        times += parkings
        expect(one.entries()).toEqual(other.entries())
        expect(finish(one.tally())).toEqual(finish(other.tally()))
        expect(one.coverage(runs, minute)).toEqual(other.coverage(runs, minute))
        for (const each of events) expect(verdictOn(one, each)).toEqual(verdictOn(other, each))
      }),
      { numRuns: cases(60) },
    )
    expect(times).toBeGreaterThan(cases(60))
  })

  it('has the same behaviours, verdicts and sums of evidence where old evidence is added up', () => {
    fc.assert(
      fc.property(changes, fc.array(event, { minLength: 5, maxLength: 20 }), (all, events) => {
        // As after a restart, evidence may be added up earlier or later, and a sum forgets no container.
        const unforgotten = all.filter(({ change: each }) => each.kind !== 'forget')
        const { one, other } = after(unforgotten)
        expect(sumsOf(one)).toEqual(sumsOf(other))
        expect(finish(one.tally())).toEqual(finish(other.tally()))
        for (const each of events) expect(verdictOn(one, each)).toEqual(verdictOn(other, each))
      }),
      { numRuns: cases(60) },
    )
  })

  it('gives its figures without being opened, and those are the same afterwards', () => {
    fc.assert(
      fc.property(fc.array(change, { minLength: 30, maxLength: 100 }), (all) => {
        const profile = begun()
        for (const each of all) apply(profile, each)
        profile.settle()
        const before = figuresOf(profile)
        parked(profile)
        expect(figuresOf(profile)).toEqual(before)
        expect(profile.isParked).toBe(true)
        expect(profile.entries()).toHaveLength(profile.size)
        expect(profile.isParked).toBe(false)
        expect(figuresOf(profile)).toEqual(before)
      }),
      { numRuns: cases(40) },
    )
  })

  it('is one that was not used since the last round, and that the store has as it is', () => {
    const profile = begun()
    feed(profile, [act.exec('/usr/bin/tool')])
    profile.park()
    profile.park()
    expect(profile.isParked).toBe(false)
    writeOf(profile)
    profile.entries()
    profile.park()
    expect(profile.isParked).toBe(false)
    const reading = profile.snapshot(({ id }) => id)
    profile.park()
    profile.park()
    expect(profile.isParked).toBe(false)
    Array.from(reading)
    profile.park()
    profile.park()
    expect(profile.isParked).toBe(true)
  })

  it('is each that the store gives, with the same entries', () => {
    const profile = begun()
    feed(profile, [act.exec('/usr/bin/tool'), act.file('/srv/data/note-1.txt', ['create'])])
    profile.settle()
    const restored = finish(Profile.restore(new StoredCopy().take(profile).profile, shaper))
    expect(restored.isParked).toBe(true)
    expect(restored.entries()).toEqual(profile.entries())
  })

  it('is none with more behaviours than can be opened at once', () => {
    const large = new Profile(shaper)
    for (let n = 0; large.size <= parkedUpTo; n++) feed(large, [act.exec(`/usr/bin/tool${n}`)])
    expect(parked(large).isParked).toBe(false)
  })

  it('has the places that were derived before the last counts came', () => {
    const profile = begun()
    const note = (name: string, time: string) =>
      act.file(`/srv/data/note-${name}.txt`, ['create'], { time })
    const at = '2026-11-24T00:00:00Z'
    feed(profile, [note('4711', at), note('815', at), note('99', at), note('2', at)])
    profile.settle()
    const placesOf = () => profile.entries().flatMap(({ place }) => place ?? [])
    const before = placesOf()
    expect(before.map(({ why }) => why)).toEqual([
      '4 names in 1 container, all within one slice of time',
    ])
    feed(profile, [note('4711', '2026-11-24T01:00:00Z')])
    expect(placesOf()).toEqual(before)
    parked(profile)
    expect(placesOf()).toEqual(before)
  })

  it('has the widenings of the kernel and the files of its image again', () => {
    const profile = begun()
    const widening = { group: 'file read', pattern: '/srv/*' }
    profile.widen([widening] as never)
    const derivation = { marks: 'this one' }
    profile.derived.derivation = derivation as never
    profile.derived.inKernel = false
    parked(profile)
    expect(profile.isParked).toBe(true)
    expect(profile.patterns.widened('file read')).toEqual([widening])
    expect(profile.derived.derivation).toBe(derivation)
    expect(profile.derived.inKernel).toBe(false)
  })
})
