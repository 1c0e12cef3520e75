import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ContainerRun, coverageOf, type Stint } from '../../../src/core/coverage/coverage.ts'
import { kindText, phaseText } from '../../../src/core/coverage/coverage-report.ts'
import { coverageReport } from '../../fixtures/without-pauses.ts'
import { lastRise, noveltyOf, pointsKept, sparkline } from '../../../src/core/coverage/novelty.ts'
import { isoOf, microsOf } from '../../../src/core/event/time.ts'
import type { ActEvent } from '../../../src/core/event/event.ts'
import { act, learned } from '../../fixtures/event-fixture.ts'

const MIN = 60_000_000
const t0 = microsOf('2026-11-24T13:00:00Z')
const at = (minute: number): string => isoOf(t0 + minute * MIN)

const run = (
  container: string,
  minutes: number,
  more: Partial<ContainerRun> = {},
): ContainerRun => ({
  container,
  from: t0,
  to: t0 + minutes * MIN,
  ...more,
})

const containers = (n: number, minutes: number, more: Partial<ContainerRun> = {}) =>
  Array.from({ length: n }, (_, i) => run(`c${i}`, minutes, more))

const everyOne = (runs: readonly ContainerRun[], make: (container: string) => ActEvent) =>
  runs.map(({ container }) => make(container))

describe('the report of coverage', () => {
  it('estimates each kind separately: one can be complete while another is not', () => {
    const runs = containers(300, 0.5, { ended: true })
    const profile = learned(
      ...everyOne(runs, (container) => act.exec('/bin/job', { container, time: at(0.1) })),
      ...[1, 2, 3].map((n) =>
        act.connect(`10.0.0.${n}`, 443, { container: `c${n}`, time: at(0.1) }),
      ),
    )
    const { kinds } = coverageReport(profile.outline(), runs, MIN)
    const of = (kind: string) => kinds.find((one) => one.kind === kind)
    expect(kinds.map(({ kind }) => kind)).toEqual([
      'exec',
      'file',
      'connect',
      'listen',
      'identity',
      'capability',
      'syscall',
    ])
    expect(of('exec')).toMatchObject({ behaviours: 1, singletons: 0 })
    expect(of('exec')?.nextContainer).toBeCloseTo(2.996 / 300, 4)
    expect(of('connect')).toMatchObject({ behaviours: 3, singletons: 3 })
    expect(of('connect')?.nextContainer).toBeCloseTo(7.754 / 300, 3)
    expect(of('file')).toMatchObject({ behaviours: 0, singletons: 0 })
    // Jobs of half a minute are no evidence for an hour.
    expect(of('exec')?.nextHour).toBe(1)
  })

  it('makes no estimate for the next container from few containers, however long they ran', () => {
    const runs = containers(1, 60 * 24 * 30)
    const profile = learned(act.exec('/bin/x', { container: 'c0', time: at(0.1) }))
    const report = coverageReport(profile.outline(), runs, MIN)
    expect(report.nextContainer).toBe(1)
    expect(report.nextHour).toBeCloseTo((2.996 / (60 * 24 * 30 - 1)) * 60, 4)
  })

  it('counts a start and an end as separate units', () => {
    const runs = containers(1, 101, { ended: true })
    const seen = (path: string, minute: number) =>
      act.file(path, ['read'], { container: 'c0', time: at(minute) })
    const profile = learned(seen('/start', 0.5), seen('/end', 100.5), seen('/middle', 50))
    const report = coverageReport(profile.outline(), runs, MIN)
    expect(report.phases).toMatchObject([
      { phase: 'start-up', seen: 1, singletons: 1 },
      { phase: 'shutdown', seen: 1, singletons: 1 },
    ])
    // Of the steady slices only the one in the middle is new: 101, without first and last.
    expect(report.nextHour).toBe(1)
    const coverage = profile.coverage(runs, MIN)
    expect(coverage).toMatchObject({ units: 99, singletons: 1 })
  })

  it('counts the restarts of a container as starts, and not as further containers', () => {
    const earlier: Stint[] = [0, 10, 20].map((minute) => ({
      from: t0 + minute * MIN,
      to: t0 + (minute + 9) * MIN,
      ended: true,
    }))
    const one = { container: 'c0', from: t0 + 30 * MIN, to: t0 + 60 * MIN, earlier }
    const start = (minute: number) =>
      act.exec('/bin/init', { container: 'c0', time: at(minute + 0.1) })
    const profile = learned(
      ...[0, 10, 20, 30].map(start),
      act.exec('/bin/once', { container: 'c0', time: at(20.2) }),
    )
    const report = coverageReport(profile.outline(), [one], MIN)
    expect(report.phases[0]).toMatchObject({ seen: 4, singletons: 1 })
    expect(report.phases[1]).toMatchObject({ seen: 3, singletons: 0 })
    expect(report.nextContainer).toBe(1)
    expect(profile.coverage([one], MIN).sentence).toContain('1 container run with 3 restarts')
  })

  it('names parts not yet observed: an end, and scheduled events beyond the observed time', () => {
    const schedules = [
      { text: '/etc/cron.d/backup: /bin/backup', periodMs: 24 * 3_600_000 },
      { text: '/etc/cron.d/poll: /bin/poll', periodMs: 300_000 },
      { text: '/etc/odd.timer' },
    ]
    const young = coverageReport([], containers(40, 120), MIN, schedules)
    expect(young.notYetSeen).toEqual([
      'a shutdown of a container',
      '/etc/cron.d/backup: /bin/backup (every 24 h; longest run observed: 2 h)',
      '/etc/odd.timer (period unknown; longest run observed: 2 h)',
    ])
    const old = coverageReport([], [run('c', 1_441, { ended: true })], MIN, schedules.slice(0, 2))
    expect(old.notYetSeen).toEqual([])
    expect(coverageReport([], [run('c', 9, { before: true })], MIN).notYetSeen).toEqual([
      'a start-up of a container',
      'a shutdown of a container',
    ])
  })

  it('leaves exec sessions out', () => {
    const session = { origin: 'exec-in', session: 's', container: 'c0', time: at(1) } as const
    const profile = learned(act.exec('/bin/sh', session))
    const [exec] = coverageReport(profile.outline(), containers(5, 10), MIN).kinds
    expect(exec).toMatchObject({ behaviours: 0, singletons: 0 })
  })

  it('never calls a kind worse known than all kinds together', () => {
    const kind = fc.constantFrom('exec', 'file', 'connect')
    const seen = fc.record({ kind, n: fc.nat(6), container: fc.nat(29), minute: fc.nat(99) })
    fc.assert(
      fc.property(fc.array(seen, { maxLength: 60 }), fc.integer({ min: 1, max: 30 }), (acts, n) => {
        const runs = containers(n, 100)
        const events = acts.map(({ kind: of, n: what, container, minute }) => {
          const where = { container: `c${container % n}`, time: at(minute) }
          if (of === 'exec') return act.exec(`/bin/${what}`, where)
          if (of === 'file') return act.file(`/etc/f${what}`, ['read'], where)
          return act.connect(`10.0.0.${what + 1}`, 443, where)
        })
        const profile = learned(...events)
        const report = coverageReport(profile.outline(), runs, MIN)
        for (const one of report.kinds) {
          expect(one.nextContainer).toBeLessThanOrEqual(report.nextContainer)
          expect(one.nextHour).toBeLessThanOrEqual(report.nextHour)
        }
        const sum = report.kinds.reduce((total, one) => total + one.singletons, 0)
        const cells = profile.entries().map(({ cells: list }) =>
          list.map(({ container, first, last }) => ({
            container,
            first: microsOf(first),
            last: microsOf(last),
          })),
        )
        const whole = coverageOf(cells, runs, MIN)
        if (whole.unitKind === 'containers') expect(sum).toBe(whole.singletons)
      }),
      { numRuns: 60 },
    )
  })

  it('reads as a sentence', () => {
    const kind = { kind: 'exec', behaviours: 3, singletons: 0, nextContainer: 0.07, nextHour: 1 }
    expect(kindText(kind as Parameters<typeof kindText>[0])).toBe(
      'exec: 3 known, new behaviour: next container ≤7 %, next hour ≤100 %',
    )
    expect(phaseText({ phase: 'shutdown', seen: 0, singletons: 0, bound: 1 })).toBe(
      'shutdown: not observed yet',
    )
  })
})

describe('the curve of novelty', () => {
  it('rises with each behaviour and ends where nothing new occurs', () => {
    const novelty = noveltyOf(
      [0, 0, 10, 500].map((n) => n * MIN),
      0,
      1_000 * MIN,
    )
    expect(novelty.points.at(0)).toEqual({ at: 0, known: 2 })
    expect(novelty.points.at(-1)).toEqual({ at: 1_000 * MIN, known: 4 })
    expect(lastRise(novelty)).toBe(500 * MIN)
    expect(sparkline(novelty, 10)).toBe('▆▆▆▆██████')
  })

  it('of nothing is nothing', () => {
    const novelty = noveltyOf([], 0, 10)
    expect(novelty.points.map(({ known }) => known)).toEqual([0, 0])
    expect(sparkline(novelty)).toBe('')
    expect(lastRise(novelty)).toBeUndefined()
  })

  it('is bounded, rises only, ends at all that is known, and does not depend on order', () => {
    const times = fc.array(fc.nat(1_000_000), { maxLength: 500 })
    fc.assert(
      fc.property(times, fc.nat(1_000_000), fc.nat(1_000_000), (firsts, a, b) => {
        const novelty = noveltyOf(firsts, Math.min(a, b), Math.max(a, b))
        expect(novelty.points.length).toBeLessThanOrEqual(pointsKept + 2)
        expect(novelty.points.at(-1)?.known).toBe(firsts.length)
        for (const [index, point] of novelty.points.entries()) {
          const before = novelty.points[index - 1]
          if (before !== undefined) {
            expect(point.at).toBeGreaterThanOrEqual(before.at)
            expect(point.known).toBeGreaterThanOrEqual(before.known)
          }
          expect(firsts.filter((first) => first <= point.at).length).toBe(point.known)
        }
        expect(noveltyOf([...firsts].reverse(), Math.min(a, b), Math.max(a, b))).toEqual(novelty)
      }),
      { numRuns: 200 },
    )
  })
})
