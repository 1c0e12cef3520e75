import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesOfName } from '../../../src/core/event/name-bytes.ts'
import { nameOfBytes } from '../../../src/agent/pipeline/sources/ebpf/kernel-name.ts'
import { anyText } from '../../fixtures/any-text.ts'

describe('the bytes of a name', () => {
  it('are those that its text was made of, whatever they are', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 255 }),
      fc
        .array(fc.constantFrom(0x5c, 0x78, 0x66, 0x30, 0xc3, 0xa4, 0xff, 0x0a))
        .map(Uint8Array.from.bind(Uint8Array)),
      anyText().map((text) => new TextEncoder().encode(text)),
    )
    fc.assert(
      fc.property(bytes, (name) => {
        expect([...bytesOfName(nameOfBytes(Buffer.from(name)))]).toEqual([...name])
      }),
      { numRuns: 2000 },
    )
  })

  it.each([
    ['a\\\\b', [0x61, 0x5c, 0x62]],
    ['\\xff1', [0xff, 0x31]],
    ['\\\\xff', [0x5c, 0x78, 0x66, 0x66]],
    ['ä', [0xc3, 0xa4]],
  ])('of %j are %j', (text, bytes) => expect([...bytesOfName(text)]).toEqual(bytes))

  it('are the characters themselves where an escape was only begun', () => {
    for (const text of ['\\', 'a\\', '\\x', '\\xf', '\\xFF', '\\y']) {
      expect(new TextDecoder().decode(bytesOfName(text))).toBe(text)
    }
  })
})
