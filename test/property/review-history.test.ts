import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { microsOf } from '../../src/core/event/time.ts'
import { historyOf } from '../../src/agent/decisions/history.ts'
import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { learned, shaper } from '../fixtures/event-fixture.ts'
import { acts } from './event-arbitrary.ts'

const lessons = fc.array(acts, { maxLength: 30 })
const now = microsOf('2026-11-24T15:00:00Z')

describe('the recorded events of a profile', () => {
  it('are the observed events, each once, with the witnesses of patterns', () => {
    fc.assert(
      fc.property(lessons, (lesson) => {
        const past = historyOf(learned(...lesson).entries(), [], shaper).map(({ ref }) => ref)
        const done = lesson.flatMap((event) => behavioursOf(event, shaper))
        const nameOf = ({ key, origin, literal }: (typeof done)[number]) =>
          `${key}/${origin}/${literal?.text ?? ''}`
        expect(new Set(past.map(nameOf)).size).toBe(past.length)
        for (const ref of past) {
          // A program with and without reported arguments may be one behaviour.
          const matches = done.filter((each) => nameOf(each) === nameOf(ref))
          const address = ref.object.kind === 'connect' ? {} : { address: undefined }
          // Not recorded.
          const ofEvent = { fixed: undefined, unshared: undefined, layer: undefined }
          const plain = (one: (typeof done)[number]) => ({ ...one, ...address, ...ofEvent })
          expect(matches.map(plain)).toContainEqual(plain(ref))
        }
      }),
    )
  })

  it('are judged like the original events', () => {
    fc.assert(
      fc.property(lessons, (lesson) => {
        const profile = learned(...lesson)
        const done = lesson.flatMap((event) => behavioursOf(event, shaper))
        for (const { ref } of historyOf(profile.entries(), [], shaper)) {
          const same = done.filter(
            ({ key, origin, literal }) =>
              key === ref.key && origin === ref.origin && literal?.text === ref.literal?.text,
          )
          const verdicts = new Set(same.map((each) => profile.isExpected(each, now)))
          expect([...verdicts]).toContain(profile.isExpected(ref, now))
        }
      }),
    )
  })
})
