import fc from 'fast-check'
import type { ActEvent } from '../../src/core/event/event.ts'
import type { ContainerRun } from '../../src/core/coverage/coverage.ts'
import { isoOf } from '../../src/core/event/time.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { act, feed, shaper } from '../fixtures/event-fixture.ts'

export const minute = 60_000_000
export const from = Date.parse('2026-11-24T00:00:00Z') * 1_000

/** Something that happens to a profile. */
export type Change =
  | { readonly kind: 'event'; readonly event: ActEvent; readonly phase: 'learned' | 'later' }
  | { readonly kind: 'count'; readonly nth: number; readonly container: number }
  | { readonly kind: 'approve' | 'reject' | 'withdraw'; readonly nth: number }
  | { readonly kind: 'forget' | 'merge'; readonly container: number }
  | { readonly kind: 'settle' | 'fold' | 'expire' | 'declare' }

export const event = fc
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
export const change: fc.Arbitrary<Change> = fc.oneof(
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
export function begun(): Profile {
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

export function apply(profile: Profile, one: Change): void {
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
      profile.expireInherited(() => true)
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

export const runs: readonly ContainerRun[] = Array.from({ length: 31 }, (_, n) => ({
  container: `c${n}`,
  from: from + n * 10 * minute,
  to: from + (n * 10 + 300) * minute,
  ended: true,
}))
