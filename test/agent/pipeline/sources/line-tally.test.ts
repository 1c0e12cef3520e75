import { expect, it } from 'vitest'
import type { LossEvent } from '../../../../src/core/event/event.ts'
import { LineTally, namesCounted } from '../../../../src/agent/pipeline/sources/line-tally.ts'

it('counts the reasons of losses in a flood of them under a bounded number of names', () => {
  const format = { name: 'x', kinds: [], follow: false, open: () => ({ take: () => undefined }) }
  const tally = new LineTally(format, { name: 'listen:x', node: 'n1' })
  const time = '2026-11-24T13:40:27.123456Z'
  const events = Array.from({ length: 5_000 }, (_, n): LossEvent => {
    const loss = { reason: `reason-${n}`, count: 2, from: time, to: time }
    return { v: 1, kind: 'loss', time, node: 'n1', source: 'listen:x', loss }
  })
  tally.batch({ events, lines: [], rejected: [], rejectedCount: 0 }, 'x', false)
  const { lost } = tally.stats({})
  expect(Object.keys(lost).length).toBeLessThanOrEqual(namesCounted + 1)
  expect(Object.values(lost).reduce((sum, count) => sum + count, 0)).toBe(10_000)
})
