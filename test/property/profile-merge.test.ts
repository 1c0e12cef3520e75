import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mergeEntries } from '../../src/profile/merge.ts'
import type { ProfileEntry } from '../../src/profile/profile-entry.ts'
import { Profile } from '../../src/profile/profile.ts'
import { feed, learned, shaper } from '../unit/act-fixture.ts'
import { acts } from './event-arbitrary.ts'

/** Profiles as they are after learning, a decision by a person on some of it, and deviations. */
const profiles: fc.Arbitrary<readonly ProfileEntry[]> = fc
  .record({
    lesson: fc.array(acts, { maxLength: 25 }),
    later: fc.array(acts, { maxLength: 5 }),
    decided: fc.constantFrom('approved', 'rejected', undefined),
    at: fc.integer({ min: 10, max: 12 }),
  })
  .map(({ lesson, later, decided, at }) => {
    const profile = learned(...lesson)
    feed(profile, later, 'later')
    const [first] = profile.entries()
    if (first !== undefined && decided !== undefined) {
      profile.decide(first.id, {
        kind: decided,
        by: 'cli:root',
        at: `2026-11-24T14:00:${at}.000000Z`,
      })
    }
    return profile.entries()
  })

const merge = (a: readonly ProfileEntry[], b: readonly ProfileEntry[]) => mergeEntries(a, b, shaper)

describe('profiles', () => {
  it('merge to the same in either order', () => {
    fc.assert(
      fc.property(profiles, profiles, (a, b) => {
        expect(merge(a, b)).toEqual(merge(b, a))
      }),
    )
  })

  it('merge to the same however they are grouped', () => {
    fc.assert(
      fc.property(profiles, profiles, profiles, (a, b, c) => {
        expect(merge(merge(a, b), c)).toEqual(merge(a, merge(b, c)))
      }),
    )
  })

  it('merge with themselves to themselves', () => {
    fc.assert(
      fc.property(profiles, (a) => {
        expect(merge(a, a)).toEqual(a)
      }),
    )
  })

  it('survive being written as JSON and loaded', () => {
    fc.assert(
      fc.property(profiles, (a) => {
        const loaded = Profile.load(JSON.parse(JSON.stringify(a)) as ProfileEntry[], shaper)
        expect(loaded.entries()).toEqual(a)
        expect(loaded.drainChanged()).toEqual([])
      }),
    )
  })

  it('are told apart by what is drained: the drained entries make up the whole', () => {
    fc.assert(
      fc.property(fc.array(acts, { maxLength: 30 }), fc.nat({ max: 30 }), (lesson, cut) => {
        const profile = new Profile(shaper)
        const stored = new Map<string, ProfileEntry>()
        for (const part of [lesson.slice(0, cut), lesson.slice(cut)]) {
          feed(profile, part)
          for (const entry of profile.drainChanged()) stored.set(entry.id, entry)
        }
        expect([...stored.values()].sort((a, b) => (a.id < b.id ? -1 : 1))).toEqual(
          profile.entries(),
        )
      }),
    )
  })
})
