import { describe, expect, test } from 'vitest'
import { EnforcementGaps, lengthOf } from '../../../src/agent/enforcement/enforcement-gaps.ts'

const image = { repository: 'web', digest: 'sha256:1' }
const noon = Date.parse('2026-11-26T12:00:00Z')

describe('gaps in enforcement', () => {
  test('a container with events before its assignment has a gap from its first event on', () => {
    const gaps = new EnforcementGaps()
    gaps.late('c1', { image, assignedMs: noon + 250 })
    const gap = gaps.acted('c1', noon)
    expect(gap).toEqual({ image, container: 'c1', fromMs: noon, toMs: noon + 250 })
    expect(gaps.total).toBe(1)
  })

  test('a container that its runtime still prepares has none', () => {
    const gaps = new EnforcementGaps()
    gaps.late('c1', { image, assignedMs: noon })
    expect(gaps.acted('c1', noon)).toBeUndefined()
    expect(gaps.total).toBe(0)
  })

  test('only the first event counts, and a container that ended without one is forgotten', () => {
    const gaps = new EnforcementGaps()
    gaps.late('c1', { image, assignedMs: noon + 10 })
    gaps.late('c2', { image, assignedMs: noon + 10 })
    gaps.ended('c2')
    expect(gaps.acted('c1', noon)).toBeDefined()
    expect(gaps.acted('c1', noon + 1)).toBeUndefined()
    expect(gaps.acted('c2', noon)).toBeUndefined()
  })

  test('the events may come before the confirmation, and then it has the gap', () => {
    const gaps = new EnforcementGaps()
    gaps.awaits('c1')
    expect(gaps.acted('c1', noon)).toBeUndefined()
    expect(gaps.acted('c1', noon + 1)).toBeUndefined()
    const gap = gaps.late('c1', { image, assignedMs: noon + 30 })
    expect(gap).toEqual({ image, container: 'c1', fromMs: noon, toMs: noon + 30 })
    expect(gaps.isBefore('c1', noon + 29)).toBe(true)
    expect(gaps.acted('c1', noon + 2)).toBeUndefined()
    expect(gaps.total).toBe(1)
  })

  test('one that was confirmed in time has none', () => {
    const gaps = new EnforcementGaps()
    gaps.awaits('c1')
    gaps.sentLate('c1', noon + 20)
    gaps.acted('c1', noon)
    expect(gaps.isBefore('c1', noon)).toBe(true)
    gaps.onTime('c1')
    expect(gaps.isBefore('c1', noon)).toBe(false)
    expect(gaps.total).toBe(0)
  })

  test('the longest of a day is shown until the day ends', () => {
    const gaps = new EnforcementGaps()
    for (const [id, ms] of [
      ['c1', 20],
      ['c2', 300],
      ['c3', 40],
    ] as const) {
      gaps.late(id, { image, assignedMs: noon + ms })
      gaps.acted(id, noon)
    }
    const worst = gaps.worst(noon + 3_600_000)
    expect(worst === undefined ? 0 : lengthOf(worst)).toBe(300)
    expect(gaps.worst(noon + 12 * 3_600_000)).toBeUndefined()
    expect(gaps.total).toBe(3)
  })

  test('a flood of containers without events does not make it grow without bound', () => {
    const gaps = new EnforcementGaps()
    for (let i = 0; i <= 4_096; i++) gaps.late(`c${i}`, { image, assignedMs: noon + 1 })
    expect(gaps.acted('c0', noon)).toBeUndefined()
    expect(gaps.acted('c1', noon)).toBeDefined()
  })
})
