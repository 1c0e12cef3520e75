import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ActEvent } from '../../src/core/event/event.ts'
import { canonicalPath } from '../../src/core/event/canonical.ts'
import { compile } from '../fixtures/compiled-profile.ts'
import { judge } from '../../src/core/match/judge.ts'
import { microsOf } from '../../src/core/event/time.ts'
import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { act, feed, guardrails, learned, outcome, shaper } from '../fixtures/event-fixture.ts'
import { adversarial, takenByDesign, taught } from './adversarial.ts'
import { acts } from './event-arbitrary.ts'
import { naive } from './naive.ts'

const many = fc.array(acts, { maxLength: 40 })

function clean(profile: Profile, events: readonly ActEvent[]): readonly ActEvent[] {
  return feed(profile, events).flatMap((verdict, i) => {
    const event = events[i]
    return event === undefined || verdict.guardrails.length > 0 ? [] : [event]
  })
}

describe('the matcher', () => {
  it('gives every event the same answer live, compiled and by its definition', () => {
    let expected = 0
    let deviations = 0
    fc.assert(
      fc.property(many, many, (lesson, exam) => {
        const profile = learned(...lesson)
        const entries = profile.entries()
        const compiled = compile(entries, shaper)
        for (const event of [...lesson, ...exam]) {
          const refs = behavioursOf(event, shaper)
          const live = judge(profile, event, refs, { guardrails }).outcome
          const now = microsOf(event.time)
          const plain = refs.every((ref) => naive(entries, ref, now)) ? 'expected' : 'deviation'
          expect(live).toBe(plain)
          expect(judge(compiled, event, refs, { guardrails }).outcome).toBe(plain)
          if (plain === 'expected') expected += 1
          else deviations += 1
        }
      }),
      { numRuns: 200 },
    )
    // Both answers occurred often; otherwise the comparison proves nothing.
    expect(expected).toBeGreaterThan(500)
    expect(deviations).toBeGreaterThan(500)
  })

  it('accepts everything it learned, except from a guardrail or an exec session', () => {
    fc.assert(
      fc.property(many, (lesson) => {
        const profile = new Profile(shaper)
        for (const event of clean(profile, lesson)) {
          if (event.process.origin === 'exec-in') continue
          expect(outcome(profile, event)).toBe('expected')
        }
      }),
    )
  })

  it('accepts more, never less, the more it learns', () => {
    fc.assert(
      fc.property(many, many, many, (lesson, more, exam) => {
        const profile = learned(...lesson)
        const before = exam.map((event) => outcome(profile, event))
        feed(profile, more)
        for (const [i, event] of exam.entries()) {
          if (before[i] === 'expected') expect(outcome(profile, event)).toBe('expected')
        }
      }),
    )
  })

  it('learns the same in any order', () => {
    fc.assert(
      fc.property(
        many.chain((lesson) =>
          fc.tuple(fc.constant(lesson), fc.shuffledSubarray(lesson, { minLength: lesson.length })),
        ),
        ([lesson, shuffled]) => {
          expect(learned(...shuffled).entries()).toEqual(learned(...lesson).entries())
        },
      ),
    )
  })
})

describe('a file that the image ships and a container changed', () => {
  it('is learned as shipped, whichever was reported first', () => {
    const changed = act.file('/a', ['read'], {}, { shipped: false })
    const shipped = act.file('/a', ['read'], {}, { shipped: true })
    const entries = learned(changed, shipped).entries()
    expect(entries.map(({ fixed }) => fixed)).toEqual([true])
    expect(entries).toEqual(learned(shipped, changed).entries())
  })
})

describe('generalisation', () => {
  const profile = learned(...taught)

  it('opened every pattern that it was taught', () => {
    for (const event of taught) expect(outcome(profile, event)).toBe('expected')
    const open = compile(profile.entries(), shaper)
    expect(open.size).toBeLessThan(taught.length / 2)
  })

  it('swallows none of the names near its patterns', () => {
    expect(adversarial.length).toBeGreaterThan(100)
    const swallowed = adversarial
      .map((event) =>
        event.kind === 'file'
          ? { ...event, file: { ...event.file, path: canonicalPath(event.file.path) } }
          : event,
      )
      .filter((event) => outcome(profile, event) === 'expected')
    expect(swallowed.map((event) => (event.kind === 'file' ? event.file : event))).toEqual([])
  })

  it('takes letters and digits where these varied, and own files in every way', () => {
    const refused = takenByDesign.filter((event) => outcome(profile, event) !== 'expected')
    expect(refused.map((event) => (event.kind === 'file' ? event.file : event))).toEqual([])
  })

  it('keeps a bounded number of witnesses, however many there were', () => {
    const busy = new Profile(shaper)
    const events = Array.from({ length: 5000 }, (_, i) => ({
      ...(taught[0] as ActEvent),
      kind: 'file' as const,
      file: { path: `/data/${i}/config`, access: ['read' as const] },
    }))
    feed(busy, events as ActEvent[])
    const entry = busy.entries().find(({ place }) => place === undefined)
    expect(busy.size).toBe(2)
    expect(entry?.cells[0]?.witnesses?.literals).toHaveLength(8)
    expect(JSON.stringify(entry).length).toBeLessThan(1500)
  })
})
