import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { sha256Hex } from '../../../src/core/behaviour/sha256.ts'

describe('sha256Hex', () => {
  it('agrees with node:crypto for every length around the block borders and for any plane', () => {
    for (let length = 0; length <= 200; length++) {
      for (const unit of ['a', 'é', '→', '🐢']) {
        const text = unit.repeat(length)
        expect(sha256Hex(text)).toBe(createHash('sha256').update(text, 'utf8').digest('hex'))
      }
    }
  })

  it('keeps names apart that differ only in a broken surrogate, as in stored profiles', () => {
    expect(sha256Hex('/tmp/\ud800')).not.toBe(sha256Hex('/tmp/\ud801'))
    expect(sha256Hex('/tmp/\ud800/\udc00é\ud83d\udc22')).toBe(
      '1d4a2569396fc6ae1b1c3b65057fa688b3df58c5efd4a14fb7c76883feb86e22',
    )
  })
})
