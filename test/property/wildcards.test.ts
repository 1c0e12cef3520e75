import { describe, expect, it } from 'vitest'
import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import type { ActEvent } from '../../src/core/event/event.ts'
import { mayVaryBelow, openLabels } from '../../src/core/learning/open-labels.ts'
import { defaultVocabulary, type NameUse } from '../../src/core/learning/vocabulary.ts'
import { mergeEntries } from '../../src/core/profile/merge.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { act, learned, outcome, shaper, type Where } from '../fixtures/event-fixture.ts'
import { isHeldOut, nameMakers, randomOf } from '../fixtures/name-makers.ts'

const second = 1_000_000

/** How a program comes by the first labels of its peers: `units` times in each of `containers`, a second apart. */
interface Study {
  readonly containers: number
  readonly units: number
  readonly label: (random: () => number, unit: number, container: number) => string
}

function usesOf({ containers, units, label }: Study, seed: number): readonly NameUse[] {
  const random = randomOf(seed)
  const uses = new Map<string, NameUse>()
  for (let container = 0; container < containers; container++) {
    for (let unit = 0; unit < units; unit++) {
      const name = label(random, unit, container)
      const at = (container * 600 + unit) * second
      const seen = uses.get(name)
      uses.set(name, {
        name,
        acts: (seen?.acts ?? 0) + 1,
        first: seen?.first ?? at,
        last: at,
        containers: new Set([...(seen?.containers ?? []), `c${container}`]),
      })
    }
  }
  return [...uses.values()]
}

const isOpen = (study: Study, seed: number): boolean =>
  openLabels(usesOf(study, seed), defaultVocabulary) !== undefined

const seeds = Array.from({ length: 40 }, (_, seed) => seed)
const openShare = (study: Study): number =>
  seeds.filter((seed) => isOpen(study, seed)).length / seeds.length

/** Kinds of names that are labels of DNS as well. */
const makers = nameMakers.filter((maker) => {
  const random = randomOf(7)
  const names = Array.from({ length: 40 }, (_, n) => maker.make(random, n)).flat()
  const areLabels = names.every((name) => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name))
  return areLabels && names.length === 40 && new Set(names).size > 30
})

const words =
  'apple river stone cloud paper window garden silver bridge forest market winter summer coffee planet island'.split(
    ' ',
  )
const pick = (random: () => number, below: number): number => Math.floor(random() * below)

describe('first labels below a domain', () => {
  it('are open where a program makes up ever new ones, held-out kinds too', () => {
    expect(makers.filter(isHeldOut).length).toBeGreaterThan(2)
    expect(makers.filter((maker) => !isHeldOut(maker)).length).toBeGreaterThan(2)
    for (const { kind, make } of makers) {
      // Each container counts on where the one before it ended.
      const label: Study['label'] = (random, unit, container) =>
        make(random, container * 600 + unit)[0] ?? ''
      for (const [containers, units] of [
        [1, 12],
        [1, 60],
        [3, 12],
      ] as const) {
        expect(openShare({ containers, units, label }), kind).toBe(1)
      }
    }
  })

  it('are open where they are words of which there are ever new ones', () => {
    // Few of the customers are asked for often.
    const label = (random: () => number): string => {
      const n = Math.floor(2_000 * random() ** 3)
      return [n, n / 16, n / 256].map((i) => words[Math.floor(i) % 16]).join('-')
    }
    expect(openShare({ containers: 1, units: 60, label })).toBe(1)
    expect(openShare({ containers: 6, units: 60, label })).toBe(1)
  })

  it('stay literal where they are the same ones again', () => {
    for (const size of [1, 5, 8, 12]) {
      const word: Study['label'] = (random) => words[pick(random, size)] ?? ''
      const shard: Study['label'] = (random) => `shard-${pick(random, size)}`
      /** Each is met once at the start. */
      const found: Study['label'] = (random, unit) =>
        words[unit < size ? unit : pick(random, size)] ?? ''
      expect(openShare({ containers: 1, units: 60, label: word })).toBe(0)
      expect(openShare({ containers: 3, units: 40, label: word })).toBe(0)
      expect(openShare({ containers: 1, units: 60, label: found })).toBe(0)
      expect(openShare({ containers: 1, units: 120, label: shard })).toBe(0)
      expect(openShare({ containers: 6, units: 60, label: shard })).toBe(0)
    }
  })

  it('say nothing where all came within one slice of time', () => {
    const uses = usesOf({ containers: 1, units: 40, label: (_, n) => `x${n}` }, 1)
    const at = uses.map((use) => ({ ...use, first: 0, last: 0 }))
    expect(openLabels(at, defaultVocabulary)).toBeUndefined()
  })

  it('do not depend on the order of the evidence', () => {
    for (const seed of seeds) {
      const uses = usesOf({ containers: 2, units: 9, label: (random) => `x${random()}` }, seed)
      expect(openLabels([...uses].reverse(), defaultVocabulary)).toEqual(
        openLabels(uses, defaultVocabulary),
      )
    }
  })

  it('never vary where anybody may register one', () => {
    for (const domain of ['', 'com.', 'internal.', 'co.uk.', 'com.au.', 'or.jp.', 'x..']) {
      expect(mayVaryBelow(domain), domain).toBe(false)
    }
    for (const domain of ['shop.test.', 'shop.co.uk.', 's3.amazonaws.com.', 'tenants.example.']) {
      expect(mayVaryBelow(domain), domain).toBe(true)
    }
  })
})

const at = (n: number): string => `2026-11-24T13:40:${10 + n}.000000Z`

function connect(name: string, where: Where = {}, port = 443, protocol = 'tcp'): ActEvent {
  const event = act.connect('198.51.100.7', port, where, protocol)
  return event.kind === 'connect' ? { ...event, connect: { ...event.connect, name } } : event
}

describe('a wildcard in a profile', () => {
  const random = randomOf(3)
  const bucket = (): string => `b${pick(random, 1e9).toString(16)}.buckets.test.`
  const lesson = Array.from({ length: 12 }, (_, n) => connect(bucket(), { time: at(n * 3) }))

  it('is expected with one label before the domain for that actor alone, and is one line', () => {
    const profile = learned(...lesson, connect('api.other.test.', { time: at(1) }))
    expect(outcome(profile, connect(bucket()))).toBe('expected')
    expect(outcome(profile, connect('anything.buckets.test.'))).toBe('expected')
    for (const other of [
      connect('buckets.test.'),
      connect('a.b.buckets.test.'),
      connect('b81f3.other.test.'),
      connect('evil-buckets.test.'),
      connect('b81f3.buckets.test.evil.test.'),
      // As an engine calls a container: no answer gives such a name.
      connect('b81f3.buckets.test'),
      connect(bucket(), {}, 80),
      connect(bucket(), {}, 443, 'udp'),
      connect(bucket(), { exe: '/bin/sh' }),
      connect(bucket(), { uid: 0 }),
      connect(bucket(), { origin: 'probe' }),
      act.connect('198.51.100.7', 443),
    ]) {
      expect(outcome(profile, other), JSON.stringify(other)).toBe('deviation')
    }
    const shown = profile.entries().filter(({ within }) => within === undefined)
    const peers = shown.map(({ object }) => (object.kind === 'connect' ? object.peer : ''))
    expect(peers.sort()).toEqual(['*.buckets.test.', 'api.other.test.'])
    const [place] = shown.flatMap((entry) => entry.place ?? [])
    expect(place?.why).toMatch(/^12 names in 1 container, the next is new with 100 %$/)
    expect(place?.witnesses).toHaveLength(8)
  })

  it('stands beside a range of ports at one of the names', () => {
    const ports = [33_001, 41_417, 47_900, 52_344, 58_012, 60_101, 35_118, 39_990]
    const drawn = ports.map((port, n) => connect('data.buckets.test.', { time: at(n * 3) }, port))
    const profile = learned(...lesson, ...drawn)
    expect(outcome(profile, connect('data.buckets.test.', {}, 44_444))).toBe('expected')
    expect(outcome(profile, connect(bucket()))).toBe('expected')
    expect(outcome(profile, connect(bucket(), {}, 44_444))).toBe('deviation')
    expect(outcome(profile, connect('data.other.test.', {}, 44_444))).toBe('deviation')
    const shown = profile.entries().filter(({ within }) => within === undefined)
    expect(shown).toHaveLength(2)
  })

  it('is the same after it was stored, merged and taken apart', () => {
    const entries = learned(...lesson).entries()
    expect(Profile.load(entries, shaper).entries()).toEqual(entries)
    expect(mergeEntries(entries, entries, shaper)).toEqual(entries)
    // Two halves that show too little have it together.
    const [some, others] = [lesson.slice(0, 6), lesson.slice(6)].map((half) =>
      learned(...half).entries(),
    )
    expect(some?.some((entry) => entry.place !== undefined)).toBe(false)
    expect(mergeEntries(some ?? [], others ?? [], shaper)).toEqual(entries)
    const profile = learned(...lesson)
    profile.forget({ kind: 'container', container: 'c1' })
    expect(profile.entries()).toEqual([])
  })

  it('does not hold a name that a person rejected, and is none once it was rejected', () => {
    const profile = learned(...lesson)
    const by = { by: 'cli:root', at: at(30) }
    const wildcard = profile.entries().find(({ place }) => place !== undefined)
    const literal = profile.entries().find(({ within }) => within !== undefined)
    if (wildcard === undefined || literal?.object.kind !== 'connect') throw new Error('no wildcard')
    profile.decide(literal.id, { kind: 'rejected', ...by })
    expect(outcome(profile, connect(literal.object.peer))).toBe('deviation')
    expect(outcome(profile, connect(bucket()))).toBe('expected')
    profile.decide(wildcard.id, { kind: 'rejected', ...by })
    expect(outcome(profile, connect(bucket()))).toBe('deviation')
    // A rule for the address does not override it.
    const address = act.connect('198.51.100.7', 443)
    profile.observe(address, behavioursOf(address, shaper), { phase: 'learned' })
    expect(outcome(profile, address)).toBe('expected')
    expect(outcome(profile, connect(bucket()))).toBe('deviation')
  })

  it('is no name that a source gives', () => {
    const profile = learned(connect('*.buckets.test.', { time: at(9) }))
    const peers = profile.entries().map(({ object }) => 'peer' in object && object.peer)
    expect(peers).toEqual(['198.51.100.7'])
  })
})
