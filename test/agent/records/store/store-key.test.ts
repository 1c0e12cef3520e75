import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeKey, encodeKey, keyRange } from '../../../../src/agent/records/store/store-key.ts'

/** Any UTF-16 string, lone surrogates too. */
const anyString = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.constantFrom(0x25, 0x2f, 0x30, 0xd800)))
  .map((codes) => String.fromCharCode(...codes))
const parts = fc.array(anyString, { minLength: 1, maxLength: 4 })

describe('a key of the store', () => {
  it('returns its parts unchanged, whatever they contain, even through UTF-8', () => {
    fc.assert(
      fc.property(parts, (given) => {
        const key = Buffer.from(encodeKey(given), 'utf8').toString('utf8')
        expect(decodeKey(key)).toEqual(given)
      }),
    )
  })

  it('lies only in the range of its first parts', () => {
    fc.assert(
      fc.property(parts, parts, (prefix, given) => {
        const { gte, lt } = keyRange(prefix)
        const key = encodeKey(given)
        const beneath =
          given.length > prefix.length && prefix.every((part, at) => part === given[at])
        const [at, from, to] = [key, gte, lt].map((text) => Buffer.from(text, 'utf8'))
        expect(from!.compare(at!) <= 0 && at!.compare(to!) < 0).toBe(beneath)
      }),
    )
  })
})
