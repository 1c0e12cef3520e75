import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mergeDocuments } from '../../src/supplychain/export/merge-documents.ts'
import {
  documentText,
  parseProfileDocument,
  type ProfileDocument,
  profileDocument,
} from '../../src/supplychain/export/profile-document.ts'
import { mergeEntries } from '../../src/core/profile/merge.ts'
import type { ProfileEntry } from '../../src/core/profile/profile-entry.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { finish } from '../../src/core/steps.ts'
import { feed, learned, shaper } from '../fixtures/event-fixture.ts'
import { acts } from './event-arbitrary.ts'
import { cases } from '../fixtures/random-cases.ts'
import { nothing, StoredCopy, writeOf } from '../fixtures/stored-copy.ts'

/** Profiles after learning, some decisions of a person, and deviations. */
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

/** As profile files of one image, each with its recording. */
const files: fc.Arbitrary<ProfileDocument> = fc
  .record({
    behaviours: profiles,
    tag: fc.constantFrom('1', '2', undefined),
    node: fc.constantFrom('n1', 'n2'),
    lost: fc.nat({ max: 2 }),
    observed: fc.constantFrom(undefined, new Set(['exec']), new Set(['exec', 'file'])),
  })
  .map(({ behaviours, tag, node, lost, observed }) => {
    const [from, to] = ['2026-11-24T13:40:00Z', '2026-11-24T13:50:00Z'] as const
    const losses = lost === 0 ? [] : [{ reason: 'ring-full', count: lost, from, to }]
    const recording = { node, from, to, runs: [{ container: 'c1', from, to }], losses }
    const image = {
      repository: 'shop/web',
      ...(tag === undefined ? {} : { tag }),
      digest: 'sha256:aa',
    }
    return parseProfileDocument(
      JSON.parse(profileDocument(image, behaviours, observed, [recording])),
    )
  })

const text = (a: ProfileDocument): string => documentText(a)
const join = (a: ProfileDocument, b: ProfileDocument) => mergeDocuments(a, b, shaper)

describe('files of profiles', () => {
  it('merge to the same text in any order and grouping, and with themselves to themselves', () => {
    fc.assert(
      fc.property(files, files, files, (a, b, c) => {
        expect(text(join(a, b))).toBe(text(join(b, a)))
        expect(text(join(join(a, b), c))).toBe(text(join(a, join(b, c))))
        expect(text(join(a, a))).toBe(text(a))
      }),
      { numRuns: cases(50) },
    )
  })

  it('of two images are not merged', () => {
    fc.assert(
      fc.property(files, (a) => {
        const other = { ...a, image: { ...a.image, digest: 'sha256:bb' } }
        expect(() => join(a, other)).toThrow(expect.objectContaining({ code: 'PROFILE_INVALID' }))
      }),
      { numRuns: 5 },
    )
  })
})

describe('profiles', () => {
  it('merge to the same in either order', () => {
    fc.assert(
      fc.property(profiles, profiles, (a, b) => {
        expect(merge(a, b)).toEqual(merge(b, a))
      }),
      { numRuns: cases(100) },
    )
  })

  it('merge to the same however they are grouped', () => {
    fc.assert(
      fc.property(profiles, profiles, profiles, (a, b, c) => {
        expect(merge(merge(a, b), c)).toEqual(merge(a, merge(b, c)))
      }),
      { numRuns: cases(100) },
    )
  })

  it('merge with themselves to themselves', () => {
    fc.assert(
      fc.property(profiles, (a) => {
        expect(merge(a, a)).toEqual(a)
      }),
      { numRuns: cases(100) },
    )
  })

  it('survive being written as JSON and loaded', () => {
    fc.assert(
      fc.property(profiles, (a) => {
        const loaded = Profile.load(JSON.parse(JSON.stringify(a)) as ProfileEntry[], shaper)
        expect(loaded.entries()).toEqual(a)
        expect(writeOf(loaded)).toEqual(nothing)
      }),
      { numRuns: cases(100) },
    )
  })

  it('drain exactly their changes: the drained entries make up the whole', () => {
    fc.assert(
      fc.property(fc.array(acts, { maxLength: 30 }), fc.nat({ max: 30 }), (lesson, cut) => {
        const profile = new Profile(shaper)
        const stored = new StoredCopy()
        for (const part of [lesson.slice(0, cut), lesson.slice(cut)]) {
          feed(profile, part)
          stored.take(profile)
        }
        const restored = finish(Profile.restore(stored.profile, shaper))
        expect(restored.entries()).toEqual(profile.entries())
      }),
    )
  })
})
