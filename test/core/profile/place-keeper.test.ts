import { describe, expect, it } from 'vitest'
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

const nameOf = (n: number): string => `job-${(n * 7_919 + 1_000_003).toString(36)}.in`

/** A keeper whose program makes ever new names in /srv/queue. */
function keeperOfNames(known: Map<string, LiveEntry>): PlaceKeeper {
  const keeper = new PlaceKeeper(shaper)
  for (let n = 0; n < 40; n++) {
    for (const entry of entriesOf(act.file(`/srv/queue/${nameOf(n)}`, ['write']), 'learned')) {
      known.set(entry.key, entry)
      keeper.add(entry)
    }
  }
  return keeper
}

function settledKeeper(): PlaceKeeper {
  const known = new Map<string, LiveEntry>()
  const keeper = keeperOfNames(known)
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

describe('Places that were prepared', () => {
  const meanwhile: Readonly<Record<string, (keeper: PlaceKeeper, known: LiveEntry[]) => void>> = {
    'a name in another container': (keeper, [first]) => {
      if (first !== undefined) keeper.grew(first)
    },
    'a program elsewhere is run': (keeper) => {
      for (const entry of entriesOf(act.exec('/opt/tool'), 'learned')) keeper.add(entry)
    },
    'one of the names is run': (keeper) => {
      const run = act.exec(`/srv/queue/${nameOf(3)}`)
      for (const entry of entriesOf(run, 'learned')) keeper.add(entry)
    },
    'a name is taken away': (keeper, [first]) => {
      if (first !== undefined) keeper.remove(first)
    },
    'a person decides on a name': (keeper, [first]) => {
      if (first !== undefined) keeper.touch(first)
    },
  }
  const holds = ['a name in another container', 'a program elsewhere is run']

  it.each(Object.entries(meanwhile))('hold only where evidence grew since: %s', (what, happens) => {
    const known = new Map<string, LiveEntry>()
    const keeper = keeperOfNames(known)
    const { seen } = keeper
    let pauses = 0
    for (const steps = keeper.prepare(known); steps.next().done !== true; ) {
      pauses += 1
      if (pauses === 20) happens(keeper, [...known.values()])
    }
    expect(pauses).toBeGreaterThan(40)
    const { added } = keeper.settlePrepared(known, seen)
    expect(added.map(({ object }) => object)).toHaveLength(holds.includes(what) ? 1 : 0)
    // What came later waits for the next time.
    expect(keeper.isDirty).toBe(true)
  })
})
