import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ContainerRun, coverageOf } from '../../src/core/coverage/coverage.ts'
import type { ActEvent } from '../../src/core/event/event.ts'
import { isoOf } from '../../src/core/event/time.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { finish } from '../../src/core/steps.ts'
import { act, feed, shaper } from '../fixtures/event-fixture.ts'
import { cases } from '../fixtures/random-cases.ts'

const minute = 60_000_000
const from = Date.parse('2026-11-24T00:00:00Z') * 1_000

type Change =
  | { readonly kind: 'event'; readonly event: ActEvent; readonly phase: 'learned' | 'later' }
  | { readonly kind: 'count'; readonly nth: number; readonly container: number }
  | { readonly kind: 'approve' | 'reject' | 'withdraw'; readonly nth: number }
  | { readonly kind: 'forget' | 'merge'; readonly container: number }
  | { readonly kind: 'settle' | 'fold' | 'expire' | 'declare' }

const event = fc
  .record({
    container: fc.nat({ max: 30 }),
    minutes: fc.nat({ max: 500 }),
    what: fc.nat({ max: 9 }),
    name: fc.nat({ max: 60 }),
    // Sessions in many containers are evidence that folds, also of what one container's service shows.
    origin: fc
      .nat({ max: 7 })
      .map((n) => (n === 0 ? ('entrypoint' as const) : ('exec-in' as const))),
  })
  .map(({ container, minutes, what, name, origin }) => {
    const where = {
      container: `c${origin === 'exec-in' ? container : what % 3}`,
      origin,
      time: isoOf(from + minutes * minute),
      ...(origin === 'exec-in' ? { session: `s${container}` } : {}),
    }
    if (what === 0) return act.exec('/usr/bin/tool', where)
    // A guardrail fires.
    if (what === 1) return act.file('/etc/shadow', ['read'], where)
    // Places come of these.
    if (what < 5) return act.file(`/srv/data/note-${name}.txt`, ['create'], where)
    return act.file(`/etc/app/part${what}.conf`, ['read'], where)
  })

const nth = fc.nat({ max: 1_000 })
const container = fc.nat({ max: 30 })
const events = fc.record({
  kind: fc.constant('event' as const),
  event,
  phase: fc.constantFrom('learned' as const, 'later' as const),
})
const change: fc.Arbitrary<Change> = fc.oneof(
  { arbitrary: events, weight: 12 },
  { arbitrary: fc.record({ kind: fc.constant('count' as const), nth, container }), weight: 3 },
  fc.record({
    kind: fc.constantFrom('approve' as const, 'reject' as const, 'withdraw' as const),
    nth,
  }),
  fc.record({ kind: fc.constantFrom('forget' as const, 'merge' as const), container }),
  fc.record({
    kind: fc.constantFrom(
      'settle' as const,
      'fold' as const,
      'expire' as const,
      'declare' as const,
    ),
  }),
)

/** A predecessor whose behaviours it inherits. */
function begun(): Profile {
  const old = new Profile(shaper)
  feed(old, [act.exec('/usr/bin/old'), act.file('/etc/app/part7.conf', ['read'])])
  const profile = new Profile(shaper)
  const inherited = old.entries().map((entry) => ({
    ...entry,
    cells: [],
    inherited: { from: 'sha256:old', grants: [{ origin: 'entrypoint' as const }] },
  }))
  profile.merge(inherited)
  profile.settle()
  return profile
}

function apply(profile: Profile, one: Change): void {
  switch (one.kind) {
    case 'event':
      feed(profile, [one.event], one.phase)
      return
    case 'settle':
      profile.settle()
      return
    case 'fold':
      profile.fold({ node: 'n1', isOver: () => true }, () => true)
      return
    case 'expire':
      profile.expireInherited()
      return
    case 'declare':
      profile.declare(1000, 'sha256:old')
      return
    case 'forget':
      profile.forget({ kind: 'container', container: `c${one.container}` })
      return
    case 'merge': {
      const other = new Profile(shaper)
      feed(other, [act.file('/etc/app/part8.conf', ['read'], { container: `c${one.container}` })])
      profile.merge(other.entries())
      return
    }
    case 'count':
    case 'approve':
    case 'reject':
    case 'withdraw':
      applyToEntry(profile, one)
  }
}

function applyToEntry(profile: Profile, one: Extract<Change, { readonly nth: number }>): void {
  const ids = profile.entries().map(({ id }) => id)
  const id = ids[one.nth % Math.max(1, ids.length)]
  if (id === undefined) return
  const by = { by: 'ann', at: '2026-11-25T00:00:00Z' }
  switch (one.kind) {
    case 'count': {
      const at = isoOf(from + one.nth * minute)
      const where = { container: `c${one.container}`, origin: 'entrypoint' as const }
      const seen = { ...where, count: 2, first: at, last: at, node: 'n1', source: 'ebpf' }
      profile.addCountUpdate(id, seen, 'later')
      return
    }
    case 'withdraw':
      profile.withdrawAll([id], by)
      return
    case 'approve':
    case 'reject':
      profile.decide(id, { ...by, kind: one.kind === 'approve' ? 'approved' : 'rejected' })
  }
}

const runs: readonly ContainerRun[] = Array.from({ length: 31 }, (_, n) => ({
  container: `c${n}`,
  from: from + n * 10 * minute,
  to: from + (n * 10 + 300) * minute,
  ended: true,
}))

/** Of its entries as they are now. */
function figuresOf(profile: Profile, of = runs): unknown {
  const states: Record<string, number> = {}
  let shown = 0
  const shownByOne = []
  for (const entry of profile.outline()) {
    states[entry.state] = (states[entry.state] ?? 0) + 1
    if (entry.within === undefined) shown += 1
    const only = entry.onlyContainer()
    if (only !== undefined) shownByOne.push([only])
  }
  return { states, shown, coverage: coverageOf(shownByOne, of, minute) }
}

function keptFiguresOf(profile: Profile, of = runs): unknown {
  const { states, shown } = finish(profile.tally())
  const some = Object.entries(states).filter(([, count]) => count > 0)
  return { states: Object.fromEntries(some), shown, coverage: profile.coverage(of, minute) }
}

describe('figures of a profile that are kept until it changes', () => {
  it('are those of its entries, whatever happens to it', () => {
    fc.assert(
      fc.property(fc.array(change, { minLength: 50, maxLength: 300 }), (changes) => {
        const profile = begun()
        for (const one of changes) {
          apply(profile, one)
          profile.settle()
          expect(keptFiguresOf(profile)).toEqual(figuresOf(profile))
        }
      }),
      { numRuns: cases(60) },
    )
  })

  it('follow evidence that was added up meanwhile', () => {
    const profile = begun()
    const read = (name: string, minutes: number, origin: 'entrypoint' | 'exec-in'): ActEvent => {
      const time = isoOf(from + minutes * minute)
      return act.file('/etc/app/one.conf', ['read'], {
        container: name,
        origin,
        session: 's',
        time,
      })
    }
    feed(profile, [read('c1', 50, 'entrypoint')])
    for (let n = 2; n < 12; n++) feed(profile, [read(`c${n}`, 50, 'exec-in')])
    // Of one container, the slices of its run are the units.
    const one = [{ container: 'c1', from, to: from + 300 * minute, ended: true }]
    const before = keptFiguresOf(profile, one)
    apply(profile, { kind: 'fold' })
    feed(profile, [read('c1', 200, 'entrypoint')])
    expect(keptFiguresOf(profile, one)).toEqual(figuresOf(profile, one))
    expect(keptFiguresOf(profile, one)).not.toEqual(before)
  })

  it('follow times that alone rise', () => {
    const profile = begun()
    const one = [{ container: 'c1', from, to: from + 300 * minute, ended: true }]
    const read = (minutes: number): ActEvent => {
      const time = isoOf(from + minutes * minute)
      return act.file('/etc/app/one.conf', ['read'], { container: 'c1', time })
    }
    feed(profile, [read(50)])
    const before = keptFiguresOf(profile, one)
    feed(profile, [read(200)])
    expect(keptFiguresOf(profile, one)).toEqual(figuresOf(profile, one))
    expect(keptFiguresOf(profile, one)).not.toEqual(before)
  })
})
