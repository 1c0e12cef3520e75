import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesOfName } from '../../src/core/event/name-bytes.ts'
import { literalAutomaton } from '../../src/core/compile/literal-automaton.ts'
import { buildAutomaton, run } from '../../src/core/compile/path-automaton.ts'
import {
  any,
  type Language,
  seq,
  sourceOf,
  text,
  textsOf,
} from '../../src/core/behaviour/language.ts'
import { ANY_LENGTH, anyName, tokenLanguage } from '../../src/core/behaviour/token-language.ts'
import { cases } from '../fixtures/random-cases.ts'
import { nameOfBytes } from '../../src/agent/pipeline/sources/ebpf/kernel-name.ts'

const tokens: readonly Language[] = [
  ...['uuid', 'date', 'time', 'int', 'pid', 'volume'].map((name) => tokenLanguage(name, undefined)),
  ...[2, 8].map((size) => tokenLanguage('hex', size)),
  ...[6, 11].map((size) => tokenLanguage('temp', size)),
  ...['alnum', 'maybe', 'slug', 'free'].map((name) => tokenLanguage(name, 3)),
  // Side by side they would count characters here, and bytes in the kernel: in a template, something is between them.
  ...['alnum', 'maybe', 'slug', 'free'].map((name) =>
    seq(text('+'), tokenLanguage(name, ANY_LENGTH) ?? text(''), text('+')),
  ),
].flatMap((language) => language ?? [])

const literals = ['/', '/a', 'ab', '1', '-', '.', 'ä', 'x\ny', '\u0000', '(', '\\\\', '']
const leaf: fc.Arbitrary<Language> = fc.oneof(
  fc.constantFrom(...literals).map(text),
  fc.constantFrom(...tokens),
)

const inner: fc.Arbitrary<Language> = fc.letrec<{ node: Language }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    { weight: 2, arbitrary: leaf },
    {
      weight: 3,
      arbitrary: fc.array(tie('node'), { minLength: 1, maxLength: 4 }).map((all) => seq(...all)),
    },
    { weight: 1, arbitrary: fc.array(tie('node'), { maxLength: 3 }).map(any) },
  ),
})).node

/** Also such as no path's shape is; any name only where it can stand, at the end. */
const languages = fc
  .tuple(inner, fc.boolean())
  .map(([language, open]) => (open ? seq(language, text('/'), anyName) : language))

/** A text of the language, mostly: each choice is made by the next number. */
function sample(language: Language, next: () => number): string {
  switch (language.kind) {
    case 'text':
      return language.text
    case 'seq':
      return language.parts.map((part) => sample(part, next)).join('')
    case 'any': {
      const one = language.of[next() % Math.max(1, language.of.length)]
      return one === undefined ? '' : sample(one, next)
    }
    case 'chars': {
      const { ranges } = language.class
      const most = language.max ?? language.min + 3
      const length = language.min + (next() % (most - language.min + 1))
      return Array.from({ length }, () => {
        const [first, last] = ranges[next() % ranges.length] ?? [0, 0]
        // Some are text in UTF-8, and some bytes that are none.
        if (first >= 0x80) return ['é', 'щ', '書', '😀', '\\xe9', '\\xff'][next() % 6] ?? ''
        return String.fromCharCode(first + (next() % (Math.min(last, 0x7e) - first + 1)))
      }).join('')
    }
  }
}

describe('the automaton', () => {
  it('accepts exactly the texts of the regular expressions and names the matching ones', () => {
    let taken = 0
    let refused = 0
    fc.assert(
      fc.property(
        fc.array(languages, { minLength: 1, maxLength: 5 }),
        fc.array(fc.nat({ max: 999 }), { minLength: 40, maxLength: 40 }),
        fc.array(fc.tuple(fc.nat(), fc.constantFrom('', '1', 'a', '/', '-', 'F')), {
          maxLength: 12,
        }),
        (all, numbers, changes) => {
          const built = buildAutomaton(all, 500)
          // Rare: a language that overlaps with itself in many ways. To give up late costs most of the test.
          if (built === undefined) return
          let at = 0
          const next = () => numbers[at++ % numbers.length] ?? 0
          const texts = all.flatMap((language) => [sample(language, next), sample(language, next)])
          const near = changes.map(([n, by]) => {
            const one = texts[n % texts.length] ?? ''
            const i = n % (one.length + 1)
            return one.slice(0, i) + by + one.slice(i + (n % 2))
          })
          for (const one of [...texts, ...near]) {
            // The kernel never reports such a name: a backslash that begins no escape.
            if (nameOfBytes(Buffer.from(bytesOfName(one))) !== one) continue
            const expected = all.flatMap((language, i) =>
              new RegExp(`^(?:${sourceOf(language)})$`).test(one) ? [i] : [],
            )
            expect(built.sets[run(built.automaton, bytesOfName(one))], one).toEqual(expected)
            if (expected.length > 0) taken += 1
            else refused += 1
          }
        },
      ),
      { numRuns: cases(400) },
    )
    expect(taken).toBeGreaterThan(cases(1000))
    expect(refused).toBeGreaterThan(cases(500))
  })

  it('lists all texts of a language that has few, and reports where there are more', () => {
    fc.assert(
      fc.property(languages, (language) => {
        const texts = textsOf(language, 20)
        if (texts === undefined) return
        expect(texts.length).toBeLessThanOrEqual(20)
        const built = buildAutomaton([language], 2_000)
        for (const one of texts) {
          expect(new RegExp(`^(?:${sourceOf(language)})$`).test(one)).toBe(true)
          const bytes = bytesOfName(one)
          expect(built === undefined ? 0 : run(built.automaton, bytes)).toBe(1)
        }
      }),
    )
  })
})

describe('the automaton of names', () => {
  const part = fc.constantFrom('/', 'a', 'b', 'ab', 'ä', '\\\\xff', '.', '1')
  const name = fc.array(part, { maxLength: 7 }).map((parts) => parts.join(''))

  it('takes exactly these, as the one of their language does, with no state more', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(name, { minLength: 1, maxLength: 20 }),
        fc.array(name, { maxLength: 20 }),
        (names, others) => {
          const made = literalAutomaton(names.map(bytesOfName))
          const general = buildAutomaton([any(names.map(text))], 0xffff)
          for (const one of [...names, ...others]) {
            expect(run(made, bytesOfName(one)) > 0).toBe(names.includes(one))
          }
          expect(made.accept).toHaveLength(general?.automaton.accept.length ?? 0)
        },
      ),
      { numRuns: cases(500) },
    )
  })
})
