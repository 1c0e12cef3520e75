import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { AlertPruner } from '../../../../src/agent/records/persistence/alert-pruner.ts'
import { createLog } from '../../../../src/support/telemetry/log.ts'

const log = createLog('silent')

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

it('prunes at the start and after thousands of alerts, but never undelivered or pending ones', async () => {
  const asked: number[] = []
  let needed = 0
  let raised = 0
  const store = {
    pruneAlerts: async (max: number) => {
      asked.push(max)
      return 0
    },
  }
  const pruner = new AlertPruner({
    store,
    kept: 12_000,
    held: () => false,
    needed: () => needed,
    raised: () => raised,
    log,
  })
  pruner.start()
  expect(asked).toEqual([12_000])
  raised = 4_999
  await vi.advanceTimersByTimeAsync(1_300)
  expect(asked).toEqual([12_000])
  raised = 5_000
  needed = 30_000
  await vi.advanceTimersByTimeAsync(1_300)
  expect(asked).toEqual([12_000, 40_000])
  await pruner.stop()
})

it('continues after the store failed', async () => {
  let asked = 0
  let raised = 0
  const store = {
    pruneAlerts: () => {
      asked += 1
      return Promise.reject(new Error('disk full'))
    },
  }
  const pruner = new AlertPruner({
    store,
    kept: 1,
    held: () => false,
    needed: () => 0,
    raised: () => raised,
    log,
  })
  pruner.start()
  raised = 10_000
  await vi.advanceTimersByTimeAsync(1_300)
  await pruner.stop()
  expect(asked).toBe(2)
})
