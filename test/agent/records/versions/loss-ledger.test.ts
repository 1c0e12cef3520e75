import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LossLedger } from '../../../../src/agent/records/versions/loss-ledger.ts'

const at = (second: number): string => new Date(1_700_000_000_000 + second * 1000).toISOString()

describe('the loss ledger', () => {
  it('joins losses of one reason that are close, and keeps apart those that are not', () => {
    const ledger = new LossLedger()
    ledger.add({ reason: 'ring', count: 3, from: at(0), to: at(1) })
    ledger.add({ reason: 'ring', count: 4, from: at(5), to: at(9) })
    ledger.add({ reason: 'ring', count: 1, from: at(900), to: at(901) })
    ledger.add({ reason: 'agent-down', count: 0, from: at(3), to: at(4) })
    expect(ledger.spans).toEqual([
      { reason: 'ring', count: 7, from: at(0), to: at(9) },
      { reason: 'ring', count: 1, from: at(900), to: at(901) },
      { reason: 'agent-down', count: 0, from: at(3), to: at(4) },
    ])
  })

  it('stays bounded where a sensor gives each loss another reason', () => {
    const ledger = new LossLedger()
    ledger.add({ reason: 'agent-down', count: 0, from: at(0), to: at(1) })
    for (let n = 0; n < 5_000; n += 1) {
      ledger.add({ reason: `reason-${n}`, count: 2, from: at(n), to: at(n + 1) })
    }
    expect(ledger.spans.length).toBeLessThanOrEqual(200)
    expect(ledger.spans.reduce((sum, { count }) => sum + count, 0)).toBe(10_000)
    expect(ledger.spans).toContainEqual({ reason: 'agent-down', count: 0, from: at(0), to: at(1) })
    expect(ledger.spans).toContainEqual(expect.objectContaining({ reason: 'several', from: at(0) }))
  })

  it('stays bounded and never loses a count or the extent', () => {
    const span = fc.record({
      reason: fc.constantFrom('ring', 'agent-down', 'overflow'),
      count: fc.nat(1000),
      second: fc.nat(1_000_000),
      length: fc.nat(100),
    })
    fc.assert(
      fc.property(fc.array(span, { maxLength: 600 }), (spans) => {
        const ledger = new LossLedger()
        for (const { reason, count, second, length } of spans) {
          ledger.add({ reason, count, from: at(second), to: at(second + length) })
        }
        expect(ledger.spans.length).toBeLessThanOrEqual(200)
        for (const reason of ['ring', 'agent-down', 'overflow']) {
          const given = spans.filter((one) => one.reason === reason)
          const kept = ledger.spans.filter((one) => one.reason === reason)
          const sum = (list: readonly { count: number }[]) => list.reduce((a, b) => a + b.count, 0)
          expect(sum(kept)).toBe(sum(given))
          if (given.length === 0) continue
          const first = given.map(({ second }) => at(second)).sort()[0]
          expect(kept.map(({ from }) => from).sort()[0]).toBe(first)
        }
      }),
      { numRuns: 30 },
    )
  })
})
