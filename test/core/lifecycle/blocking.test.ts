import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SnugError } from '../../../src/errors.ts'
import { behaviourKinds } from '../../../src/core/event/event-words.ts'
import {
  breakGlass,
  canariesAmong,
  defaultBlockRules,
  disarm,
  endBreakGlass,
  enforcementOf,
  longestBreakGlassMs,
  settleBlocking,
} from '../../../src/core/lifecycle/blocking.ts'
import {
  advance,
  type LearnRules,
  setMode,
  startVersion,
  type Version,
  type WindowEvidence,
} from '../../../src/core/lifecycle/version.ts'
import { cases } from '../../fixtures/random-cases.ts'

const all = { budget: 100, kinds: behaviourKinds }
const HOUR = 3_600_000
const MINUTE = 60_000
const rules: LearnRules = { floorMs: HOUR, ceilingMs: 24 * HOUR, unseen: 0.01, after: 'alert' }
const toBlock: LearnRules = { ...rules, after: 'block' }
const good: WindowEvidence = {
  coverage: {
    units: 300,
    unitKind: 'containers',
    singletons: 0,
    unseen: 0,
    bound: 0.009,
    sentence: '300 container runs',
  },
  lost: 0,
  startSeen: true,
}
const poor: WindowEvidence = { ...good, startSeen: false }
const alerting = advance(startVersion('sha256:aa', 0), good, rules, HOUR).version
const since = 2 * HOUR

function blocking(choice?: { fraction?: number; forMs?: number }, of = rules): Version {
  return setMode(alerting, 'block', good, of, since, 'cli:root', choice).version
}

function code(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    return error instanceof SnugError ? error.code : String(error)
  }
  return 'done'
}

describe('blocking begins', () => {
  it('in a tenth of the containers for ten minutes by default', () => {
    const version = blocking()
    expect(version.blocking).toEqual({
      since,
      canary: { fraction: 0.1, until: since + 10 * MINUTE },
    })
    expect(version.because).toBe(
      'cli:root set mode block: in 10 % of its containers (at least one) for the first 10 min',
    )
  })

  it('as the rules or the person set it, in all containers where they choose so', () => {
    const block = { ...defaultBlockRules, canary: 0.5, canaryForMs: HOUR }
    expect(blocking(undefined, { ...rules, block }).blocking?.canary).toEqual({
      fraction: 0.5,
      until: since + HOUR,
    })
    expect(
      blocking({ fraction: 0.2, forMs: MINUTE }, { ...rules, block }).blocking?.canary,
    ).toEqual({ fraction: 0.2, until: since + MINUTE })
    expect(blocking({ fraction: 1 }).blocking).toEqual({ since })
  })

  it('by itself with a canary too', () => {
    const version = advance(alerting, good, toBlock, since).version
    expect(version).toMatchObject({ mode: 'block', blocking: { since, canary: { fraction: 0.1 } } })
    expect(version.because).toMatch(/^alerted for 60 min: blocking in 10 %/)
  })

  it('continues in all containers once the canary has ended', () => {
    const version = blocking()
    expect(settleBlocking(version, since + 10 * MINUTE - 1)).toBe(version)
    const all = advance(version, good, rules, since + 10 * MINUTE).version
    expect(all.blocking).toEqual({ since })
    expect(all.because).toBe('the canary period ended without a fault: blocking in all containers')
  })

  it('not by itself again where a person took it back', () => {
    const back = setMode(blocking(), 'alert', good, toBlock, 3 * HOUR, 'cli:root').version
    expect(back).toMatchObject({ state: 'enforced', mode: 'alert', alertingSince: 3 * HOUR })
    expect(back.blocking).toBeUndefined()
    expect(advance(back, good, toBlock, 99 * HOUR).version.mode).toBe('alert')
    const again = setMode(back, 'block', good, toBlock, 99 * HOUR, 'cli:root').version
    expect(again.mode).toBe('block')
    expect(again.heldBack).toBeUndefined()
  })
})

describe('a version whose budget is spent', () => {
  const disarmed = disarm(blocking(), all, since + MINUTE)

  it('stays in mode block, only alerts and gives the reason', () => {
    expect(disarmed.mode).toBe('block')
    expect(disarmed.because).toMatch(
      /^blocking disarmed itself for exec, .*: more than 100 actions were stopped/,
    )
    expect(enforcementOf(disarmed, 100)).toEqual({ mode: 'alert', budget: 100 })
    expect(disarm(disarmed, all, since + HOUR)).toBe(disarmed)
  })

  it('goes on blocking the kinds that did not spend it', () => {
    const some = disarm(blocking(), { budget: 100, kinds: ['file'] }, since + MINUTE)
    expect(some.because).toMatch(/^blocking disarmed itself for file: /)
    expect(enforcementOf(some, 100)).toEqual({ mode: 'block', budget: 100, except: ['file'] })
    const more = disarm(some, { budget: 100, kinds: ['connect'] }, since + HOUR)
    expect(more.blocking).toMatchObject({
      disarmedAt: since + MINUTE,
      disarmed: behaviourKinds.filter((kind) => kind === 'connect' || kind === 'file'),
    })
    expect(disarm(more, { budget: 100, kinds: ['file'] }, since + HOUR)).toBe(more)
    expect(enforcementOf(disarm(more, all, since + HOUR), 100)?.mode).toBe('alert')
  })

  it('is not widened to all containers by the end of its canary', () => {
    const later = settleBlocking(disarmed, since + HOUR)
    expect(later.blocking?.canary).toBeDefined()
    expect(enforcementOf(later, 100)?.mode).toBe('alert')
  })

  it('is armed again by a person, from its canary on, however the evidence is by now', () => {
    const at = since + HOUR
    const armed = setMode(disarmed, 'block', poor, rules, at, 'cli:root').version
    expect(armed.blocking).toEqual({
      since: at,
      canary: { fraction: 0.1, until: at + 10 * MINUTE },
    })
    expect(enforcementOf(armed, 100)?.mode).toBe('block')
  })

  it('is not made of one that does not block', () => {
    expect(disarm(alerting, all, since)).toBe(alerting)
  })
})

describe('break-glass', () => {
  const order = { forMs: 15 * MINUTE, reason: 'the shop is down', who: 'cli:root' }
  const broken = breakGlass(blocking(), order, since)

  it('has the kernel pause until its end, and ends by itself', () => {
    const until = since + 15 * MINUTE
    expect(enforcementOf(broken, 100)).toEqual({ mode: 'block', budget: 100, pausedUntil: until })
    expect(settleBlocking(broken, until - 1).breakGlass).toBeDefined()
    const over = settleBlocking(broken, until)
    expect(over.breakGlass).toBeUndefined()
    expect(over.because).toBe('break-glass ended: blocking resumed')
    expect(enforcementOf(over, 100)).toEqual({ mode: 'block', budget: 100 })
  })

  it('is ended by a person, and goes with mode block', () => {
    expect(endBreakGlass(broken, 'cli:root').breakGlass).toBeUndefined()
    expect(setMode(broken, 'alert', good, rules, since, 'me').version.breakGlass).toBeUndefined()
    expect(setMode(broken, 'learn', good, rules, since, 'me').version.breakGlass).toBeUndefined()
  })

  it('is only for a blocking version, and not for days', () => {
    expect(code(() => breakGlass(alerting, order, since))).toBe('MODE_REFUSED')
    const long = { ...order, forMs: longestBreakGlassMs + 1 }
    expect(code(() => breakGlass(blocking(), long, since))).toBe('DECISION_INVALID')
    expect(code(() => breakGlass(blocking(), { ...order, forMs: 0 }, since))).toBe(
      'DECISION_INVALID',
    )
    expect(
      code(() => breakGlass(blocking(), { ...order, forMs: longestBreakGlassMs }, since)),
    ).toBe('done')
  })
})

describe('the canaries', () => {
  const ids = (count: number) =>
    Array.from({ length: count }, (_, i) => i.toString(16).padStart(64, '0'))
  const canary = { fraction: 0.1, until: 0 }

  it('are one where there are few containers, none where there is none', () => {
    for (const count of [1, 2, 3]) {
      expect(canariesAmong(ids(count), { ...canary, fraction: 0.0001 }).size).toBe(1)
    }
    expect(canariesAmong([], canary).size).toBe(0)
  })

  it('are about the configured share', () => {
    const { size } = canariesAmong(ids(2_000), canary)
    expect(size).toBeGreaterThan(150)
    expect(size).toBeLessThan(250)
  })

  it('are the same in any order, and stay when others start', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat({ max: 1_000_000 }).map(String), { minLength: 1 }),
        fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        fc.constantFrom('late-1', 'late-2', 'late-3'),
        (containers, fraction, late) => {
          const before = canariesAmong(containers, { fraction, until: 0 })
          const mixed = canariesAmong([...containers].reverse(), { fraction, until: 0 })
          expect(new Set(mixed)).toEqual(new Set(before))
          expect(before.size).toBeGreaterThanOrEqual(1)
          const after = canariesAmong([...containers, late], { fraction, until: 0 })
          // Only the container that was chosen for want of any other may be replaced.
          const relieved = [...before].filter((id) => !after.has(id))
          expect(relieved.length).toBeLessThanOrEqual(before.size === 1 ? 1 : 0)
        },
      ),
    )
  })
})

describe('a version after any sequence of events', () => {
  const step = fc.record({
    wait: fc.constantFrom(0, 1, 60, 200, 1_000),
    evidence: fc.constantFrom(good, good, good, poor),
    what: fc.constantFrom(
      'advance',
      'advance',
      'learn',
      'alert',
      'block',
      'disarm',
      'glass',
      'end-glass',
    ),
  })
  const short: LearnRules = {
    floorMs: 100,
    ceilingMs: 1_000,
    unseen: 0.5,
    after: 'block',
    block: { ...defaultBlockRules, canaryForMs: 150, budget: 5 },
  }

  function apply(version: Version, what: string, evidence: WindowEvidence, now: number): Version {
    switch (what) {
      case 'advance':
        return advance(version, evidence, short, now).version
      case 'disarm':
        return disarm(version, { budget: 5, kinds: behaviourKinds }, now)
      case 'glass':
        return breakGlass(version, { forMs: 120, reason: 'r', who: 'me' }, now)
      case 'end-glass':
        return endBreakGlass(version, 'me')
      default:
        return setMode(version, what as 'learn', evidence, short, now, 'me').version
    }
  }

  it('blocks only armed, in mode block, with canary first, and drops its blocking state afterwards', () => {
    let blocked = 0
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let version = startVersion('sha256:aa', 0)
        let now = 0
        for (const { wait, evidence, what } of steps) {
          now += wait
          const before = version
          try {
            version = apply(before, what, evidence, now)
          } catch (error) {
            expect(error).toBeInstanceOf(SnugError)
          }
          const enforcement = enforcementOf(version, 5)
          expect(enforcement === undefined).toBe(
            version.state === 'learning' || version.mode === 'learn',
          )
          if (version.mode !== 'block') {
            expect(version.blocking).toBeUndefined()
            expect(version.breakGlass).toBeUndefined()
            if (enforcement !== undefined) expect(enforcement.mode).toBe('alert')
            continue
          }
          blocked += 1
          expect(version.state).toBe('enforced')
          expect(version.holes).toBeUndefined()
          expect(enforcement?.mode === 'block').toBe(version.blocking?.disarmedAt === undefined)
          if (before.mode !== 'block') expect(version.blocking?.canary).toBeDefined()
          // Only a decision of a person arms blocking again.
          if (before.blocking?.disarmedAt !== undefined && enforcement?.mode === 'block') {
            expect(what).toBe('block')
          }
          // A canary ends only with time, or when a person arms blocking again.
          const canary = before.blocking?.canary
          if (canary !== undefined && version.blocking?.canary === undefined) {
            expect(now).toBeGreaterThanOrEqual(canary.until)
          }
        }
      }),
      { numRuns: cases(3_000) },
    )
    expect(blocked).toBeGreaterThan(cases(100))
    expect(defaultBlockRules).toEqual({
      canary: 0.1,
      canaryForMs: 600_000,
      budget: 100,
      from: 'medium',
    })
  })
})
