import { describe, expect, it } from 'vitest'
import { SnugError } from '../../../src/errors.ts'
import {
  advance,
  approveVersion,
  endLearning,
  type LearnRules,
  setMode,
  startVersion,
  type WindowEvidence,
} from '../../../src/core/lifecycle/version.ts'

const HOUR = 3_600_000
const rules: LearnRules = { floorMs: HOUR, ceilingMs: 24 * HOUR, unseen: 0.01, after: 'alert' }
const sentence = '300 container runs: the next one does something new with a chance of at most 1 %'

function evidence(bound: number, more: Partial<WindowEvidence> = {}): WindowEvidence {
  const coverage = {
    units: 300,
    unitKind: 'containers',
    singletons: 0,
    unseen: 0,
    bound,
    sentence,
  } as const
  return { coverage, lost: 0, startSeen: true, ...more }
}
const good = evidence(0.009)
const poor = evidence(0.2)
const first = startVersion('sha256:aa', 0)

describe('a window', () => {
  it('does not end before its floor, however good the coverage', () => {
    const { version, transitions } = advance(first, good, rules, HOUR - 1)
    expect(version.state).toBe('learning')
    expect(version.because).toBe(`learning for 60 min, at least 60 min: ${sentence}`)
    expect(transitions).toEqual([])
  })

  it('ends on coverage and reports the transition with its reason', () => {
    const { version, transitions } = advance(first, good, rules, HOUR)
    expect(version).toMatchObject({ state: 'enforced', mode: 'alert', learnedAt: HOUR })
    expect(transitions).toEqual([
      {
        from: { state: 'learning', mode: 'learn' },
        to: { state: 'enforced', mode: 'alert' },
        atMs: HOUR,
        because: `learned in 60 min: ${sentence}`,
      },
    ])
  })

  it('waits for review where that is configured', () => {
    const { version } = advance(first, good, { ...rules, after: 'review' }, HOUR)
    expect(version).toMatchObject({ state: 'review', mode: 'learn' })
    expect(approveVersion(version, HOUR, 'cli:root').version).toMatchObject({
      state: 'enforced',
      mode: 'alert',
    })
  })

  it('continues between floor and ceiling while the bound is above the required one', () => {
    const { version } = advance(first, poor, rules, 5 * HOUR)
    expect(version.state).toBe('learning')
    expect(version.because).toMatch(/; the limit is 1 %$/)
  })

  it('ends as incomplete at the ceiling, alerts and names the missing evidence', () => {
    const { version } = advance(first, poor, rules, 24 * HOUR)
    expect(version).toMatchObject({ state: 'incomplete', mode: 'alert' })
    expect(version.holes).toMatch(/; the limit is 1 %$/)
    expect(version.because).toMatch(/^the learning window ended after 24 h: /)
  })

  it('ends as complete at the ceiling where the evidence is good', () => {
    expect(advance(first, good, rules, 30 * HOUR).version.state).toBe('enforced')
  })

  it('never ends by itself while a container is blind, and a person’s end is incomplete', () => {
    const blind = evidence(0.009, { blind: '1 of 2 running containers is blind' })
    for (const age of [HOUR, 24 * HOUR, 1_000 * HOUR]) {
      const { version } = advance(first, blind, rules, age)
      expect(version.state).toBe('learning')
      expect(version.because).toContain('until no container is blind: 1 of 2 running')
    }
    expect(endLearning(first, blind, rules, 2 * HOUR, 'ann').version).toMatchObject({
      state: 'incomplete',
      holes: '1 of 2 running containers is blind',
    })
  })

  it('waits a floor of clean time after a loss', () => {
    const lossy = evidence(0.009, { lost: 7, lastLossMs: 2 * HOUR })
    const waiting = advance(first, lossy, rules, 2.5 * HOUR)
    expect(waiting.version.because).toMatch(/7 events were lost, the last 30 min ago$/)
    expect(advance(first, lossy, rules, 3 * HOUR).version.state).toBe('enforced')
    const always = evidence(0.009, { lost: 7, lastLossMs: 23.9 * HOUR })
    expect(advance(first, always, rules, 24 * HOUR).version.holes).toMatch(/7 events were lost/)
  })

  it('is not complete where no container was observed from its start', () => {
    const unseen = evidence(0.009, { startSeen: false })
    expect(advance(first, unseen, rules, 2 * HOUR).version.state).toBe('learning')
    expect(advance(first, unseen, rules, 24 * HOUR).version).toMatchObject({
      state: 'incomplete',
      holes: 'no container start was observed: restart a container',
    })
  })
})

describe('a person', () => {
  it('may end the window early, and the profile then names the missing evidence', () => {
    const { version } = endLearning(first, poor, rules, 1000, 'cli:root')
    expect(version).toMatchObject({ state: 'incomplete', mode: 'alert' })
    expect(version.because).toMatch(/^cli:root ended the learning window after 1 s: /)
    expect(endLearning(first, good, rules, 1000, 'cli:root').version.state).toBe('enforced')
  })

  it('may set alert at once, or go back to learning', () => {
    const alerting = setMode(first, 'alert', poor, rules, 1000, 'cli:root').version
    expect(alerting).toMatchObject({ state: 'incomplete', mode: 'alert' })
    const again = setMode(alerting, 'learn', poor, rules, 2000, 'cli:root').version
    expect(again).toMatchObject({ state: 'learning', mode: 'learn', learningSince: 2000 })
    expect(again.holes).toBeUndefined()
  })

  it('may not block a version that has not alerted long enough or has losses', () => {
    const enforced = advance(first, good, rules, HOUR).version
    const refused = (work: () => unknown) => {
      try {
        work()
      } catch (error) {
        return error instanceof SnugError ? `${error.code}: ${error.message}` : String(error)
      }
      return 'allowed'
    }
    expect(refused(() => setMode(first, 'block', good, rules, HOUR, 'me'))).toMatch(
      /^MODE_REFUSED: .*learning, not enforced/,
    )
    expect(refused(() => setMode(enforced, 'block', good, rules, HOUR + 1, 'me'))).toMatch(
      /the minimum is 60 min/,
    )
    expect(refused(() => setMode(enforced, 'block', good, rules, 2 * HOUR, 'me'))).toBe('allowed')
    const forced = approveVersion(first, 1000, 'me').version
    expect(forced).toMatchObject({ state: 'enforced', mode: 'alert' })
    expect(refused(() => setMode(forced, 'block', good, rules, 9 * HOUR, 'me'))).toMatch(
      /has holes/,
    )
  })
})

describe('blocking', () => {
  it('starts by itself only where configured, after a minimum time of alerting', () => {
    const toBlock = { ...rules, after: 'block' } as const
    const enforced = advance(first, good, toBlock, HOUR).version
    expect(enforced.mode).toBe('alert')
    expect(advance(enforced, good, toBlock, 1.9 * HOUR).version.mode).toBe('alert')
    expect(advance(enforced, good, toBlock, 2 * HOUR).version.mode).toBe('block')
    expect(advance(enforced, good, rules, 99 * HOUR).version.mode).toBe('alert')
    expect(advance(enforced, poor, toBlock, 99 * HOUR).version.mode).toBe('alert')
  })
})
