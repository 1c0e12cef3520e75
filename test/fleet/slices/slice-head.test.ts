import { describe, expect, it } from 'vitest'
import { isWorthWriting, nextHead } from '../../../src/fleet/slices/slice-head.ts'

const at = (second: number): string => `2026-11-24T12:00:${String(second).padStart(2, '0')}.000Z`

describe('the head of the first slice of a node', () => {
  it('keeps the mode decision of a person, even after the node has lost it', () => {
    const mode = { mode: 'block', by: 'cli:ann', at: at(1) } as const
    const next = nextHead({}, { mode })
    expect(next).toEqual({ mode })
    expect(isWorthWriting(next, { mode }, false)).toBe(false)
    const later = { ...mode, mode: 'alert', at: at(2) } as const
    expect(isWorthWriting(nextHead({ mode: later }, { mode }), { mode }, false)).toBe(true)
  })

  it('is the end of a window where no other node’s has ended, and takes its own back', () => {
    const ended = { learnedAt: at(1) }
    expect(isWorthWriting(ended, {}, false)).toBe(true)
    expect(isWorthWriting(ended, {}, true)).toBe(false)
    expect(isWorthWriting({}, ended, true)).toBe(true)
    expect(isWorthWriting(ended, ended, false)).toBe(false)
  })
})
