import { describe, expect, it } from 'vitest'
import { microsOf } from '../../../src/core/event/time.ts'
import type { Run } from '../../../src/state/versions/deployed-version.ts'
import { LossLedger } from '../../../src/state/versions/loss-ledger.ts'
import { watchedRuns } from '../../../src/state/versions/watched-runs.ts'

const at = (minute: number): string => new Date(1_700_000_000_000 + minute * 60_000).toISOString()
const nowMs = Date.parse(at(1_000))

function versionWith(run: Run): { readonly runs: Map<string, Run>; readonly losses: LossLedger } {
  return { runs: new Map([[run.container, run]]), losses: new LossLedger() }
}

function spansOf(version: ReturnType<typeof versionWith>, nowAt = nowMs): unknown {
  return watchedRuns(version, nowAt, 'n1').map(({ earlier = [], from, to, ended }) => {
    return { parts: [...earlier, { from, to }].map((one) => [one.from, one.to]), ended }
  })
}

const micros = (minute: number): number => microsOf(at(minute))

describe('observed runs', () => {
  it('go on until now while the container runs, and then end', () => {
    const version = versionWith({ container: 'c1', from: at(0), before: false })
    expect(spansOf(version, Date.parse(at(5)))).toEqual([
      { parts: [[micros(0), micros(5)]], ended: false },
    ])
    expect(spansOf(version, Date.parse(at(9)))).toEqual([
      { parts: [[micros(0), micros(9)]], ended: false },
    ])
    const [run] = version.runs.values()
    if (run !== undefined) run.to = at(10)
    expect(spansOf(version)).toEqual([{ parts: [[micros(0), micros(10)]], ended: true }])
    if (run !== undefined) run.endUnseen = true
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
})
