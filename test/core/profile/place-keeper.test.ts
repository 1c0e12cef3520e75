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

describe('a name of one use that one program makes and another one uses', () => {
  const stamps = ['2026-11-26T10:00:01', '2026-11-26T10:01:03', '2026-11-26T10:02:02']
  const [first = '', second = '', third = ''] = stamps.map((stamp) => `/srv/out/list-${stamp}`)
  const makes = (path: string) => act.file(path, ['write'], { exe: '/bin/writer' })
  const reads = (path: string) => act.file(path, ['read'], { exe: '/bin/packer' })
  type Step = readonly [ActEvent, 'learned' | 'later']

  /** Whether the reader is expected to read the next one, in this order of evidence. */
  function takes(
    steps: readonly Step[],
    settlesBetween = false,
    rejects?: (entry: LiveEntry) => boolean,
    path = third,
  ): boolean {
    const known = new Map<string, LiveEntry>()
    const keeper = new PlaceKeeper(shaper)
    for (const [event, phase] of steps) {
      for (const ref of behavioursOf(event, shaper)) {
        let entry = known.get(ref.key)
        if (entry === undefined) {
          entry = LiveEntry.ofRef(ref, ref.actor, shaper)
          known.set(ref.key, entry)
          keeper.add(entry)
        }
        const cell = entry.cell('c1', 'entrypoint', undefined, phase)
        cell.see(1, when)
        if (ref.literal !== undefined) cell.witness(ref.literal, when)
        if (cell.grants) keeper.grew(entry)
        else keeper.outdate(entry)
      }
      if (settlesBetween)
        for (const entry of keeper.settle(known).added) known.set(entry.key, entry)
    }
    for (const entry of keeper.settle(known).added) known.set(entry.key, entry)
    for (const entry of known.values()) {
      if (rejects?.(entry) !== true) continue
      keeper.touch(entry)
      entry.decision = { kind: 'rejected', by: 'ana', at: '2026-11-27T10:00:00Z', grants: [] }
    }
    keeper.settle(known)
    return [...known.values()].some(
      (entry) =>
        entry.actor.exe === '/bin/packer' &&
        entry.place !== undefined &&
        entry.allowance().takes(path, 'entrypoint', 0),
    )
  }

  const both: readonly Step[] = [
    [makes(first), 'learned'],
    [reads(first), 'learned'],
    [makes(second), 'learned'],
    [reads(second), 'learned'],
  ]

  it('varies for both, whichever was seen first', () => {
    for (const settles of [false, true]) {
      expect(takes(both, settles)).toBe(true)
      expect(takes([...both].reverse(), settles)).toBe(true)
      expect(takes(both.slice(0, 2), settles)).toBe(true)
    }
  })

  it('is the same one again where nothing is seen to make it', () => {
    expect(takes([both[1], both[3]].filter((step) => step !== undefined))).toBe(false)
  })

  it('does not vary for a program that reads another folder', () => {
    const elsewhere = first.replace('/srv/out', '/srv/other')
    expect(takes([[makes(elsewhere), 'learned'], ...both.filter((_, i) => i % 2 === 1)])).toBe(
      false,
    )
  })

  it('does not vary by what was made after the window', () => {
    const late: readonly Step[] = both.map(([event, phase], i) => [
      event,
      i % 2 === 0 ? 'later' : phase,
    ])
    expect(takes(late)).toBe(false)
    expect(takes([...late].reverse(), true)).toBe(false)
  })

  it('does not vary where a person rejects that it is made', () => {
    const isMade = ({ actor }: LiveEntry): boolean => actor.exe === '/bin/writer'
    expect(takes(both, false, isMade)).toBe(false)
    expect(takes(both, true, isMade)).toBe(false)
  })

  it('is that of a folder to work in, too', () => {
    const work = (name: string): string => `/srv/jobs/work.${name}`
    const inside = (name: string): string => `${work(name)}/source/main.c`
    const makesFolder = act.file(work('Bq8NeZ'), ['create'], { exe: '/bin/mktemp' })
    const copies = act.file(inside('Bq8NeZ'), ['write'], { exe: '/bin/packer' })
    const evidence: readonly Step[] = [
      [makesFolder, 'learned'],
      [copies, 'learned'],
    ]
    for (const steps of [evidence, [...evidence].reverse()])
      for (const settles of [false, true]) {
        expect(takes(steps, settles, undefined, inside('UiMH1P'))).toBe(true)
        expect(takes(steps, settles, undefined, `${work('UiMH1P')}/source/other.sh`)).toBe(false)
        expect(takes(steps, settles, undefined, '/srv/jobs/elsewhere/source/main.c')).toBe(false)
      }
    expect(takes(evidence.slice(1), false, undefined, inside('UiMH1P'))).toBe(false)
  })
})
