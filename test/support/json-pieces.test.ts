import fc from 'fast-check'
import { expect, it } from 'vitest'
import { finish } from '../../src/core/steps.ts'
import { jsonPieces } from '../../src/support/json-pieces.ts'

function textOf(value: object): string {
  return Buffer.concat(finish(jsonPieces(value))).toString('utf8')
}

it('the pieces are the text of `JSON.stringify`', () => {
  const plain = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom(undefined, null, true, 1.5, -0),
      fc.string({ unit: 'binary' }),
      fc.array(tie('value')),
      fc.dictionary(fc.string(), tie('value')),
    ),
  })).value
  fc.assert(
    fc.property(fc.oneof(fc.array(plain), fc.dictionary(fc.string(), plain)), (value) => {
      // A half of a surrogate pair is escaped, and so survives UTF-8.
      expect(textOf(value)).toBe(JSON.stringify(value))
    }),
  )
})

it('a long answer is many pieces', () => {
  const rows = Array.from({ length: 10_000 }, (_, n) => ({ id: n, text: 'ü'.repeat(50) }))
  const pieces = finish(jsonPieces({ rows }))
  expect(pieces.length).toBeGreaterThan(5)
  expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(200_000)
  expect(JSON.parse(Buffer.concat(pieces).toString('utf8'))).toEqual({ rows })
})
