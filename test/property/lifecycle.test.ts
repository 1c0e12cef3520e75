import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SnugError } from '../../src/errors.ts'
import {
  advance,
  approveVersion,
  endLearning,
  type LearnRules,
  setMode,
  startVersion,
  type Step,
  type Version,
  type WindowEvidence,
} from '../../src/core/lifecycle/version.ts'
import { cases } from '../fixtures/random-cases.ts'

const rules: fc.Arbitrary<LearnRules> = fc.record({
  floorMs: fc.constantFrom(10, 100),
  ceilingMs: fc.constantFrom(100, 500),
  unseen: fc.constantFrom(0.01, 0.5),
  after: fc.constantFrom('review', 'alert', 'block'),
})

const evidence: fc.Arbitrary<WindowEvidence> = fc
  .record({
    bound: fc.constantFrom(0.001, 0.001, 0.3, 1),
    loss: fc.constantFrom(undefined, undefined, 0, 5),
    startSeen: fc.constantFrom(true, true, true, false),
  })
  .map(({ bound, loss, startSeen }) => ({
    coverage: { units: 9, unitKind: 'slices', singletons: 0, unseen: 0, bound, sentence: 's' },
    lost: loss === undefined ? 0 : 1,
    ...(loss === undefined ? {} : { lastLossMs: loss }),
    startSeen,
  }))

const step = fc.record({
  wait: fc.constantFrom(0, 1, 60, 200),
  evidence,
  what: fc.constantFrom(
    'advance',
    'advance',
    'advance',
    'end',
    'approve',
    'learn',
    'alert',
    'block',
  ),
})

function apply(
  version: Version,
  { what, evidence }: { what: string; evidence: WindowEvidence },
  rules: LearnRules,
  now: number,
): Step {
  try {
    if (what === 'end') return endLearning(version, evidence, rules, now, 'me')
    if (what === 'approve') return approveVersion(version, now, 'me')
    if (what === 'learn' || what === 'alert' || what === 'block') {
      return setMode(version, what, evidence, rules, now, 'me')
    }
    return advance(version, evidence, rules, now)
  } catch (error) {
    expect(error).toBeInstanceOf(SnugError)
    return { version, transitions: [] }
  }
}

describe('the life of a version', () => {
  it('has no way from learning to blocking but through every gate', () => {
    let blocked = 0
    fc.assert(
      fc.property(rules, fc.array(step, { maxLength: 25 }), (rules, steps) => {
        let version = startVersion('sha256:aa', 0)
        let now = 0
        let alertingFor = 0
        for (const one of steps) {
          now += one.wait
          if (version.mode === 'alert' && version.state === 'enforced') alertingFor += one.wait
          const before = version
          const { version: after, transitions } = apply(before, one, rules, now)
          if (after.mode === 'block' && before.mode !== 'block') {
            blocked += 1
            expect(before).toMatchObject({ state: 'enforced', mode: 'alert' })
            expect(before.holes).toBeUndefined()
            expect(alertingFor).toBeGreaterThanOrEqual(rules.floorMs)
            expect(one.evidence.coverage.bound).toBeLessThanOrEqual(rules.unseen)
            expect(one.evidence.startSeen).toBe(true)
          }
          // Every change is reported with a reason, and every report is of a change.
          const moved = after.state !== before.state || after.mode !== before.mode
          expect(transitions.length).toBe(moved ? 1 : 0)
          if (after.mode === 'block') expect(after.state).toBe('enforced')
          if (after.state === 'learning') expect(after.mode).toBe('learn')
          if (after.state === 'incomplete') expect(after.holes).toBeDefined()
          if (!(after.mode === 'alert' && after.state === 'enforced')) alertingFor = 0
          version = after
        }
      }),
      { numRuns: cases(3000) },
    )
    expect(blocked).toBeGreaterThan(cases(10))
  })

  it('stays where it is when nothing is new', () => {
    fc.assert(
      fc.property(rules, evidence, fc.nat({ max: 600 }), (rules, evidence, now) => {
        const once = advance(startVersion('sha256:aa', 0), evidence, rules, now)
        const twice = advance(once.version, evidence, rules, now)
        expect(twice).toEqual({ version: once.version, transitions: [] })
      }),
    )
  })
})
