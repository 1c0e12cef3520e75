import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ActEvent } from '../../../src/core/event/event.ts'
import { isoOf, microsOf } from '../../../src/core/event/time.ts'
import { describeBehaviour } from '../../../src/core/behaviour/describe.ts'
import type { Forgetting } from '../../../src/core/profile/forgetting.ts'
import { Profile } from '../../../src/core/profile/profile.ts'
import type { ProfileEntry } from '../../../src/core/profile/profile-entry.ts'
import { acts } from '../../property/event-arbitrary.ts'
import { act, feed, learned, outcome, shaper } from '../../fixtures/event-fixture.ts'
import { writeOf } from '../../fixtures/stored-copy.ts'

const conf = '/etc/nginx/nginx.conf'
const uuid = (n: number) => `/tmp/3f2504e0-4f89-41d3-9a0c-0305e82c330${n}`
const start = microsOf('2026-11-24T13:00:00.000000Z')
const minute = 60_000_000
const at = (minutes: number): string => isoOf(start + minutes * minute)

/** Events of few containers and sessions, at times that need no bucket wider than a minute. */
const placed: fc.Arbitrary<ActEvent> = fc
  .record({
    event: acts,
    container: fc.constantFrom('c1', 'c2', 'c3'),
    session: fc.constantFrom(undefined, undefined, 's1', 's2'),
    minutes: fc.integer({ min: 0, max: 7 }),
    micros: fc.integer({ min: 0, max: minute - 1 }),
  })
  .map(({ event, container, session, minutes, micros }) => {
    const { session: _, ...process } = event.process
    const origin = session === undefined ? 'entrypoint' : 'exec-in'
    return {
      ...event,
      time: isoOf(start + minutes * minute + micros),
      node: 'n1',
      source: 'file',
      container: { id: container },
      process: { ...process, origin, ...(session === undefined ? {} : { session }) },
    }
  })
/** What the image ships under a path is the same for all containers. */
const lessons = fc.array(placed, { maxLength: 40 }).map((events) => {
  const shipped = new Map<string, boolean | undefined>()
  return events.map((event) => {
    if (event.kind !== 'file') return event
    const { path } = event.file
    if (!shipped.has(path)) shipped.set(path, event.file.shipped)
    const { shipped: _, ...file } = event.file
    const known = shipped.get(path)
    return { ...event, file: known === undefined ? file : { ...file, shipped: known } }
  })
})

/** The entry without the width of its buckets, which the forgotten events may have widened. */
function evidenceOf(profile: Profile): readonly unknown[] {
  return profile.entries().map(({ cells, ...entry }) => ({
    ...entry,
    cells: cells.map((cell) => ({ ...cell, buckets: undefined })),
  }))
}

function forgets(
  what: Forgetting,
  lesson: readonly ActEvent[],
  isOf: (event: ActEvent) => boolean,
) {
  const profile = learned(...lesson)
  profile.forget(what)
  const without = learned(...lesson.filter((event) => !isOf(event)))
  expect(evidenceOf(profile)).toEqual(evidenceOf(without))
  for (const event of lesson) {
    expect(outcome(profile, event), JSON.stringify(event)).toBe(outcome(without, event))
  }
  return { profile, without }
}

describe('learning all and then forgetting is as never having learned', () => {
  it('what a container showed', () => {
    fc.assert(
      fc.property(lessons, (lesson) => {
        const what = { kind: 'container', container: 'c2' } as const
        const { profile, without } = forgets(what, lesson, ({ container }) => container.id === 'c2')
        expect(profile.entries()).toEqual(without.entries())
      }),
    )
  })

  it('what a session showed', () => {
    fc.assert(
      fc.property(lessons, (lesson) => {
        const what = { kind: 'session', session: 's1' } as const
        const { profile, without } = forgets(
          what,
          lesson,
          ({ process }) => process.session === 's1',
        )
        expect(profile.entries()).toEqual(without.entries())
      }),
    )
  })

  it('what was seen in whole minutes', () => {
    const span = fc.tuple(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0, max: 7 }))
    fc.assert(
      fc.property(lessons, span, (lesson, [a, b]) => {
        const from = start + Math.min(a, b) * minute
        const to = start + (Math.max(a, b) + 1) * minute - 1
        const isOf = ({ time }: ActEvent) => microsOf(time) >= from && microsOf(time) <= to
        forgets({ kind: 'time', from, to }, lesson, isOf)
      }),
    )
  })

  it('where a forgotten session alone ran a file among names that are a place otherwise', () => {
    const makes = act.file(uuid(1), ['create'], { container: 'c1' })
    const other = { container: 'c1', exe: '/bin/other', origin: 'exec-in', session: 's1' } as const
    const runs = act.file(uuid(2), ['exec'], other, { shipped: true })
    const what = { kind: 'session', session: 's1' } as const
    const isOf = ({ process }: ActEvent) => process.session === 's1'
    const placeOf = (profile: Profile) => profile.entries().find(({ place }) => place !== undefined)
    expect(placeOf(learned(makes, runs))).toBeUndefined()
    const { profile } = forgets(what, [makes, runs], isOf)
    expect(placeOf(profile)?.place?.templates).toEqual(['/tmp/<uuid>'])
  })

  it('and is the same whatever was stored and loaded in between', () => {
    fc.assert(
      fc.property(lessons, (lesson) => {
        const profile = learned(...lesson)
        const text = JSON.stringify(profile.entries())
        const loaded = Profile.load(JSON.parse(text) as ProfileEntry[], shaper)
        const what = { kind: 'time', from: start, to: start + 3 * minute } as const
        expect(loaded.forget(what)).toEqual(profile.forget(what))
        expect(loaded.entries()).toEqual(profile.entries())
      }),
    )
  })
})

describe('counts that a source kept back', () => {
  const countUpdate = (container: string, time: string) =>
    ({
      container,
      origin: 'entrypoint',
      count: 5,
      first: time,
      last: time,
      node: 'n1',
      source: 'file',
    }) as const

  it('do not restore evidence that was forgotten meanwhile', () => {
    const profile = learned(act.file(conf, ['read'], { container: 'a' }))
    feed(profile, [act.file(conf, ['read'], { container: 'b' })])
    const id = profile.entries()[0]!.id
    profile.forget({ kind: 'container', container: 'b' }, start + 10 * minute)
    profile.addCountUpdate(id, countUpdate('b', at(9)), 'learned')
    expect(profile.entries()[0]?.cells.map(({ container }) => container)).toEqual(['a'])
    profile.addCountUpdate(id, countUpdate('a', at(9)), 'learned')
    profile.addCountUpdate(id, countUpdate('b', at(11)), 'learned')
    expect(profile.entries()[0]?.cells.map(({ count }) => count)).toEqual([6, 5])
  })
})

describe('a span of time', () => {
  it('removes whole buckets where events lasted long, and reports the actual span', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 5_000 }), { minLength: 1, maxLength: 60 }),
        fc.tuple(fc.nat(5_000), fc.nat(5_000)),
        (minutes, [a, b]) => {
          const events = minutes.map((m) => act.file(conf, ['read'], { time: at(m) }))
          const profile = learned(...events)
          const from = start + Math.min(a, b) * minute
          const to = start + Math.max(a, b) * minute
          const { span, acts: gone } = profile.forget({ kind: 'time', from, to })
          const times = events.map(({ time }) => microsOf(time))
          const within = (low: number, high: number) =>
            times.filter((time) => time >= low && time <= high)
          const left = profile.entries()[0]?.cells[0]
          if (span === undefined) {
            expect(within(from, to)).toEqual([])
            expect(gone).toBe(0)
            return
          }
          // Nothing of the span is left, and nothing outside the reported span was removed.
          expect(span.from).toBe(Math.min(...within(span.from, span.to)))
          expect(within(from, to).every((time) => time >= span.from && time <= span.to)).toBe(true)
          expect(gone).toBe(within(span.from, span.to).length)
          const kept = times.filter((time) => time < span.from || time > span.to)
          expect(left?.count ?? 0).toBe(kept.length)
          if (kept.length > 0) expect(left?.first).toBe(isoOf(Math.min(...kept)))
          if (kept.length > 0) expect(left?.last).toBe(isoOf(Math.max(...kept)))
        },
      ),
    )
  })

  it('keeps few buckets however long an event is repeated', () => {
    const profile = learned()
    for (let m = 0; m < 20_000; m += 7) feed(profile, [act.file(conf, ['read'], { time: at(m) })])
    const [cell] = profile.entries()[0]?.cells ?? []
    expect(cell?.buckets?.list.length).toBeGreaterThan(3)
    expect(cell?.buckets?.list.length).toBeLessThanOrEqual(8)
  })

  it('does not depend on the order of events', () => {
    const times = fc.array(fc.integer({ min: 0, max: 9_000 }), { maxLength: 40 })
    fc.assert(
      fc.property(times, (minutes) => {
        const events = minutes.map((m) => act.file(conf, ['read'], { time: at(m) }))
        expect(learned(...events).entries()).toEqual(learned(...events.toReversed()).entries())
      }),
    )
  })

  it('lets a guardrail go with the minute in which it tripped', () => {
    const read = (time: string) => act.file('/etc/shadow', ['read'], { time })
    const profile = learned(read(at(0)))
    expect(profile.entries()[0]?.cells[0]?.guardrails).toBeDefined()
    const { gone } = profile.forget({ kind: 'time', from: start, to: start + minute })
    expect(gone.map((entry) => describeBehaviour(entry))).toEqual([
      '/usr/sbin/nginx as uid 101: read /etc/shadow',
    ])
    expect(profile.size).toBe(0)
  })
})

describe('a decision', () => {
  const approve = { kind: 'approved', by: 'cli:root', at: '2026-11-24T14:00:00Z' } as const
  const inC = (container: string) => ({ container })

  it('is removed with the only evidence that it approved', () => {
    const profile = learned()
    feed(profile, [act.exec('/bin/sh', inC('a'))], 'later')
    const id = profile.entries()[0]!.id
    profile.decide(id, approve)
    expect(outcome(profile, act.exec('/bin/sh'))).toBe('expected')
    profile.forget({ kind: 'container', container: 'a' })
    expect(outcome(profile, act.exec('/bin/sh'))).toBe('deviation')
    expect(profile.has(id)).toBe(false)
  })

  it('covers only the remaining evidence that it approved', () => {
    const profile = learned()
    const writes = (n: number, container: string) => act.file(uuid(n), ['write'], inC(container))
    feed(profile, [writes(1, 'a'), writes(2, 'b'), writes(3, 'b')], 'later')
    profile.decide(profile.entries()[0]!.id, approve)
    expect(outcome(profile, writes(9, 'a'))).toBe('expected')
    profile.forget({ kind: 'container', container: 'b' })
    expect(outcome(profile, writes(1, 'a'))).toBe('expected')
    expect(outcome(profile, writes(2, 'a'))).toBe('deviation')
    expect(outcome(profile, writes(9, 'a'))).toBe('deviation')
  })

  it('that rejected stays', () => {
    const profile = learned(act.exec('/bin/sh', inC('a')))
    const id = profile.entries()[0]!.id
    profile.decide(id, { ...approve, kind: 'rejected' })
    profile.forget({ kind: 'container', container: 'a' })
    expect(profile.state(id)).toBe('rejected')
  })

  it('on a behaviour that was removed and observed again is stored, and its removal is not', () => {
    const profile = learned(act.exec('/bin/sh', inC('a')))
    const [entry] = profile.entries()
    profile.forget({ kind: 'container', container: 'a' })
    profile.merge([
      { ...entry!, cells: [], decision: { ...approve, kind: 'rejected', grants: [] } },
    ])
    const { entries, removed } = writeOf(profile)
    expect(removed).toEqual([])
    expect(entries.map(({ id }) => id)).toEqual([entry!.id])
  })
})
