import { describe, expect, it } from 'vitest'
import { microsOf } from '../../../src/core/event/time.ts'
import { LossLedger } from '../../../src/state/versions/loss-ledger.ts'
import { type Run, Runs } from '../../../src/state/versions/runs.ts'
import { watchedRuns } from '../../../src/state/versions/watched-runs.ts'

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
})
