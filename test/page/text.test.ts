import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { escaped, pieces, span, splitRef } from '../../src/page/base/text.ts'

const unseen = /[\p{C}\p{Zl}\p{Zp}]|\p{Default_Ignorable_Code_Point}/u

/** Half of a pair, too. */
const anyText = fc
  .array(fc.nat({ max: 0x10ffff }))
  .map((codes) => codes.map((code) => String.fromCodePoint(code)).join(''))

describe('a string that a container chose', () => {
  it.each([
    ['a\nb\r\t', 'a\\nb\\r\\t'],
    ['\u001b[31mred', '\\e[31mred'],
    ['gpj\u202egnp', 'gpj\\u{202e}gnp'],
    ['a\u200bb\ufeff', 'a\\u{200b}b\\u{feff}'],
    ['tag\u{e0041}', 'tag\\u{e0041}'],
    ['half\ud800', 'half\\u{d800}'],
    ['not\u00a0a space', 'not\\xa0a space'],
    ['/srv/größe/数据.txt', '/srv/größe/数据.txt'],
  ])('%j is shown as %j', (text, shown) => {
    expect(escaped(text)).toBe(shown)
  })

  it('is shown without invisible characters', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(unseen.test(escaped(text))).toBe(false)
      }),
    )
  })

  it('keeps every visible character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-ascii' }), (text) => {
        expect(pieces(text).every((piece) => !piece.escaped)).toBe(true)
        expect(escaped(text)).toBe(text)
      }),
    )
  })
})

describe('texts', () => {
  it('gives a span in its largest unit', () => {
    expect([900, 61_000, 7_200_000, 200_000_000].map(span)).toEqual([
      'a moment',
      '1 min',
      '2 h',
      '2 d',
    ])
  })

  it('takes the name of a version apart', () => {
    expect(splitRef('registry:5000/shop/web@sha256:aa')).toEqual({
      repository: 'registry:5000/shop/web',
      digest: 'sha256:aa',
    })
    expect(splitRef('shop/web')).toEqual({ repository: 'shop/web', digest: '' })
  })
})
