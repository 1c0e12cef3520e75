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

  it('keeps names apart that differ only in a broken surrogate', () => {
    expect(sha256Hex('/tmp/\ud800')).not.toBe(sha256Hex('/tmp/\ud801'))
  })
})
