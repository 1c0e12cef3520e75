import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Profile } from '../../src/core/profile/profile.ts'
import { finish } from '../../src/core/steps.ts'
import { act, feed, shaper } from '../fixtures/event-fixture.ts'
import { cases } from '../fixtures/random-cases.ts'
import { StoredCopy } from '../fixtures/stored-copy.ts'
import { apply, begun, change } from './profile-changes.ts'

const steps = fc.array(
  fc.record({ change, isWritten: fc.boolean(), isRestarted: fc.nat({ max: 30 }) }),
  { minLength: 30, maxLength: 300 },
)

function restored(copy: StoredCopy): Profile {
  return finish(Profile.restore(copy.profile, shaper))
}

describe('A profile whose counts are stored apart', () => {
  it('is the same when it is read, whatever happened between the writes and the starts', () => {
    let most = 0
    fc.assert(
      fc.property(steps, (all) => {
        let profile = begun()
        const copy = new StoredCopy()
        for (const { change: each, isWritten, isRestarted } of all) {
          apply(profile, each)
          if (isWritten) copy.take(profile)
          most = Math.max(most, copy.counts.length)
          if (isRestarted > 0) continue
          profile.settle()
          const again = restored(copy.take(profile))
          expect(again.entries()).toEqual(profile.entries())
          profile = again
        }
      }),
      { numRuns: cases(100) },
    )
    expect(most).toBeGreaterThan(1)
  })

  it('has few of them, and each behaviour as a whole again after some', () => {
    const profile = begun()
    const names = Array.from({ length: 500 }, (_, n) => `/usr/bin/tool-${n}`)
    feed(
      profile,
      names.map((name) => act.exec(name)),
    )
    const copy = new StoredCopy().take(profile)
    let most = 0
    let whole = 0
    for (let round = 0; round < 300; round++) {
      feed(
        profile,
        names.map((name) => act.exec(name)),
      )
      const before = copy.profile.entries
      copy.take(profile)
      most = Math.max(most, copy.counts.length)
      const after = new Map(
        [...copy.profile.entries].map((entry) => [JSON.stringify(entry), entry]),
      )
      for (const entry of before) after.delete(JSON.stringify(entry))
      whole = Math.max(whole, after.size)
    }
    expect(most).toBeGreaterThan(60)
    expect(most).toBeLessThan(70)
    expect(whole).toBeGreaterThan(200)
    expect(whole).toBeLessThanOrEqual(256)
    expect(restored(copy).entries()).toEqual(profile.entries())
  })
})
