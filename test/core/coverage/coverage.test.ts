import { describe, expect, it } from 'vitest'
import {
  type CellSpan,
  type ContainerRun,
  coverageOf,
  poissonUpper95,
  sliceMicrosFor,
} from '../../../src/core/coverage/coverage.ts'
import { microsOf } from '../../../src/core/event/time.ts'
import { act, learned } from '../../fixtures/event-fixture.ts'

const MIN = 60_000_000

const run = (
  container: string,
  minutes: number,
  more: Partial<ContainerRun> = {},
): ContainerRun => ({
  container,
  from: 0,
  to: minutes * MIN,
  ...more,
})
const span = (container: string, first: number, last = first): CellSpan => ({
  container,
  first: first * MIN,
  last: last * MIN,
})

describe('poissonUpper95', () => {
  // From the table of chi-square: half of its 95 % quantile at 2(n+1) degrees of freedom.
  it.each([
    [0, 2.996],
    [1, 4.744],
    [2, 6.296],
    [5, 10.513],
    [10, 16.962],
    [100, 118.079],
  ])('of %i is %f', (count, limit) => expect(poissonUpper95(count)).toBeCloseTo(limit, 2))

  it('does not jump where it changes its method', () => {
    expect(poissonUpper95(201) - poissonUpper95(200)).toBeCloseTo(
      poissonUpper95(200) - poissonUpper95(199),
      1,
    )
  })
})

describe('coverage', () => {
  it('by container runs: three over n while no behaviour was observed only once', () => {
    const runs = Array.from({ length: 300 }, (_, i) => run(`c${i}`, 0.5))
    const all = runs.map((one) => span(one.container, 0.1))
    expect(coverageOf([all, all], runs, MIN)).toMatchObject({
      units: 300,
      unitKind: 'containers',
      singletons: 0,
      unseen: 0,
    })
    expect(coverageOf([all], runs, MIN).bound).toBeCloseTo(2.996 / 300, 4)
    expect(coverageOf([all], runs, MIN).sentence).toBe(
      '300 container runs: the next one does something new with a chance of at most 1 %',
    )
  })

  it('by container runs: singletons over n, on several nodes', () => {
    const runs = Array.from({ length: 40 }, (_, i) => run(`c${i}`, 0.5, { node: `n${i % 5}` }))
    const all = runs.map((one) => span(one.container, 0.1))
    const coverage = coverageOf([all, [span('c1', 0.1)], [span('c2', 0.1)]], runs, MIN)
    expect(coverage).toMatchObject({ units: 40, singletons: 2, unseen: 0.05 })
    expect(coverage.bound).toBeCloseTo(6.296 / 40, 4)
    expect(coverage.sentence).toBe(
      '40 container runs on 5 nodes: the next one does something new with a chance of at most 16 %',
    )
  })

  it('by slices in one long run: its start is no singleton, one late event is', () => {
    const runs = [run('c1', 101)]
    const atStart = [span('c1', 0.5)]
    const always = [span('c1', 0.5, 100)]
    expect(coverageOf([atStart, always], runs, MIN)).toMatchObject({
      units: 100,
      unitKind: 'slices',
      singletons: 0,
    })
    const late = coverageOf([atStart, always, [span('c1', 50)]], runs, MIN)
    expect(late).toMatchObject({ singletons: 1, unseen: 0.01 })
    expect(late.bound).toBeCloseTo(0.04744, 4)
    expect(late.sentence).toBe(
      '1 container run in 100 slices of 1 min: the next slice shows something new with a chance of at most 4.8 %; 1 start is too few to estimate the next one',
    )
  })

  it('takes the more pessimistic estimate where both have enough data', () => {
    const runs = Array.from({ length: 20 }, (_, i) => run(`c${i}`, 101))
    const all = runs.map((one) => span(one.container, 0.1, 100))
    expect(coverageOf([all], runs, MIN)).toMatchObject({ units: 20, unitKind: 'containers' })
    const short = Array.from({ length: 100 }, (_, i) => run(`c${i}`, i === 0 ? 31 : 0.1))
    const quick = short.map((one) => span(one.container, 0.01))
    expect(coverageOf([quick], short, MIN)).toMatchObject({ units: 30, unitKind: 'slices' })
  })

  it('is unknown without data', () => {
    expect(coverageOf([], [], MIN)).toMatchObject({ units: 0, unseen: 1, bound: 1 })
    expect(coverageOf([], [], MIN).sentence).toBe(
      '0 container runs are not enough to estimate coverage',
    )
  })

  it('reports that no start was observed where all containers ran before', () => {
    expect(coverageOf([], [run('c1', 50, { before: true })], MIN).sentence).toMatch(
      /no container start was observed/,
    )
  })

  it('is read off a profile, without its exec sessions', () => {
    const time = '2026-11-24T13:00:00Z'
    const profile = learned(
      act.file('/a', ['read'], { container: 'c1', time }),
      act.exec('/bin/sh', {
        container: 'c1',
        origin: 'exec-in',
        session: 's',
        time: '2026-11-24T13:30:00Z',
      }),
    )
    const from = microsOf(time)
    expect(profile.coverage([{ container: 'c1', from, to: from + 61 * MIN }], MIN)).toMatchObject({
      units: 60,
      singletons: 0,
    })
  })

  it('cuts short windows finer', () => {
    expect(sliceMicrosFor(20_000)).toBe(1_000_000)
    expect(sliceMicrosFor(600_000)).toBe(30_000_000)
    expect(sliceMicrosFor(3_600_000)).toBe(60_000_000)
  })
})
