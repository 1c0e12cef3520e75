import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Sample } from '../../../src/core/behaviour/sample.ts'
import { cases } from '../../fixtures/random-cases.ts'

const texts = fc.array(
  fc.nat({ max: 40 }).map((n) => `/srv/data/note-${n}.txt`),
  { maxLength: 60 },
)
const kept = fc.constantFrom(1, 2, 5, 12, 64)

function sampleOf(all: readonly string[], most: number): Sample {
  const sample = new Sample(most)
  for (const text of all) sample.add(text)
  return sample
}

describe('a sample of texts', () => {
  it('has all of them until it is full, each once', () => {
    fc.assert(
      fc.property(texts, kept, (all, most) => {
        const distinct = new Set(all)
        const sample = sampleOf(all, most)
        expect(sample.size).toBe(Math.min(distinct.size, most))
        expect(sample.full).toBe(distinct.size >= most)
        expect(new Set(sample.texts).size).toBe(sample.size)
        for (const text of sample.texts) expect(distinct.has(text)).toBe(true)
        if (distinct.size <= most) expect(new Set(sample.toJSON())).toEqual(distinct)
        for (const text of distinct) expect(sample.has(text)).toBe(sample.texts.includes(text))
      }),
      { numRuns: cases(300) },
    )
  })

  it('is the same in any order, and put together of parts', () => {
    fc.assert(
      fc.property(texts, texts, kept, (some, others, most) => {
        const whole = sampleOf([...some, ...others], most).texts
        expect(sampleOf([...others, ...some].reverse(), most).texts).toEqual(whole)
        const parts = [...sampleOf(others, most).texts, ...sampleOf(some, most).texts]
        expect(sampleOf(parts, most).texts).toEqual(whole)
      }),
      { numRuns: cases(300) },
    )
  })

  it('says whether a text changes it', () => {
    fc.assert(
      fc.property(texts, kept, fc.nat({ max: 40 }), (all, most, n) => {
        const sample = sampleOf(all, most)
        const before = sample.toJSON()
        const isNews = sample.add(`/srv/data/note-${n}.txt`)
        expect(isNews).toBe(JSON.stringify(sample.toJSON()) !== JSON.stringify(before))
      }),
      { numRuns: cases(300) },
    )
  })

  it('forgets what is not to be kept, and no more', () => {
    fc.assert(
      fc.property(texts, kept, fc.nat({ max: 9 }), (all, most, digit) => {
        const sample = sampleOf(all, most)
        const isKept = (text: string): boolean => !text.endsWith(`${digit}.txt`)
        const left = sample.texts.filter(isKept)
        sample.keep(isKept)
        expect(sample.texts).toEqual(left)
      }),
      { numRuns: cases(200) },
    )
  })
})
