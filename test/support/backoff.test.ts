import { describe, expect, it } from 'vitest'
import { Backoff } from '../../src/support/backoff.ts'

const rules = { firstMs: 500, longestMs: 30_000 }

describe('the delay before the next try', () => {
  it('doubles up to the longest, half of it random, and is reset after a success', () => {
    const backoff = new Backoff(rules, () => 1)
    const delays = Array.from({ length: 9 }, () => backoff.next())
    expect(delays).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
    backoff.reset()
    expect(backoff.next()).toBe(500)
    expect(new Backoff(rules, () => 0).next()).toBe(250)
  })

  it('is at least what the other side asks for, up to a limit', () => {
    expect(new Backoff(rules, () => 0).next(60_000)).toBe(60_250)
    expect(new Backoff(rules, () => 0).next(3_600_000)).toBe(300_250)
    const patient = { ...rules, longestAskedMs: 3_600_000 }
    expect(new Backoff(patient, () => 0).next(3_600_000)).toBe(3_600_250)
  })
})
