import { expect, it } from 'vitest'
import { parseGateResult } from '../../../src/supplychain/findings/parse-result.ts'

const result = {
  schema: 'snug.gate-result/v1',
  image: 'shop/web',
  passed: true,
  counts: { approve: 0, warn: 1, note: 2, approved: 0 },
  findings: [],
}

it('reads a gate result, and keeps members that this version does not know', () => {
  expect(parseGateResult({ ...result, later: 1 })).toMatchObject({ ...result, later: 1 })
})

it('names the member that is not part of a gate result', () => {
  const broken = { ...result, counts: { ...result.counts, warn: 'some' } }
  expect(() => parseGateResult(broken)).toThrow(
    expect.objectContaining({
      code: 'GATE_RESULT_INVALID',
      message: '`counts.warn` is not part of a gate result',
    }),
  )
})
