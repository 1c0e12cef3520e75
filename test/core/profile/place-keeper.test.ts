import { expect, it } from 'vitest'
import { behavioursOf } from '../../../src/core/behaviour/behaviour.ts'
import type { ActEvent } from '../../../src/core/event/event.ts'
import { LiveEntry } from '../../../src/core/profile/live-entry.ts'
import { PlaceKeeper } from '../../../src/core/profile/place-keeper.ts'
import { act, shaper } from '../../fixtures/event-fixture.ts'

const when = Date.parse('2026-11-26T10:00:00Z') * 1000

/** Entries of the event's behaviours, seen once in that phase. */
function entriesOf(event: ActEvent, phase: 'learned' | 'later'): readonly LiveEntry[] {
  return behavioursOf(event, shaper).map((ref) => {
    const entry = LiveEntry.ofRef(ref, ref.actor, shaper)
    entry.cell('c1', 'entrypoint', undefined, phase).see(1, when)
    return entry
  })
}

/** A keeper whose program makes ever new names in /srv/queue. */
function settledKeeper(): PlaceKeeper {
  const keeper = new PlaceKeeper(shaper)
  const known = new Map<string, LiveEntry>()
  for (let n = 0; n < 40; n++) {
    const name = (n * 7_919 + 1_000_003).toString(36)
    for (const entry of entriesOf(act.file(`/srv/queue/job-${name}.in`, ['write']), 'learned')) {
      known.set(entry.key, entry)
      keeper.add(entry)
    }
  }
  expect(keeper.settle(known).added.length).toBeGreaterThan(0)
  expect(keeper.isDirty).toBe(false)
  return keeper
}

it('derives places again for new evidence', () => {
  const keeper = settledKeeper()
  for (const entry of entriesOf(act.file('/srv/queue/job-x9y8.in', ['write']), 'learned')) {
    keeper.add(entry)
  }
  expect(keeper.isDirty).toBe(true)
})

it('derives nothing again for deviations, however many there are', () => {
  const keeper = settledKeeper()
  for (let n = 0; n < 100; n++) {
    for (const entry of entriesOf(act.file(`/srv/queue/.hidden${n}`, ['write']), 'later')) {
      keeper.add(entry)
    }
    for (const entry of entriesOf(act.exec(`/tmp/tool${n}`), 'later')) keeper.add(entry)
  }
  expect(keeper.isDirty).toBe(false)
})

it('derives a place again where one of its files was run', () => {
  const keeper = settledKeeper()
  for (const entry of entriesOf(act.exec('/srv/queue/job-1abc.in'), 'later')) keeper.add(entry)
  expect(keeper.isDirty).toBe(true)
})
