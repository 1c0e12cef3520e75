import { describe, expect, it } from 'vitest'
import {
  closedAlerts,
  isNameable,
  mostClosedAlerts,
  type NewClosing,
  seenOn,
  type SharedClosing,
  sharedClosingSchema,
  withClosing,
} from '../../../src/core/lifecycle/shared-closing.ts'

const startMs = Date.parse('2026-11-24T12:00:00Z')
const dayMs = 24 * 3_600_000
const by = (ms: number) => ({ by: 'ann', at: new Date(startMs + ms).toISOString() })
const closing = (id: string, alerts = 1): NewClosing => ({
  id,
  incident: '01 n1',
  title: 'a web shell',
  reason: 'an exercise',
  alerts: [
    {
      node: 'n1',
      severity: 'high',
      ids: Array.from({ length: alerts }, (_, at) => `${id}-${at}`),
    },
  ],
})
const ids = (closings: readonly SharedClosing[]): readonly string[] => closings.map(({ id }) => id)
const standing = (count: number, alerts: number): readonly SharedClosing[] => {
  let all: readonly SharedClosing[] = []
  for (let at = 0; at < count; at += 1) all = withClosing(all, by(at), closing(`c${at}`, alerts))
  return all
}

describe('closings of a version', () => {
  it('stand in the order of their time, the latest at the end, with author and time', () => {
    const all = withClosing(standing(2, 1), by(5), closing('c9'))
    expect(ids(all)).toEqual(['c0', 'c1', 'c9'])
    expect(all.at(-1)).toEqual({ ...closing('c9'), ...by(5) })
  })

  it('leave with the next one after seven days', () => {
    const all = withClosing(standing(2, 1), by(7 * dayMs), closing('c9'))
    expect(ids(all)).toEqual(['c1', 'c9'])
  })

  it('are at most fifty, with five thousand alerts together: the oldest leave', () => {
    expect(ids(standing(60, 1))).toEqual(Array.from({ length: 50 }, (_, at) => `c${at + 10}`))
    expect(ids(standing(12, 500))).toEqual(Array.from({ length: 10 }, (_, at) => `c${at + 2}`))
  })
})

describe('the alerts of a closing', () => {
  const seen = [
    { id: '01', node: 'n1', severity: 'high' },
    { id: '01', node: 'n2', severity: 'high' },
    { id: '02', node: 'n1', severity: 'high' },
    { id: '03', node: 'n1', severity: 'low' },
  ] as const

  it('are by node and severity, and each node finds its own', () => {
    const alerts = closedAlerts(seen)
    expect(alerts).toEqual([
      { node: 'n1', severity: 'high', ids: ['01', '02'] },
      { node: 'n2', severity: 'high', ids: ['01'] },
      { node: 'n1', severity: 'low', ids: ['03'] },
    ])
    const shared = { ...closing('c1'), ...by(0), alerts }
    expect(seenOn('n1', shared)).toEqual([
      { id: '01', severity: 'high' },
      { id: '02', severity: 'high' },
      { id: '03', severity: 'low' },
    ])
    expect(seenOn('n3', shared)).toEqual([])
  })

  it('are at most as many as one audit entry names', () => {
    const valid = (alerts: number): boolean =>
      sharedClosingSchema.safeParse({ ...closing('c00000001', alerts), ...by(0) }).success
    expect([valid(mostClosedAlerts), valid(mostClosedAlerts + 1)]).toEqual([true, false])
  })

  it('have ids and nodes of a form that agents write', () => {
    expect(isNameable({ id: '01KAVS00000000000000000000', node: 'n1.example' })).toBe(true)
    expect(isNameable({ id: 'x'.repeat(65), node: 'n1' })).toBe(false)
    expect(isNameable({ id: '01', node: 'n'.repeat(254) })).toBe(false)
  })
})
