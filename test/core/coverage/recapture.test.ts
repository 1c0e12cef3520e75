import { describe, expect, it } from 'vitest'
import { unreported } from '../../../src/core/coverage/recapture.ts'

/** 0..1, always the same sequence. */
function* numbers(seed: number): Generator<number, never> {
  let state = seed
  for (;;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    yield state / 2 ** 32
  }
}

describe('the estimate of events that both observers missed', () => {
  it('is as Chapman has it', () => {
    // (41 × 31) ÷ 21 − 1 = 59.52…, of which 50 were reported.
    const { expected, bound } = unreported({ first: 40, second: 30, both: 20 })!
    expect(expected).toBeCloseTo(9.5238, 3)
    expect(bound).toBeCloseTo(9.5238 + 1.645 * Math.sqrt((41 * 31 * 20 * 10) / (21 ** 2 * 22)), 3)
  })

  it('is zero where both reported the same events, and unknown where they had few in common', () => {
    expect(unreported({ first: 50, second: 50, both: 50 })).toEqual({ expected: 0, bound: 0 })
    expect(unreported({ first: 500, second: 400, both: 6 })).toBeUndefined()
  })

  it('is right on the whole, and below its bound nineteen times of twenty', () => {
    const random = numbers(7)
    const next = (): number => random.next().value
    let expected = 0
    let missed = 0
    let within = 0
    const worlds = 400
    for (let world = 0; world < worlds; world += 1) {
      const reported = { first: 0, second: 0, both: 0 }
      let hidden = 0
      for (let act = 0; act < 300; act += 1) {
        const [a, b] = [next() < 0.9, next() < 0.7]
        reported.first += a ? 1 : 0
        reported.second += b ? 1 : 0
        reported.both += a && b ? 1 : 0
        hidden += a || b ? 0 : 1
      }
      const estimate = unreported(reported)!
      expected += estimate.expected
      missed += hidden
      within += hidden <= estimate.bound ? 1 : 0
    }
    expect(Math.abs(expected / missed - 1)).toBeLessThan(0.1)
    expect(within / worlds).toBeGreaterThan(0.9)
  })
})
