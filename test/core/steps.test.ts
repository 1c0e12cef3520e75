import fc from 'fast-check'
import { expect, it } from 'vitest'
import { finish, sorted } from '../../src/core/steps.ts'

const byFirst = (a: readonly number[], b: readonly number[]): number => (a[0] ?? 0) - (b[0] ?? 0)

it('sorting in steps gives what `sort` gives, also of equal items', () => {
  const items = fc.array(fc.tuple(fc.nat(50), fc.nat()), { maxLength: 3_000, size: 'max' })
  fc.assert(
    fc.property(items, (list) => {
      expect(finish(sorted(list, byFirst))).toEqual(list.toSorted(byFirst))
    }),
    { numRuns: 50 },
  )
})

it('sorting pauses often', () => {
  const list = Array.from({ length: 10_000 }, (_, n) => [(n * 7_919) % 10_007])
  let pauses = 0
  for (const steps = sorted(list, byFirst); steps.next().done !== true; ) pauses += 1
  expect(pauses).toBeGreaterThan(50)
})
