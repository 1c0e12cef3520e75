import { describe, expect, it } from 'vitest'
import type { Cell } from '../../../src/core/profile/evidence.ts'
import type { Profile } from '../../../src/core/profile/profile.ts'
import { finish } from '../../../src/core/steps.ts'
import { act, feed, learned } from '../../fixtures/event-fixture.ts'
import { writeOf } from '../../fixtures/stored-copy.ts'

const containers = ['a', 'b', 'c'].map((name) => name.repeat(64))
const programs = ['/bin/one', '/bin/two', '/bin/three']

const events = containers.flatMap((container) =>
  programs.map((path) => act.exec(path, { container })),
)

const author = { by: 'cli:root', at: '2026-11-26T10:00:00.000Z' }

function pack(profile: Profile, rounds: number): void {
  for (let round = 0; round < rounds; round++) finish(profile.packSteps())
}

/** The cells of the first container. Of packed evidence, they show nothing of what comes later. */
function cellsOf(profile: Profile): readonly Cell[] {
  return [...profile.outline()].flatMap((entry) => entry.cellsOf(containers[0] ?? ''))
}

/** How many of the cells still show what comes now. */
function open(profile: Profile, cells: readonly Cell[]): number {
  const before = cells.map(({ count }) => count)
  feed(profile, events)
  return cells.filter(({ count }, i) => count > (before[i] ?? 0)).length
}

const changes: Readonly<Record<string, (profile: Profile) => void>> = {
  'more events': (profile) => feed(profile, events),
  'an event of another container': (profile) => {
    feed(profile, [act.exec('/bin/two', { container: 'd'.repeat(64) })], 'later')
  },
  'counts of a source': (profile) => {
    const span = { first: '2026-11-26T10:00:00Z', last: '2026-11-26T11:00:00Z' }
    const seen = { origin: 'entrypoint' as const, count: 9, node: 'n1', source: 'ebpf', ...span }
    for (const { id } of profile.entries())
      profile.addCountUpdate(id, { ...seen, container: containers[1] ?? '' }, 'later')
  },
  'a decision': (profile) => {
    const ids = profile.entries().map(({ id }) => id)
    profile.decideAll(ids, { ...author, kind: 'approved' })
  },
  'a removal': (profile) => {
    profile.forget({ kind: 'container', container: containers[0] ?? '' })
  },
  'the removal of all evidence': (profile) => {
    profile.forget({ kind: 'time', from: -Infinity, to: Infinity })
  },
  'sums of old evidence': (profile) => {
    for (let n = 0; n < 9; n++) feed(profile, [act.exec('/bin/two', { container: `${n}` })])
    profile.fold({ node: 'n1', isOver: () => true }, () => true)
  },
}

describe('Packed evidence', () => {
  it('comes of the second of two rounds between which it was not used', () => {
    const profile = learned(...events)
    const cells = cellsOf(profile)
    pack(profile, 1)
    expect(open(profile, cells)).toBe(programs.length)
    pack(profile, 2)
    expect(open(profile, cells)).toBe(0)
  })

  it('stays open where it was used since the last round', () => {
    const profile = learned(...events)
    const cells = cellsOf(profile)
    pack(profile, 1)
    feed(profile, [act.exec('/bin/two', { container: containers[2] ?? '' })])
    pack(profile, 1)
    expect(open(profile, cells)).toBe(1)
  })

  it('stays packed while only states are read', () => {
    const profile = learned(...events)
    const cells = cellsOf(profile)
    pack(profile, 1)
    expect(finish(profile.tally()).states.learned).toBe(programs.length)
    pack(profile, 1)
    expect(open(profile, cells)).toBe(0)
  })

  it.each(Object.entries(changes))('has the same result as open evidence of %s', (_, change) => {
    const [packed, opened] = [learned(...events), learned(...events)]
    pack(packed, 2)
    for (const profile of [packed, opened]) change(profile)
    expect(packed.entries()).toEqual(opened.entries())
    expect([...packed.all()].map((each) => each.grants.toJSON())).toEqual(
      [...opened.all()].map((each) => each.grants.toJSON()),
    )
    const drained = [packed, opened].map(writeOf)
    expect(drained[0]).toEqual(drained[1])
  })

  it('opens no parked profile, and is no use of a profile that would be parked', () => {
    const profile = learned(...events)
    writeOf(profile)
    profile.park()
    pack(profile, 2)
    profile.park()
    expect(profile.isParked).toBe(true)
    pack(profile, 2)
    expect(profile.isParked).toBe(true)
  })

  it('may lose and get behaviours in the middle of a round', () => {
    const profile = learned(...events)
    pack(profile, 1)
    const round = profile.packSteps()
    round.next()
    profile.forget({ kind: 'time', from: -Infinity, to: Infinity })
    feed(profile, [...events, act.exec('/bin/four')])
    finish(round)
    pack(profile, 2)
    const opened = learned(...events, act.exec('/bin/four'))
    expect(profile.entries()).toEqual(opened.entries())
  })
})
