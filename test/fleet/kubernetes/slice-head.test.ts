import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isHeadNews, nextHead, type SliceHead } from '../../../src/fleet/kubernetes/slice-head.ts'
import {
  bestHearing,
  type Hearing,
  heardWords,
  hearingsOf,
} from '../../../src/core/lifecycle/reported.ts'

const at = (second: number): string => `2026-11-24T12:00:${String(second).padStart(2, '0')}.000Z`
const hearing = (after: number, generation: number, second: number): Hearing => ({
  after,
  generation,
  at: at(second),
})

describe('when a word was said', () => {
  it('is by a node that saw it come, before one that found it there', () => {
    const found = hearing(0, 5, 10)
    const saw = hearing(2, 3, 20)
    expect(bestHearing([found, saw])).toBe(saw)
  })

  it('is by the earliest of nodes that know as much', () => {
    expect(bestHearing([hearing(2, 3, 21), hearing(2, 3, 20)])).toEqual(hearing(2, 3, 20))
    expect(bestHearing([hearing(0, 5, 30), hearing(1, 4, 20)])).toEqual(hearing(1, 4, 20))
  })

  it('is not that of an earlier saying, which was taken back', () => {
    const before = hearing(1, 2, 10)
    const again = hearing(6, 7, 40)
    expect(bestHearing([before, again])).toBe(again)
    // Also where nobody saw it come again.
    expect(bestHearing([before, hearing(6, 9, 50)])).toEqual(hearing(6, 9, 50))
  })

  it('is the same on every node, whatever the order in which nodes are heard', () => {
    const one = fc
      .record({ after: fc.nat(6), gap: fc.integer({ min: 1, max: 4 }), second: fc.nat(9) })
      .map(({ after, gap, second }) => hearing(after, after + gap, second))
    fc.assert(
      fc.property(fc.array(one, { maxLength: 6 }), (all) => {
        const best = bestHearing(all)
        expect(bestHearing([...all].reverse())?.at).toBe(best?.at)
        expect(best === undefined).toBe(all.length === 0)
      }),
    )
  })

  it('is written down by the group, and read again', () => {
    const all = new Map([
      ['approve a', hearing(0, 1, 1)],
      ['approve b', hearing(0, 1, 1)],
      ['mode alert', hearing(3, 4, 9)],
    ])
    expect(heardWords(all)).toHaveLength(2)
    expect(hearingsOf(heardWords(all))).toEqual(all)
  })
})

describe('what a node tells with its first slice', () => {
  const profile = 'uid'
  const own = new Map([['approve a', hearing(1, 2, 10)]])
  const head = (said: ReadonlyMap<string, Hearing>): SliceHead => ({
    heard: { profile, said: heardWords(said) },
  })

  it('is when a word was said, where nobody else told that as well', () => {
    const mine = { heard: { profile, said: own } }
    expect(nextHead(mine, {}, [])).toEqual(head(own))
    expect(nextHead(mine, {}, [head(own)])).toEqual({})
    const vague = head(new Map([['approve a', hearing(0, 2, 10)]]))
    expect(nextHead(mine, {}, [vague])).toEqual(head(own))
    const ofAnother: SliceHead = { heard: { profile: 'old', said: heardWords(own) } }
    expect(nextHead(mine, {}, [ofAnother])).toEqual(head(own))
  })

  it('is worth a write once', () => {
    const next = nextHead({ heard: { profile, said: own } }, {}, [])
    expect(isHeadNews(next, {}, false)).toBe(true)
    expect(isHeadNews(next, next, false)).toBe(false)
    // What others tell by now it goes on telling, without a write.
    const again = nextHead({ heard: { profile, said: own } }, next, [head(own)])
    expect(isHeadNews(again, next, false)).toBe(false)
  })

  it('keeps a person’s word on the mode, also where the node has forgotten it', () => {
    const mode = { mode: 'block', by: 'cli:ann', at: at(1) } as const
    const next = nextHead({}, { mode }, [])
    expect(next).toEqual({ mode })
    expect(isHeadNews(next, { mode }, false)).toBe(false)
    const later = { ...mode, mode: 'alert', at: at(2) } as const
    expect(isHeadNews(nextHead({ mode: later }, { mode }, []), { mode }, false)).toBe(true)
  })

  it('is the end of a window where no other node’s has ended, and takes its own back', () => {
    const ended = { learnedAt: at(1) }
    expect(isHeadNews(ended, {}, false)).toBe(true)
    expect(isHeadNews(ended, {}, true)).toBe(false)
    expect(isHeadNews({}, ended, true)).toBe(true)
    expect(isHeadNews(ended, ended, false)).toBe(false)
  })
})
