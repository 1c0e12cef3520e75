import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SnugError } from '../../src/errors.ts'
import { bytesOfName } from '../../src/core/event/name-bytes.ts'
import { microsOf } from '../../src/core/event/time.ts'
import { compile } from '../fixtures/compiled-profile.ts'
import type { CompiledKernel, KernelLimits } from '../../src/core/compile/compile-kernel.ts'
import { compileKernel } from '../fixtures/without-pauses.ts'
import { KernelReading } from '../fixtures/kernel-reading.ts'
import { judge } from '../../src/core/match/judge.ts'
import { tagOf } from '../../src/core/compile/kernel-profile.ts'
import { run } from '../../src/core/compile/path-automaton.ts'
import { type BehaviourRef, behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { isPathPlace } from '../../src/core/behaviour/place-pattern.ts'
import { isWildcard } from '../../src/core/behaviour/peer.ts'
import { isDrawn } from '../../src/core/behaviour/ports.ts'
import { type Observable, observableOf, observables } from '../../src/core/coverage/observable.ts'
import { matchedRuleOf } from '../../src/core/profile/matched-rule.ts'
import type { ProfileReader } from '../../src/core/profile/profile-reader.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { guardrails, shaper } from '../fixtures/event-fixture.ts'
import { cases } from '../fixtures/random-cases.ts'
import {
  crowded,
  lengthy,
  named,
  overlapping,
  ranges,
  replaced,
  sockets,
  worlds,
  type World,
} from './kernel-arbitrary.ts'
import { naive, naivelyRefused } from './naive.ts'

const now = microsOf('2026-11-24T13:40:27.123456Z')

function compiled(world: World, limits?: KernelLimits): CompiledKernel {
  return compileKernel(world.profile, {
    now,
    shippedMatching: (automaton) =>
      [...world.shipped].filter((path) => run(automaton, bytesOfName(path)) > 0),
    ...(limits === undefined ? {} : { limits }),
  })
}

/** The answers of TypeScript and the kernel for the event: true where it is expected. */
function both(known: ProfileReader, reading: KernelReading, event: World['exam'][number]) {
  const refs = behavioursOf(event, shaper)
  const outcome = judge(known, event, refs, { guardrails, explain: false }).outcome
  const reported = refs.map((ref) => reading.evaluate(ref))
  return {
    judged: outcome === 'expected',
    kernel: reported.every((one) => one?.verdict === 'allow'),
    tags: reported.flatMap((one) => one?.tag ?? []),
    refs,
  }
}

/** The same event on an unknown file in the same folder. */
function withSibling(event: World['exam'][number]): readonly World['exam'][number][] {
  if (event.kind !== 'file' || event.file.cut === true) return [event]
  const { shipped: _, ...file } = event.file
  const path = `${file.path.slice(0, file.path.lastIndexOf('/'))}/unheard of\n`
  return [event, { ...event, file: { ...file, path } }]
}

/** A delete that is expected because a rename frees the name. */
function byRename(known: ProfileReader): (ref: BehaviourRef) => boolean {
  return (ref) => {
    if (ref.object.kind !== 'file' || ref.object.access !== 'delete') return false
    const cover = matchedRuleOf(known, ref, () => now)?.object
    return cover?.kind === 'file' && cover.access === 'rename'
  }
}

/** A port that is expected as one of a range. */
function byRange(known: ProfileReader): (ref: BehaviourRef) => boolean {
  return (ref) => {
    const cover = matchedRuleOf(known, ref, () => now)?.object
    return cover !== undefined && isDrawn(cover)
  }
}

/** A name that is expected as one of a wildcard. */
function byWildcard(known: ProfileReader): (ref: BehaviourRef) => boolean {
  return (ref) => {
    const cover = matchedRuleOf(known, ref, () => now)?.object
    return cover !== undefined && isWildcard(cover)
  }
}

/** A socket or a call that is expected as one of a place. */
function byPlace(known: ProfileReader): (ref: BehaviourRef) => boolean {
  return (ref) => {
    const cover = matchedRuleOf(known, ref, () => now)?.object
    return cover !== undefined && cover.kind !== 'file' && isPathPlace(cover)
  }
}

const share = (size: number, percent: number) => Math.ceil((size * percent) / 100)

const described = (event: World['exam'][number]) => JSON.stringify(event)

/** An assertion for each of so many events costs more than judging them. */
function same<T>(actual: T, expected: T, event: World['exam'][number]): void {
  if (actual !== expected) expect(actual, described(event)).toBe(expected)
}

interface Count {
  expected: number
  deviations: number
  patterns: number
  byRename: number
  drawn: number
  byPlace: number
  byWildcard: number
}

/** Compares the answers of all of them, and counts the cases that were met. */
function compare(worldsOfOne: fc.Arbitrary<World>, numRuns: number): Count {
  const count: Count = {
    expected: 0,
    deviations: 0,
    patterns: 0,
    byRename: 0,
    drawn: 0,
    byPlace: 0,
    byWildcard: 0,
  }
  fc.assert(
    fc.property(worldsOfOne, (world) => {
      const { profile } = compiled(world)
      const reading = new KernelReading(profile)
      const entries = world.profile.entries()
      const tags = new Set(entries.map(({ id }) => tagOf(id)))
      const stored = compile(entries, shaper)
      for (const event of world.exam) {
        const output = both(world.profile, reading, event)
        same(output.kernel, output.judged, event)
        same(both(stored, reading, event).judged, output.judged, event)
        if (event.kind !== 'connect' || event.connect.protocol === 'unix') {
          const plain = output.refs.every((ref) => naive(entries, ref, now))
          same(plain, output.judged, event)
        }
        for (const tag of output.tags) same(tags.has(tag), true, event)
        if (output.judged && output.refs.some(byRange(world.profile))) count.drawn += 1
        if (output.judged && output.refs.some(byPlace(world.profile))) count.byPlace += 1
        if (output.judged && output.refs.some(byWildcard(world.profile))) count.byWildcard += 1
        if (output.judged && output.refs.some(byRename(world.profile))) count.byRename += 1
        count[output.judged ? 'expected' : 'deviations'] += 1
      }
      count.patterns += profile.rules.filter(({ object }) => object.kind === 'file-pattern').length
    }),
    { numRuns },
  )
  return count
}

describe('the compiled profile', () => {
  it('gives every event the same answer as the matcher and the definition', () => {
    const count = compare(fc.oneof(worlds, overlapping, replaced, ranges, ranges), cases(1000))
    // Both answers occurred often; otherwise the comparison proves nothing.
    expect(count.expected).toBeGreaterThan(cases(1000))
    expect(count.deviations).toBeGreaterThan(cases(1000))
    expect(count.patterns).toBeGreaterThan(cases(500))
    expect(count.byRename).toBeGreaterThan(cases(30))
    expect(count.drawn).toBeGreaterThan(cases(60))
  })

  it('gives the same answers about sockets and calls, by places as well', () => {
    const count = compare(sockets, cases(500))
    expect(count.expected).toBeGreaterThan(cases(300))
    expect(count.deviations).toBeGreaterThan(cases(300))
    expect(count.byPlace).toBeGreaterThan(cases(25))
  })

  it('gives the same answers about peers by DNS name, by wildcards as well', () => {
    const count = compare(named, cases(500))
    expect(count.expected).toBeGreaterThan(cases(300))
    expect(count.deviations).toBeGreaterThan(cases(300))
    expect(count.byWildcard).toBeGreaterThan(cases(50))
  })

  it('treats kinds that no source observed as unprofiled, unless a person rejected the behaviour', () => {
    const count = { expected: 0, deviation: 0, unprofiled: 0, refused: 0 }
    const watched = fc.subarray([...observables])
    fc.assert(
      fc.property(fc.oneof(worlds, overlapping, ranges), watched, (world, kinds) => {
        const observed = new Set<Observable>(kinds)
        const reading = new KernelReading(compiled(world).profile)
        const entries = world.profile.entries()
        for (const event of world.exam) {
          const refs = behavioursOf(event, shaper)
          const { outcome } = judge(world.profile, event, refs, { guardrails, observed })
          const allowed = refs.every((ref) => reading.evaluate(ref)?.verdict === 'allow')
          const refused = refs.some((ref) => naivelyRefused(entries, ref, now))
          const unexpected =
            observed.has(observableOf(event)) || refused ? 'deviation' : 'unprofiled'
          // A block of addresses that was rejected is beyond the plain definition.
          if (event.kind === 'connect' && !allowed) expect(outcome).not.toBe('expected')
          else same(outcome, allowed ? 'expected' : unexpected, event)
          count[outcome] += 1
          if (refused && !observed.has(observableOf(event))) count.refused += 1
        }
      }),
      { numRuns: cases(200) },
    )
    for (const often of [count.expected, count.deviation, count.unprofiled]) {
      expect(often).toBeGreaterThan(cases(300))
    }
    expect(count.refused).toBeGreaterThan(cases(10))
  })

  /** Compares both in worlds that do not fit into these shares of what they need. */
  function widen(worldsOfOne: fc.Arbitrary<World>, shares: readonly number[][], numRuns: number) {
    const count = { widened: 0, tooLarge: 0, more: 0, begins: 0 }
    fc.assert(
      fc.property(
        worldsOfOne,
        fc.constantFrom(...shares),
        (world, [rulesPercent = 0, statesPercent = 0]) => {
          const whole = compiled(world).profile
          const rules = share(whole.rules.length + whole.shipped.length, rulesPercent)
          const states = share(whole.automaton.accept.length, statesPercent)
          let small: CompiledKernel
          try {
            small = compiled(world, { rules, states })
          } catch (error) {
            expect(error).toBeInstanceOf(SnugError)
            expect((error as SnugError).code).toBe('PROFILE_TOO_LARGE')
            count.tooLarge += 1
            return
          }
          const { profile, widenings } = small
          expect(profile.rules.length + profile.shipped.length).toBeLessThanOrEqual(rules)
          expect(profile.automaton.accept.length).toBeLessThanOrEqual(states)
          const wider = profile.widened.filter((one) => !one.includes(' may not run '))
          expect(wider.length > 0).toBe(widenings.length > 0)
          const exact = Profile.load(world.profile.entries(), shaper)
          world.profile.widen(widenings)
          const reading = new KernelReading(profile)
          for (const event of world.exam.flatMap(withSibling)) {
            const output = both(world.profile, reading, event)
            same(output.kernel, output.judged, event)
            const before = both(exact, reading, event)
            if (before.judged) same(output.judged, true, event)
            else if (output.judged) {
              count.more += 1
              expect(event.kind === 'file' && event.file.shipped, described(event)).not.toBe(true)
            }
          }
          if (widenings.length > 0) count.widened += 1
          if (profile.widened.some((one) => one.includes('begins as'))) count.begins += 1
        },
      ),
      { numRuns },
    )
    return count
  }

  it('gives the same answers where it had to be widened, and allows no less than before', () => {
    const shares = [
      [75, 1000],
      [90, 1000],
      [1000, 60],
      [1000, 90],
      [90, 110],
    ]
    const count = widen(crowded, shares, cases(700))
    // About one in eight is widened: chance alone brings hardly ever so few.
    expect(count.widened).toBeGreaterThan(cases(20))
    expect(count.more).toBeGreaterThan(cases(50))
  })

  it('gives the same answers where long names are known by their beginnings', () => {
    const shares = [
      [1000, 60],
      [1000, 80],
      [1000, 95],
    ]
    const count = widen(lengthy, shares, cases(120))
    expect(count.begins).toBeGreaterThan(cases(60))
  })

  it('is the same for the same profile, however often it is made', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const again = Profile.load([...world.profile.entries()].reverse(), shaper)
        const { profile } = compiled({ ...world, profile: again })
        const first = compiled(world).profile
        expect(profile.automaton.accept.length).toBe(first.automaton.accept.length)
        expect(profile.rules.length).toBe(first.rules.length)
        expect(profile.shipped).toEqual(first.shipped)
      }),
      { numRuns: cases(30) },
    )
  })
})
