import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NumberReader, NumberWriter } from '../../src/core/profile/packed-numbers.ts'
import { cases } from '../fixtures/random-cases.ts'

const signed = 2 ** 52 - 1

function textOf(numbers: readonly number[]): string | undefined {
  const writer = new NumberWriter()
  for (const number of numbers) writer.add(number)
  return writer.text()
}

describe('Packed numbers', () => {
  it('are read as they were written, from one-byte characters', () => {
    const any = fc.oneof(fc.nat({ max: 300 }), fc.maxSafeNat())
    fc.assert(
      fc.property(fc.array(fc.tuple(any, fc.integer({ min: -signed, max: signed }))), (all) => {
        const writer = new NumberWriter()
        for (const [natural, difference] of all) {
          writer.add(natural)
          writer.addSigned(difference)
        }
        const text = writer.text() ?? ''
        expect(Buffer.from(text, 'latin1').toString('latin1')).toBe(text)
        const reader = new NumberReader(text)
        const read = all.map(() => [reader.next(), reader.nextSigned()])
        expect(read).toEqual(all)
      }),
      { numRuns: cases(300) },
    )
  })

  it('may be more than a function has arguments', () => {
    const numbers = Array.from({ length: 300_000 }, (_, i) => i)
    const reader = new NumberReader(textOf(numbers) ?? '')
    expect(numbers.map(() => reader.next())).toEqual(numbers)
  })

  it.each([Infinity, -Infinity, NaN, 0.5, -1, 2 ** 53])(
    'have no text where one is %d',
    (number) => {
      expect(textOf([1, number, 2])).toBeUndefined()
      expect(textOf([1, 2])).toBe('\u0001\u0002')
    },
  )
})
