import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { type Limit, limitTable } from '../../docs/limit-table.ts'
import { configKeys } from '../../src/support/config/config-keys.ts'
import { metricTable, statusTable } from '../../src/support/telemetry/metric-table.ts'

const limits: readonly Limit[] = limitTable.flatMap((group) => group.limits)

it('names each limit once, with what happens at it', () => {
  const names = limits.map(({ what, of = '' }) => `${what} ${of}`)
  expect(new Set(names).size).toBe(names.length)
  for (const { atBound } of limits) expect(atBound).not.toBe('')
})

it('names metrics and config keys that exist', () => {
  const metrics = new Set([...Object.keys(metricTable), ...Object.keys(statusTable)])
  const keys = new Set(configKeys.map(({ path }) => path))
  for (const { bound, shownBy } of limits) {
    if (shownBy !== undefined && 'metric' in shownBy) expect(metrics).toContain(shownBy.metric)
    if (typeof bound !== 'number') expect(keys).toContain(bound.key)
  }
})

it('has the sizes that the tables of the kernel have', () => {
  const header = readFileSync(new URL('../../agent/include/shared.h', import.meta.url), 'utf8')
  const inKernel = limits.filter(({ define }) => define !== undefined)
  expect(inKernel.length).toBeGreaterThan(0)
  for (const { define, bound } of inKernel) {
    const size = new RegExp(`#define ${String(define)} (\\d+)`).exec(header)?.[1]
    expect(Number(size)).toBe(bound)
  }
})
