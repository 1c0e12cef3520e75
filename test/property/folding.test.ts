import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ActEvent } from '../../src/core/event/event.ts'
import { containersApart } from '../../src/core/profile/evidence.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import type { ProfileEntry } from '../../src/core/profile/profile-entry.ts'
import { finish } from '../../src/core/steps.ts'
import type { ContainerRun } from '../../src/core/coverage/coverage.ts'
import { act, feed, shaper, verdictOn } from '../fixtures/event-fixture.ts'
import { cases } from '../fixtures/random-cases.ts'
import { StoredCopy, storedEntries } from '../fixtures/stored-copy.ts'

const minute = 60_000_000
const from = Date.parse('2026-11-24T00:00:00Z') * 1_000

interface Step {
  readonly container: number
  readonly act: number
  readonly origin: 'entrypoint' | 'probe' | 'exec-in'
  readonly session: number
}

const step: fc.Arbitrary<Step> = fc.record({
  container: fc.nat({ max: 30 }),
  act: fc.nat({ max: 11 }),
  origin: fc.constantFrom('entrypoint', 'entrypoint', 'entrypoint', 'probe', 'exec-in'),
  session: fc.nat({ max: 6 }),
})

function timeOf(minutes: number): string {
  return `${new Date((from + minutes * minute) / 1_000).toISOString().slice(0, 19)}.000000Z`
}

/** Every container runs for a few minutes; the next one starts ten minutes later. */
function eventOf({ container, act: what, origin, session }: Step, n: number): ActEvent {
  const id = `c${container}`
  const where = {
    container: id,
    origin,
    time: timeOf(container * 10 + (n % 4)),
    ...(origin === 'exec-in' ? { session: `s${container}-${session}` } : {}),
  }
  switch (what) {
    case 0:
      return act.exec('/usr/bin/tool', where)
    case 1:
      return act.connect('10.0.0.1', 443, where)
    // Patterns: each container has a name of its own.
    case 2:
    case 3:
      return act.file(`/srv/data/${uuid(container * 7 + n)}`, ['read'], where)
    case 4:
      return act.file(`/tmp/job-${uuid(n % 3)}/out`, ['create'], where)
    // A guardrail fires.
    case 5:
      return act.file('/etc/shadow', ['read'], where)
    default:
      return act.file(`/etc/app/part${what}.conf`, ['read'], where)
  }
}

function uuid(n: number): string {
  return `${n.toString(16).padStart(8, '0')}-1111-4111-8111-${(n * 7919).toString(16).padStart(12, '0')}`
}

function profileOf(steps: readonly Step[]): Profile {
  const profile = new Profile(shaper)
  const half = Math.ceil(steps.length / 2)
  feed(profile, steps.slice(0, half).map(eventOf))
  profile.settle()
  feed(profile, steps.slice(half).map(eventOf), 'later')
  profile.settle()
  return profile
}

/** Everything that is old enough folds, also where that is not yet worth it. */
function fold(profile: Profile, over: number): void {
  profile.fold({ node: 'n1', isOver: ({ last }) => last < from + over * minute }, () => true)
}

const steps = fc.array(step, { minLength: 60, maxLength: 400 })

/** Without the evidence: what it allows, to whom, and the state of each behaviour. */
function allowedBy(profile: Profile): unknown {
  const allowed = [...profile.all()]
    .filter(({ grants }) => !grants.empty)
    .map(({ id, grants, thresholds }) => ({
      id,
      open: grants.open(thresholds),
      grants: grants
        .toJSON()
        .map(({ origin, witnesses }) => ({ origin, witnesses: witnesses?.literals ?? [] }))
        .sort((a, b) => (a.origin < b.origin ? -1 : 1)),
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
  return { allowed, states: profile.page().map(({ id, state }) => ({ id, state })) }
}

/** The figures of a place are of the witnesses that are left. */
function withoutFigures({ place, ...entry }: ProfileEntry): unknown {
  return { ...entry, templates: place?.templates, origins: place?.origins }
}

function counted(entries: readonly ProfileEntry[]): unknown {
  return entries.map(({ id, cells }) => ({
    id,
    count: cells.reduce((sum, { count }) => sum + count, 0),
    containers: cells
      .filter(({ origin }) => origin !== 'exec-in')
      .reduce((sum, { containers = 1 }) => sum + containers, 0),
    first: cells.map(({ first }) => first).sort()[0],
    last: cells
      .map(({ last }) => last)
      .sort()
      .at(-1),
  }))
}

function runsOf(all: readonly Step[]): readonly ContainerRun[] {
  return [...new Set(all.map(({ container }) => container))].map((container) => ({
    container: `c${container}`,
    from: from + container * 10 * minute,
    to: from + (container * 10 + 5) * minute,
    ended: true,
  }))
}

describe('folded evidence', () => {
  it('allows, counts and estimates what it did before', () => {
    fc.assert(
      fc.property(steps, fc.nat({ max: 400 }), (all, over) => {
        const whole = profileOf(all)
        const folded = profileOf(all)
        fold(folded, over)
        expect(allowedBy(folded)).toEqual(allowedBy(whole))
        expect(counted(folded.entries())).toEqual(counted(whole.entries()))
        const runs = runsOf(all)
        expect(folded.coverage(runs, minute)).toEqual(whole.coverage(runs, minute))
        for (const event of all.slice(-20).map(eventOf)) {
          expect(verdictOn(folded, event).outcome).toBe(verdictOn(whole, event).outcome)
        }
      }),
      { numRuns: cases(100) },
    )
  })

  it('allows the same where a container or session is forgotten', () => {
    fc.assert(
      fc.property(
        steps,
        fc.nat({ max: 400 }),
        fc.nat({ max: 30 }),
        fc.nat({ max: 6 }),
        (all, over, one, session) => {
          for (const what of [
            { kind: 'container', container: `c${one}` },
            { kind: 'session', session: `s${one}-${session}` },
          ] as const) {
            const whole = profileOf(all)
            const folded = profileOf(all)
            fold(folded, over)
            whole.forget(what)
            folded.forget(what)
            expect(allowedBy(folded)).toEqual(allowedBy(whole))
          }
        },
      ),
      { numRuns: cases(100) },
    )
  })

  it('allows no more than it would where a span of time is forgotten', () => {
    fc.assert(
      fc.property(
        steps,
        fc.nat({ max: 400 }),
        fc.nat({ max: 300 }),
        fc.nat({ max: 60 }),
        (all, over, at, length) => {
          const whole = profileOf(all)
          const folded = profileOf(all)
          fold(folded, over)
          const what = {
            kind: 'time',
            from: from + at * minute,
            to: from + (at + length) * minute,
          } as const
          const asked = whole.forget(what)
          const done = folded.forget(what)
          expect(done.acts).toBeGreaterThanOrEqual(asked.acts)
          const left = new Map(whole.entries().map((entry) => [entry.id, entry]))
          for (const event of all.map(eventOf)) {
            if (verdictOn(whole, event).outcome !== 'expected') {
              expect(verdictOn(folded, event).outcome).not.toBe('expected')
            }
          }
          for (const { id } of folded.entries()) expect(left.has(id)).toBe(true)
        },
      ),
      { numRuns: cases(50) },
    )
  })

  it('is written as it is, and read again', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const folded = profileOf(all)
        fold(folded, 400)
        const entries = folded.entries()
        const again = Profile.load(entries, shaper)
        expect(again.entries().map(withoutFigures)).toEqual(entries.map(withoutFigures))
        expect(allowedBy(again)).toEqual(allowedBy(folded))
        // As the store has it, now and as earlier agents wrote it.
        const restored = finish(Profile.restore(new StoredCopy().take(folded).profile, shaper))
        expect(restored.entries()).toEqual(again.entries())
        const migrated = finish(Profile.restore(storedEntries(entries), shaper))
        expect(migrated.entries()).toEqual(again.entries())
      }),
      { numRuns: cases(50) },
    )
  })

  it('has a size that does not depend on the number of containers', () => {
    const profile = new Profile(shaper)
    for (let container = 0; container < 300; container++) {
      feed(
        profile,
        [0, 1, 2, 4, 6, 7].map((what) =>
          eventOf({ container, act: what, origin: 'entrypoint', session: 0 }, container),
        ),
      )
      fold(profile, container * 10)
    }
    for (const { cells } of profile.entries()) {
      // Up to twice as many wait for the next fold; a pattern also keeps those that show its witnesses.
      const witnesses = cells.some((cell) => cell.witnesses !== undefined) ? 40 : 0
      expect(cells.length).toBeLessThanOrEqual(3 * containersApart + witnesses)
    }
    const run = profile.entries().find(({ object }) => object.kind === 'exec')
    expect(run?.cells.reduce((sum, { containers = 1 }) => sum + containers, 0)).toBe(300)
  })
})
