import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PortsPattern, rangeText, unprivilegedPorts } from '../../src/core/behaviour/ports.ts'
import { Witnesses } from '../../src/core/behaviour/witness.ts'
import { drawnPorts, type PortUse } from '../../src/core/learning/drawn-ports.ts'
import { defaultVocabulary } from '../../src/core/learning/vocabulary.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { mergeEntries } from '../../src/core/profile/merge.ts'
import { act, learned, outcome, shaper } from '../fixtures/event-fixture.ts'
import { randomOf } from '../fixtures/name-makers.ts'

const second = 1_000_000

/** How a program comes by its ports: `units` times in each of `containers`, a second apart. */
interface Study {
  readonly containers: number
  readonly units: number
  readonly port: (random: () => number, unit: number) => number
}

function usesOf({ containers, units, port }: Study, seed: number): readonly PortUse[] {
  const random = randomOf(seed)
  const uses = new Map<number, PortUse>()
  for (let container = 0; container < containers; container++) {
    for (let unit = 0; unit < units; unit++) {
      const drawn = port(random, unit)
      const at = (container * 600 + unit) * second
      const seen = uses.get(drawn)
      uses.set(drawn, {
        port: drawn,
        acts: (seen?.acts ?? 0) + 1,
        first: seen?.first ?? at,
        last: at,
        containers: new Set([...(seen?.containers ?? []), `c${container}`]),
      })
    }
  }
  return [...uses.values()]
}

const within = (first: number, last: number) => (random: () => number) =>
  first + Math.floor(random() * (last - first + 1))
const ephemeral = within(32_768, 60_999)
const of = (study: Study, seed: number) => drawnPorts(usesOf(study, seed), defaultVocabulary)?.range

/** Share of further ports, drawn in the same way, that the range holds. */
function heldShare(study: Study, seed: number): number {
  const range = of(study, seed)
  const random = randomOf(seed + 1_000)
  const further = Array.from({ length: 100 }, (_, unit) => study.port(random, unit))
  const held = further.filter((n) => range !== undefined && n >= range.first && n <= range.last)
  return held.length / further.length
}

const seeds = Array.from({ length: 40 }, (_, seed) => seed)

describe('ports that a program draws', () => {
  it('become a range that holds nearly all of the next ones', () => {
    const studies: readonly (readonly [string, Study])[] = [
      ['by the kernel, in one container', { containers: 1, units: 12, port: ephemeral }],
      ['by the kernel, one at each start', { containers: 3, units: 1, port: ephemeral }],
      ['of all ports', { containers: 1, units: 40, port: within(1024, 65_535) }],
      ['of all ports, three starts', { containers: 3, units: 12, port: within(1024, 65_535) }],
      ['of a configured range', { containers: 1, units: 12, port: within(50_000, 50_999) }],
      ['of a low range', { containers: 2, units: 20, port: within(10_000, 10_400) }],
    ]
    for (const [name, study] of studies) {
      const shares = seeds.map((seed) => heldShare(study, seed))
      const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length
      expect(mean, name).toBeGreaterThan(0.95)
    }
  })

  it('stay literal where they are the same ones again', () => {
    const pools: readonly (readonly number[])[] = [
      [8080],
      [50_051, 50_052, 50_053, 50_054, 50_055, 50_056, 50_057, 50_058],
      Array.from({ length: 20 }, (_, n) => 9_000 + n),
    ]
    for (const pool of pools) {
      const port = (_: () => number, unit: number): number => pool[unit % pool.length] ?? 0
      for (const containers of [2, 3, 6]) {
        expect(of({ containers, units: pool.length, port }, 1), String(pool)).toBeUndefined()
      }
    }
  })

  it('have a range of their own where they are close together', () => {
    for (const seed of seeds) {
      const range = of({ containers: 1, units: 12, port: within(50_000, 50_100) }, seed)
      expect(range?.first).toBeGreaterThan(49_700)
      expect(range?.last).toBeLessThan(50_400)
    }
  })

  it('are never below 1024', () => {
    for (const seed of seeds) {
      const study = { containers: 3, units: 60, port: within(1, 2_000) }
      expect(of(study, seed)?.first ?? 1024).toBeGreaterThanOrEqual(1024)
    }
  })

  it('do not depend on the order of the evidence', () => {
    for (const seed of seeds) {
      const uses = usesOf({ containers: 3, units: 9, port: ephemeral }, seed)
      expect(drawnPorts([...uses].reverse(), defaultVocabulary)).toEqual(
        drawnPorts(uses, defaultVocabulary),
      )
    }
  })
})

describe('a range as a pattern', () => {
  it('holds exactly its ports', () => {
    const end = fc.integer({ min: unprivilegedPorts.first, max: unprivilegedPorts.last })
    fc.assert(
      fc.property(end, end, fc.integer({ min: 0, max: 70_000 }), (a, b, asked) => {
        const [first, last] = [Math.min(a, b), Math.max(a, b)]
        const witnesses = new Witnesses()
        witnesses.merge({ literals: [rangeText({ first, last })], places: [] })
        const pattern = new PortsPattern().of(witnesses)
        for (const port of [asked, first, last, first - 1, last + 1]) {
          expect(pattern.has(String(port))).toBe(port >= first && port <= last)
        }
      }),
    )
    expect(new PortsPattern().open.has('1023')).toBe(false)
    expect(new PortsPattern().open.has('1024')).toBe(true)
    expect(new PortsPattern().open.has('65535')).toBe(true)
    expect(new PortsPattern().open.has('65536')).toBe(false)
  })
})

describe('a range of ports in a profile', () => {
  const at = (n: number): string => `2026-11-24T13:40:${10 + n}.000000Z`
  const ports = [33_001, 41_417, 47_900, 52_344, 58_012, 60_101, 35_118, 39_990]
  const lesson = ports.map((port, n) => act.listen('0.0.0.0', port, { time: at(n * 3) }))

  it('is expected at that address for that actor alone, and is one line', () => {
    const profile = learned(...lesson, act.listen('0.0.0.0', 21, { time: at(1) }))
    expect(outcome(profile, act.listen('0.0.0.0', 44_444))).toBe('expected')
    expect(outcome(profile, act.listen('0.0.0.0', 21))).toBe('expected')
    for (const other of [
      act.listen('0.0.0.0', 22),
      act.listen('0.0.0.0', 4_444),
      act.listen('127.0.0.1', 44_444),
      act.listen('0.0.0.0', 44_444, { exe: '/bin/sh' }),
      act.listen('0.0.0.0', 44_444, { uid: 0 }),
      act.connect('0.0.0.0', 44_444),
    ]) {
      expect(outcome(profile, other)).toBe('deviation')
    }
    const shown = profile.entries().filter(({ within }) => within === undefined)
    const shownPorts = shown.map(({ object }) => ('port' in object ? object.port : -1))
    expect(new Set(shownPorts)).toEqual(new Set([0, 21]))
    const [range] = shown.flatMap(({ place }) => place ?? [])
    expect(range?.why).toMatch(/^8 ports in 1 container, the next is new with 100 %$/)
  })

  it('is the same after it was stored, merged and taken apart', () => {
    const profile = learned(...lesson)
    const entries = profile.entries()
    expect(Profile.load(entries, shaper).entries()).toEqual(entries)
    expect(mergeEntries(entries, entries, shaper)).toEqual(entries)
    profile.forget({ kind: 'container', container: 'c1' })
    expect(profile.entries()).toEqual([])
  })

  it('does not hold a port that a person rejected, and is none once it was rejected', () => {
    const profile = learned(...lesson)
    const by = { by: 'cli:root', at: at(30) }
    const range = profile.entries().find(({ place }) => place !== undefined)
    const literal = profile.entries().find(({ within }) => within !== undefined)
    if (range === undefined || literal?.object.kind !== 'listen') throw new Error('no range')
    profile.decide(literal.id, { kind: 'rejected', ...by })
    expect(outcome(profile, act.listen('0.0.0.0', literal.object.port))).toBe('deviation')
    expect(outcome(profile, act.listen('0.0.0.0', 44_444))).toBe('expected')
    profile.decide(range.id, { kind: 'rejected', ...by })
    expect(outcome(profile, act.listen('0.0.0.0', 44_444))).toBe('deviation')
  })
})
