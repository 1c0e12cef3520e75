import { describe, expect, it } from 'vitest'
import type { ActEvent } from '../../../src/core/event/event.ts'
import { Profile } from '../../../src/core/profile/profile.ts'
import { act, feed, shaper } from '../../fixtures/event-fixture.ts'
import { nothing, writeOf } from '../../fixtures/stored-copy.ts'

const author = { by: 'cli:root', at: '2026-11-26T10:00:00.000Z' }

const letters = (n: number): string =>
  String(n).replace(/\d/g, (digit) => 'zbcdfghjkl'.charAt(Number(digit)))
const made = (n: number): string => (n * 7_919 + 1_000_003).toString(36)
const numbers = (from: number, to: number): readonly number[] =>
  Array.from({ length: to - from }, (_, n) => from + n)

/** Names of many kinds, of two programs. */
function some(from: number, to: number): readonly ActEvent[] {
  const other = { exe: '/usr/bin/other', container: 'b'.repeat(64) }
  return numbers(from, to).flatMap((n) => [
    act.file(`/srv/queue/job-${made(n)}.in`, ['write']),
    act.file(`/srv/texts/${letters(n * 31)}-${'aeiou'.charAt(n % 5)}x.part`, ['create']),
    act.file(`/home/${letters(n % 23)}/mail/${made(n)}`, ['read'], other),
    act.file(`/data/${letters(n)}/state`, [n % 2 === 0 ? 'write' : 'read']),
    act.connect('10.0.0.7', 30_000 + n * 17, other),
  ])
}

function renames(from: number, to: number): readonly ActEvent[] {
  return numbers(from, to).map((n) => {
    const onto = `/srv/done/job-${made(n)}.out`
    return act.file(`/srv/queue/job-${made(n)}.in`, ['rename'], {}, { to: onto })
  })
}

function profileOf(...parts: readonly (readonly ActEvent[])[]): Profile {
  const profile = new Profile(shaper)
  for (const events of parts) feed(profile, events)
  return profile
}

/** What happens before places are derived, and what while they are. */
const cases: Readonly<Record<string, (profile: Profile) => void>> = {
  nothing: () => undefined,
  'more of the same': (profile) => feed(profile, some(70, 90)),
  'a name in another container': (profile) => {
    feed(profile, [
      act.file(`/srv/queue/job-${made(3)}.in`, ['write'], { container: 'c'.repeat(64) }),
    ])
  },
  'one of the files is run': (profile) => {
    feed(profile, [act.exec(`/srv/queue/job-${made(3)}.in`)], 'later')
  },
  'some are rejected': (profile) => {
    const ids = profile.entries().flatMap(({ id, object }) => {
      return object.kind === 'file' && object.path.startsWith('/data/') ? [id] : []
    })
    expect(ids.length).toBeGreaterThan(10)
    profile.decideAll(ids.slice(0, 20), { ...author, kind: 'rejected' })
  },
  'a container is forgotten': (profile) => {
    profile.forget({ kind: 'container', container: 'b'.repeat(64) })
  },
}

describe('Places that are derived with pauses', () => {
  it.each(Object.entries(cases))('are those of one step where meanwhile: %s', (_, happens) => {
    const parts = [some(0, 70), renames(0, 20)]
    const atOnce = profileOf(...parts)
    happens(atOnce)
    atOnce.settle()
    const paused = profileOf(...parts)
    const steps = paused.prepareSettle()
    let pauses = 0
    while (steps.next().done !== true) {
      pauses += 1
      if (pauses === 60) happens(paused)
    }
    expect(pauses).toBeGreaterThan(100)
    paused.settle()
    expect(paused.entries()).toEqual(atOnce.entries())
    expect(paused.entries().some(({ within }) => within !== undefined)).toBe(true)
    expect(paused.entries()).toEqual(Profile.load(paused.entries(), shaper).entries())
  })

  it('are not there before the profile is settled', () => {
    const profile = profileOf(some(0, 70))
    const states = writeOf(profile).entries.length
    const steps = profile.prepareSettle()
    while (steps.next().done !== true) expect(writeOf(profile)).toEqual(nothing)
    expect(states).toBeGreaterThan(0)
    // All of them are derived, until one more name comes.
    expect([...profile.prepareSettle()]).toEqual([])
    feed(profile, some(70, 71))
    expect([...profile.prepareSettle()].length).toBeGreaterThan(50)
    profile.settle()
    expect(writeOf(profile).entries.length).toBeGreaterThan(0)
  })
})

describe('Places of what is still being learned', () => {
  it.each(Object.entries(cases))('end as those of one step where meanwhile: %s', (_, happens) => {
    const parts = [some(0, 70), renames(0, 20)]
    const atOnce = profileOf(...parts)
    happens(atOnce)
    atOnce.settle()
    const paused = profileOf(...parts)
    let pauses = 0
    for (const steps = paused.settleSteps(); steps.next().done !== true; ) {
      pauses += 1
      if (pauses === 60) happens(paused)
    }
    expect(pauses).toBeGreaterThan(100)
    paused.settle()
    expect(paused.entries()).toEqual(atOnce.entries())
  })

  it('are in use before the next names are looked at', () => {
    const profile = profileOf(some(0, 70))
    const covered = (): number => {
      return [...profile.outline()].filter(({ within }) => within !== undefined).length
    }
    expect(covered()).toBe(0)
    let next = 70
    for (const steps = profile.settleSteps(); steps.next().done !== true; ) {
      if (next < 90) feed(profile, some(next, ++next))
    }
    expect(covered()).toBeGreaterThan(100)
  })

  it('change nothing that the store has of the names', () => {
    const profile = profileOf(some(0, 70))
    writeOf(profile)
    expect([...profile.settleSteps()].length).toBeGreaterThan(0)
    const drained = new Set(writeOf(profile).entries.map(({ id }) => id))
    const isDrained = [...profile.outline()].filter(({ id }) => drained.has(id))
    expect(isDrained.length).toBeGreaterThan(0)
    expect(isDrained.every(({ place }) => place !== undefined)).toBe(true)
  })
})
