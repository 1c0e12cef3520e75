import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { coverageOf } from '../../src/core/coverage/coverage.ts'
import type { ActEvent } from '../../src/core/event/event.ts'
import { isoOf } from '../../src/core/event/time.ts'
import type { Profile } from '../../src/core/profile/profile.ts'
import { finish } from '../../src/core/steps.ts'
import { act, feed } from '../fixtures/event-fixture.ts'
import { cases } from '../fixtures/random-cases.ts'
import { apply, begun, change, from, minute, runs } from './profile-changes.ts'

/** Of its entries as they are now. */
function figuresOf(profile: Profile, of = runs): unknown {
  const states: Record<string, number> = {}
  let shown = 0
  const shownByOne = []
  for (const entry of profile.outline()) {
    states[entry.state] = (states[entry.state] ?? 0) + 1
    if (entry.within === undefined) shown += 1
    const only = entry.onlyContainer()
    if (only !== undefined) shownByOne.push([only])
  }
  return { states, shown, coverage: coverageOf(shownByOne, of, minute) }
}

function keptFiguresOf(profile: Profile, of = runs): unknown {
  const { states, shown } = finish(profile.tally())
  const some = Object.entries(states).filter(([, count]) => count > 0)
  return { states: Object.fromEntries(some), shown, coverage: profile.coverage(of, minute) }
}

describe('figures of a profile that are kept until it changes', () => {
  it('are those of its entries, whatever happens to it', () => {
    fc.assert(
      fc.property(fc.array(change, { minLength: 50, maxLength: 300 }), (changes) => {
        const profile = begun()
        for (const one of changes) {
          apply(profile, one)
          profile.settle()
          expect(keptFiguresOf(profile)).toEqual(figuresOf(profile))
        }
      }),
      { numRuns: cases(60) },
    )
  })

  it('follow evidence that was added up meanwhile', () => {
    const profile = begun()
    const read = (name: string, minutes: number, origin: 'entrypoint' | 'exec-in'): ActEvent => {
      const time = isoOf(from + minutes * minute)
      return act.file('/etc/app/one.conf', ['read'], {
        container: name,
        origin,
        session: 's',
        time,
      })
    }
    feed(profile, [read('c1', 50, 'entrypoint')])
    for (let n = 2; n < 12; n++) feed(profile, [read(`c${n}`, 50, 'exec-in')])
    // Of one container, the slices of its run are the units.
    const one = [{ container: 'c1', from, to: from + 300 * minute, ended: true }]
    const before = keptFiguresOf(profile, one)
    apply(profile, { kind: 'fold' })
    feed(profile, [read('c1', 200, 'entrypoint')])
    expect(keptFiguresOf(profile, one)).toEqual(figuresOf(profile, one))
    expect(keptFiguresOf(profile, one)).not.toEqual(before)
  })

  it('follow times that alone rise', () => {
    const profile = begun()
    const one = [{ container: 'c1', from, to: from + 300 * minute, ended: true }]
    const read = (minutes: number): ActEvent => {
      const time = isoOf(from + minutes * minute)
      return act.file('/etc/app/one.conf', ['read'], { container: 'c1', time })
    }
    feed(profile, [read(50)])
    const before = keptFiguresOf(profile, one)
    feed(profile, [read(200)])
    expect(keptFiguresOf(profile, one)).toEqual(figuresOf(profile, one))
    expect(keptFiguresOf(profile, one)).not.toEqual(before)
  })
})
