import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  any,
  chars,
  type Language,
  PathPattern,
  seq,
  sourceOf,
  text,
} from '../../../src/core/behaviour/language.ts'
import { cases } from '../../fixtures/random-cases.ts'

const letter = { source: '[ab]', ranges: [[97, 98]] } as const
const literal = fc.constantFrom('', 'a', 'ab', '.b', '\u0000', 'a\u0000').map(text)
const varying = fc
  .record({ min: fc.nat({ max: 2 }), more: fc.constantFrom(0, 1, undefined) })
  .map(({ min, more }) => chars(letter, min, more === undefined ? undefined : min + more))

const languages = fc.letrec<{ readonly one: Language }>((tie) => ({
  one: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    literal,
    varying,
    fc.array(tie('one'), { maxLength: 4 }).map((parts) => seq(...parts)),
    fc.array(tie('one'), { maxLength: 4 }).map((of) => any(of)),
  ),
}))
const subject = fc
  .array(fc.constantFrom('a', 'b', '.', '\u0000'), { maxLength: 8 })
  .map((characters) => characters.join(''))

describe('A pattern of paths', () => {
  it('has what one expression of all of its language has', () => {
    let had = 0
    fc.assert(
      fc.property(languages.one, fc.array(subject, { maxLength: 20 }), (language, subjects) => {
        const pattern = new PathPattern(language)
        const whole = new RegExp(`^(?:${sourceOf(language)})$`)
        for (const one of subjects) {
          if (whole.test(one)) had += 1
          expect(pattern.has(one), JSON.stringify(one)).toBe(whole.test(one))
        }
      }),
      { numRuns: cases(2_000) },
    )
    expect(had).toBeGreaterThan(20)
  })

  it('is asked as before once expressions of many others were', () => {
    const of = (n: number): PathPattern => new PathPattern(seq(text(`/${n}/`), chars(letter, 1)))
    const first = of(0)
    expect(first.has('/0/a')).toBe(true)
    for (let n = 1; n < 2_000; n++) expect(of(n).has(`/${n}/b`)).toBe(true)
    expect(first.has('/0/a')).toBe(true)
    expect(first.has('/0/c')).toBe(false)
  })
})
