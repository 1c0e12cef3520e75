import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  isWorthWriting,
  nextHead,
  type SliceHead,
} from '../../../src/fleet/kubernetes/slice-head.ts'
import {
  bestDecisionTime,
  type DecisionTime,
  groupDecisionTimes,
  decisionTimesOf,
} from '../../../src/core/lifecycle/reported.ts'

const at = (second: number): string => `2026-11-24T12:00:${String(second).padStart(2, '0')}.000Z`
const time = (after: number, generation: number, second: number): DecisionTime => ({
  after,
  generation,
  at: at(second),
})

describe('the time of a decision', () => {
  it('is that of a node that observed the change, before one that found it present', () => {
    const found = time(0, 5, 10)
    const saw = time(2, 3, 20)
    expect(bestDecisionTime([found, saw])).toBe(saw)
  })

  it('is the earliest of nodes with equal knowledge', () => {
    expect(bestDecisionTime([time(2, 3, 21), time(2, 3, 20)])).toEqual(time(2, 3, 20))
    expect(bestDecisionTime([time(0, 5, 30), time(1, 4, 20)])).toEqual(time(1, 4, 20))
  })

  it('is not that of an earlier decision that was withdrawn', () => {
    const before = time(1, 2, 10)
    const again = time(6, 7, 40)
    expect(bestDecisionTime([before, again])).toBe(again)
    // Also where no node observed the second change.
    expect(bestDecisionTime([before, time(6, 9, 50)])).toEqual(time(6, 9, 50))
  })

  it('is the same on every node, in whatever order the nodes report', () => {
    const one = fc
      .record({ after: fc.nat(6), gap: fc.integer({ min: 1, max: 4 }), second: fc.nat(9) })
      .map(({ after, gap, second }) => time(after, after + gap, second))
    fc.assert(
      fc.property(fc.array(one, { maxLength: 6 }), (all) => {
        const best = bestDecisionTime(all)
        expect(bestDecisionTime([...all].reverse())?.at).toBe(best?.at)
        expect(best === undefined).toBe(all.length === 0)
      }),
    )
  })

  it('is written in groups and read back', () => {
    const all = new Map([
      ['approve a', time(0, 1, 1)],
      ['approve b', time(0, 1, 1)],
      ['mode alert', time(3, 4, 9)],
    ])
    expect(groupDecisionTimes(all)).toHaveLength(2)
    expect(decisionTimesOf(groupDecisionTimes(all))).toEqual(all)
  })
})

describe('the head of the first slice of a node', () => {
  const profile = 'uid'
  const own = new Map([['approve a', time(1, 2, 10)]])
  const head = (decisions: ReadonlyMap<string, DecisionTime>): SliceHead => ({
    reconciled: { profile, decisions: groupDecisionTimes(decisions) },
  })

  it('has the time of a decision where no other node reported one as exact', () => {
    const mine = { reconciled: { profile, decisions: own } }
    expect(nextHead(mine, {}, [])).toEqual(head(own))
    expect(nextHead(mine, {}, [head(own)])).toEqual({})
    const vague = head(new Map([['approve a', time(0, 2, 10)]]))
    expect(nextHead(mine, {}, [vague])).toEqual(head(own))
    const ofAnother: SliceHead = {
      reconciled: { profile: 'old', decisions: groupDecisionTimes(own) },
    }
    expect(nextHead(mine, {}, [ofAnother])).toEqual(head(own))
  })

  it('is worth a write once', () => {
    const next = nextHead({ reconciled: { profile, decisions: own } }, {}, [])
    expect(isWorthWriting(next, {}, false)).toBe(true)
    expect(isWorthWriting(next, next, false)).toBe(false)
    // It keeps the times that others report as well, without a write.
    const again = nextHead({ reconciled: { profile, decisions: own } }, next, [head(own)])
    expect(isWorthWriting(again, next, false)).toBe(false)
  })

  it('keeps the mode decision of a person, even after the node has lost it', () => {
    const mode = { mode: 'block', by: 'cli:ann', at: at(1) } as const
    const next = nextHead({}, { mode }, [])
    expect(next).toEqual({ mode })
    expect(isWorthWriting(next, { mode }, false)).toBe(false)
    const later = { ...mode, mode: 'alert', at: at(2) } as const
    expect(isWorthWriting(nextHead({ mode: later }, { mode }, []), { mode }, false)).toBe(true)
  })

  it('is the end of a window where no other node’s has ended, and takes its own back', () => {
    const ended = { learnedAt: at(1) }
    expect(isWorthWriting(ended, {}, false)).toBe(true)
    expect(isWorthWriting(ended, {}, true)).toBe(false)
    expect(isWorthWriting({}, ended, true)).toBe(true)
    expect(isWorthWriting(ended, ended, false)).toBe(false)
  })
})
