import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { VersionKey } from '../../src/agent/records/versions/deployed-version.ts'
import { CrossSourceDedup, mostSources } from '../../src/agent/pipeline/judge/cross-source-dedup.ts'

const version = 'shop/web@sha256:aa' as VersionKey
interface Line {
  readonly source: string
  readonly container: string
  readonly act: string
  readonly count: number
  /** Seconds since the one before. */
  readonly after: number
}

const profiled: fc.Arbitrary<Line> = fc.record({
  source: fc.constantFrom('a', 'b', 'c'),
  container: fc.constantFrom('c1', 'c2'),
  act: fc.constantFrom('x', 'y', 'z'),
  count: fc.integer({ min: 1, max: 4 }),
  after: fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constantFrom(0, 70, 500)),
})
const story = fc.array(profiled, { maxLength: 60 })

function report(list: readonly Line[]): {
  readonly fresh: readonly number[]
  readonly dedup: CrossSourceDedup
  readonly end: number
} {
  const dedup = new CrossSourceDedup(64)
  let now = 0
  const fresh = list.map(({ source, container, act, count, after }) => {
    now += after * 1e6
    const acts = [{ kind: 'exec' as const, text: act }]
    return dedup.reported({ version, container, source, when: now, count, acts }).fresh
  })
  return { fresh, dedup, end: now }
}

describe('events that several sources report', () => {
  it('count as often as in the source that reports most of them, between one pause and the next', () => {
    fc.assert(
      fc.property(story, (list) => {
        // Without a pause, so that each event is one span.
        const close = list.map((each) => ({ ...each, after: Math.min(each.after, 0) }))
        const { fresh } = report(close)
        const most = new Map<string, Map<string, number>>()
        for (const { source, container, act, count } of close) {
          const key = `${container} ${act}`
          const by = most.get(key) ?? new Map<string, number>()
          by.set(source, (by.get(source) ?? 0) + count)
          most.set(key, by)
        }
        const expected = [...most.values()].reduce((sum, by) => sum + Math.max(...by.values()), 0)
        expect(fresh.reduce((sum, count) => sum + count, 0)).toBe(expected)
      }),
    )
  })

  it('give the same result each time, and with one source every event counts', () => {
    fc.assert(
      fc.property(story, (list) => {
        expect(report(list).fresh).toEqual(report(list).fresh)
        const alone = list.map((each) => ({ ...each, source: 'a' }))
        expect(report(alone).fresh).toEqual(alone.map(({ count }) => count))
      }),
    )
  })

  it('are never more by both than by either', () => {
    fc.assert(
      fc.property(story, (list) => {
        const { dedup, end } = report(list)
        for (const { first, second, both } of dedup.pairs(end + 1e9)) {
          expect(both).toBeLessThanOrEqual(Math.min(first, second))
          expect(first + second - both).toBeGreaterThan(0)
        }
      }),
    )
  })

  it('are of a bounded number of sources, whatever names these give themselves', () => {
    const dedup = new CrossSourceDedup(64)
    for (let n = 0; n < 2_000; n += 1) {
      const acts = [{ kind: 'exec' as const, text: `x${n}` }]
      const source = `sensor-${n}`
      dedup.reported({ version, container: 'c1', source, when: n * 1e6, count: 1, acts })
    }
    const sources = new Set(dedup.pairs(1e12).flatMap((pair) => pair.sources))
    expect(sources.size).toBe(mostSources + 1)
    expect(sources).toContain('others')
  })

  it('take bounded memory', () => {
    const dedup = new CrossSourceDedup()
    const before = process.memoryUsage().heapUsed
    for (let n = 0; n < 150_000; n += 1) {
      const acts = [{ kind: 'file' as const, text: `/f/${n}` }]
      dedup.reported({
        version,
        container: 'c1',
        source: n % 2 === 0 ? 'a' : 'b',
        when: n,
        count: 1,
        acts,
      })
    }
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(120 * 1_048_576)
    const [pair] = dedup.pairs(Infinity)
    // The first two events came before both sources had reported files.
    expect((pair?.first ?? 0) + (pair?.second ?? 0)).toBeGreaterThan(149_000)
  })
})
