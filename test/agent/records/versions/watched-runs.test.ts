import { describe, expect, it } from 'vitest'
import { microsOf } from '../../../../src/core/event/time.ts'
import { LossLedger } from '../../../../src/agent/records/versions/loss-ledger.ts'
import { type Run, Runs } from '../../../../src/agent/records/versions/runs.ts'
import { watchedRuns } from '../../../../src/agent/records/versions/watched-runs.ts'

const at = (minute: number): string => new Date(1_700_000_000_000 + minute * 60_000).toISOString()
const nowMs = Date.parse(at(1_000))

function versionWith(run: Run): { readonly runs: Runs; readonly losses: LossLedger } {
  return { runs: new Runs().set(run.container, run), losses: new LossLedger() }
}

function spansOf(version: ReturnType<typeof versionWith>, nowAt = nowMs): unknown {
  return watchedRuns(version, nowAt, 'n1').map(({ earlier = [], from, to, ended }) => {
    return { parts: [...earlier, { from, to }].map((one) => [one.from, one.to]), ended }
  })
}

const micros = (minute: number): number => microsOf(at(minute))

describe('observed runs', () => {
  it('go on until now while the container runs, and then end', () => {
    const run = { container: 'c1', from: at(0), before: false }
    const version = versionWith(run)
    expect(spansOf(version, Date.parse(at(5)))).toEqual([
      { parts: [[micros(0), micros(5)]], ended: false },
    ])
    expect(spansOf(version, Date.parse(at(9)))).toEqual([
      { parts: [[micros(0), micros(9)]], ended: false },
    ])
    version.runs.set('c1', { ...run, to: at(10) })
    expect(spansOf(version)).toEqual([{ parts: [[micros(0), micros(10)]], ended: true }])
    version.runs.set('c1', { ...run, to: at(10), endUnseen: true })
    expect(spansOf(version)).toEqual([{ parts: [[micros(0), micros(10)]], ended: false }])
  })

  it('of containers that ended lack the gaps that became known later', () => {
    const version = versionWith({ container: 'c1', from: at(0), to: at(10), before: false })
    expect(spansOf(version)).toEqual([{ parts: [[micros(0), micros(10)]], ended: true }])
    version.losses.add({ reason: 'sensor-gap', count: 0, from: at(4), to: at(6) })
    const cut = [
      [micros(0), micros(4)],
      [micros(6), micros(10)],
    ]
    expect(spansOf(version)).toEqual([{ parts: cut, ended: true }])
    version.losses.load([])
    expect(spansOf(version)).toEqual([{ parts: [[micros(0), micros(10)]], ended: true }])
  })

  it('of a version are the same while no container runs, and follow each that comes, goes or ends', () => {
    const first = { container: 'c1', from: at(0), to: at(10), before: false }
    const version = versionWith(first)
    const before = watchedRuns(version, nowMs, 'n1')
    expect(watchedRuns(version, nowMs + 1, 'n1')).toBe(before)
    version.runs.set('c2', { container: 'c2', from: at(20), before: true })
    expect(version.runs.counts).toMatchObject({ running: 1, before: 1 })
    const parts = (): unknown => spansOf(version, Date.parse(at(30)))
    expect(parts()).toMatchObject([{ ended: true }, { ended: false }])
    version.runs.set('c2', { container: 'c2', from: at(20), to: at(25), before: true })
    expect(version.runs.counts).toMatchObject({ running: 0, before: 0 })
    expect(parts()).toMatchObject([{ ended: true }, { parts: [[micros(20), micros(25)]] }])
    version.runs.delete('c1')
    expect(parts()).toMatchObject([{ parts: [[micros(20), micros(25)]] }])
  })

  it('are looked at once for each run that ended, whatever comes and goes around it', () => {
    const version = { runs: new Runs(), losses: new LossLedger() }
    const start = (id: string, minute: number): void => {
      version.runs.set(id, { container: id, from: at(minute), before: false })
    }
    const end = (id: string, minute: number): void => {
      const run = version.runs.get(id)
      if (run !== undefined) version.runs.set(id, { ...run, to: at(minute) })
    }
    const ends = (): readonly (readonly [string, number])[] =>
      watchedRuns(version, Date.parse(at(90)), 'n1').map(({ container, to }) => [container, to])
    for (const [minute, id] of ['c1', 'c2', 'c3', 'c4'].entries()) start(id, minute)
    for (const id of ['c2', 'c3']) end(id, 10)
    expect(ends()).toEqual([
      ['c1', micros(90)],
      ['c2', micros(10)],
      ['c3', micros(10)],
      ['c4', micros(90)],
    ])
    const [, second, third] = watchedRuns(version, nowMs, 'n1')
    version.runs.delete('c1')
    end('c4', 20)
    start('c5', 30)
    const found = watchedRuns(version, nowMs, 'n1')
    expect(found.map(({ container }) => container)).toEqual(['c2', 'c3', 'c4', 'c5'])
    expect(found[0]).toBe(second)
    expect(found[1]).toBe(third)
    // The same container once more: it is behind the others now.
    version.runs.delete('c3')
    start('c3', 40)
    end('c3', 50)
    expect(ends()).toEqual([
      ['c2', micros(10)],
      ['c4', micros(20)],
      ['c5', micros(90)],
      ['c3', micros(50)],
    ])
  })
})
