import { describe, expect, it } from 'vitest'
import { behavioursOf } from '../../../src/core/behaviour/behaviour.ts'
import { sharedForm } from '../../../src/core/behaviour/shared-form.ts'
import type { DrainedEntry } from '../../../src/core/profile/entry-table.ts'
import type { LiveEntry } from '../../../src/core/profile/live-entry.ts'
import { Profile } from '../../../src/core/profile/profile.ts'
import { act, feed, shaper } from '../../fixtures/event-fixture.ts'
import { nothing, writeOf } from '../../fixtures/stored-copy.ts'

const author = { by: 'cli:root', at: '2026-11-26T10:00:00.000Z' }
const other = { container: 'b'.repeat(64) }

const events = Array.from({ length: 30 }, (_, n) => act.exec(`/bin/tool${n}`))

/** Seen by two containers, partly inherited, partly decided on. */
function profileOf(): Profile {
  const profile = new Profile(shaper)
  feed(profile, events)
  feed(profile, events.slice(0, 20), 'later')
  feed(
    profile,
    events.map((event) => ({ ...event, container: { ...event.container, id: other.container } })),
  )
  const [first] = profile.entries()
  if (first === undefined) throw new Error('the profile is empty')
  const inherited = { from: 'sha256:aa', grants: [{ origin: 'entrypoint' as const }] }
  const prior = events.map((_, n) => act.exec(`/bin/before${n}`))
  profile.merge(
    prior.flatMap((event) =>
      behavioursOf(event, shaper).map(({ actor, uid, object }) => {
        return { ...first, actor, uid, object, cells: [], inherited }
      }),
    ),
  )
  const ids = profile.entries().map(({ id }) => id)
  profile.decideAll(ids.slice(0, 10), { ...author, kind: 'approved' })
  return profile
}

const changes: Readonly<Record<string, (profile: Profile) => void>> = {
  'more events': (profile) => feed(profile, events),
  'events of another container': (profile) => {
    feed(profile, [act.exec('/bin/tool7', { container: 'c'.repeat(64) })], 'later')
  },
  'counts of a source': (profile) => {
    const span = { first: '2026-11-26T10:00:00Z', last: '2026-11-26T11:00:00Z' }
    const seen = { ...other, origin: 'entrypoint' as const, count: 9, node: 'n1', source: 'ebpf' }
    for (const { id } of profile.entries())
      profile.addCountUpdate(id, { ...seen, ...span }, 'later')
  },
  'a decision': (profile) => {
    const ids = profile.entries().map(({ id }) => id)
    profile.decideAll(ids, { ...author, kind: 'rejected' })
  },
  'decisions that are withdrawn': (profile) => {
    const ids = profile.entries().map(({ id }) => id)
    profile.withdrawAll(ids, author)
  },
  'a container that is forgotten': (profile) => {
    profile.forget({ kind: 'container', container: other.container })
  },
  'evidence of another node': (profile) => {
    const copy = profileOf()
    feed(copy, [act.exec('/bin/tool3', { container: 'd'.repeat(64) })])
    profile.merge(copy.entries())
  },
  'inherited behaviours that end': (profile) => {
    profile.expireInherited(() => true)
  },
  'evidence that is added up': (profile) => {
    for (let n = 0; n < 40; n++) {
      feed(profile, [act.exec('/bin/tool3', { container: String(n).padStart(64, 'a') })])
    }
    profile.fold({ node: 'n1', isOver: () => true }, () => true)
  },
}

const textsOf = (drained: Iterable<DrainedEntry>): readonly string[] =>
  [...drained].map((entry) => JSON.stringify(entry)).sort()

describe('What the store gets over several turns', () => {
  it.each(Object.entries(changes))('is as it was in one of them, before: %s', (_, change) => {
    const profile = profileOf()
    const at = profileOf()
    const write = profile.drain()
    const taken = (write?.entries ?? [])[Symbol.iterator]()
    const some: DrainedEntry[] = []
    for (let n = 0; n < 5; n++) {
      const next = taken.next()
      if (next.done !== true) some.push(next.value)
    }
    const before = textsOf(some)
    change(profile)
    expect(textsOf(some)).toEqual(before)
    const rest: DrainedEntry[] = []
    for (let next = taken.next(); next.done !== true; next = taken.next()) rest.push(next.value)
    const whole = writeOf(at)
    expect(textsOf([...some, ...rest])).toEqual(textsOf(whole.entries))
    expect(write?.counts).toEqual(whole.counts)
    // The next drain has what changed.
    expect(writeOf(profile)).not.toEqual(nothing)
  })
})

describe('What the fleet gets over several turns', () => {
  /** Learned evidence and decisions. */
  const sharedOf = (entry: Readonly<LiveEntry>): string =>
    JSON.stringify(sharedForm(entry.toJSON(), 'n1'))

  it.each(Object.entries(changes))('is as it was in one of them, before: %s', (_, change) => {
    const expected = [...profileOf().snapshot(sharedOf)].sort()
    const profile = profileOf()
    const taken = profile.snapshot(sharedOf)[Symbol.iterator]()
    const texts = Array.from({ length: 5 }, () => taken.next().value as string)
    // Others read too, and the store in the end.
    const whole = profile.snapshot(sharedOf)
    const drained = textsOf(writeOf(profile).entries)
    change(profile)
    for (let next = taken.next(); next.done !== true; next = taken.next()) texts.push(next.value)
    expect(texts.sort()).toEqual(expected)
    expect([...whole].sort()).toEqual(expected)
    expect(drained).toEqual(textsOf(writeOf(profileOf()).entries))
    // A later one has what changed, where it is of what the fleet gets.
    const after = [...profile.snapshot(sharedOf)].sort()
    expect(after).toEqual([...profile.outline()].map(sharedOf).sort())
  })

  it('is read no more once nobody asks for the rest', () => {
    const profile = profileOf()
    let read = 0
    for (const _ of profile.snapshot(() => (read += 1))) break
    const ids = profile.entries().map(({ id }) => id)
    profile.decideAll(ids, { ...author, kind: 'rejected' })
    expect(read).toBe(1)
  })
})
