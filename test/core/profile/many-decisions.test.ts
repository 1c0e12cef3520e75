import { describe, expect, it } from 'vitest'
import { behavioursOf } from '../../../src/core/behaviour/behaviour.ts'
import type { ActEvent } from '../../../src/core/event/event.ts'
import type { DecisionInput } from '../../../src/core/profile/entry-decisions.ts'
import { Profile } from '../../../src/core/profile/profile.ts'
import { finish } from '../../../src/core/steps.ts'
import { act, feed, learned, shaper } from '../../fixtures/event-fixture.ts'
import { nothing, writeOf } from '../../fixtures/stored-copy.ts'

const author = { by: 'cli:root', at: '2026-11-26T10:00:00.000Z' }
const approved: DecisionInput = { ...author, kind: 'approved' }
const rejected: DecisionInput = { ...author, kind: 'rejected' }
const now = Date.parse('2026-11-26T11:00:00Z') * 1_000

const made = Array.from({ length: 40 }, (_, n) => (n * 7_919 + 1_000_003).toString(36))
const evidence: readonly ActEvent[] = [
  ...made.map((name) => act.file(`/srv/queue/job-${name}.in`, ['write'])),
  act.exec('/bin/sh'),
  act.connect('10.0.0.7', 5432),
]
const deviations: readonly ActEvent[] = [
  ...['red', 'oak', 'sun'].map((name) => act.file(`/etc/${name}.conf`, ['read'])),
  ...made.slice(0, 5).map((name) => act.file(`/var/cache/${name}/5f3a9c0de1b24877`, ['create'])),
  act.file('/etc/shadow', ['read']),
  act.exec('/usr/bin/curl'),
  act.connect('203.0.113.9', 443),
]

function profileOf(): Profile {
  const profile = learned(...evidence)
  feed(profile, deviations, 'later')
  return profile
}

/** What it expects of all of these. */
function expected(profile: Profile): readonly boolean[] {
  const refs = [...evidence, ...deviations].flatMap((event) => behavioursOf(event, shaper))
  return refs.map((ref) => profile.isExpected(ref, now))
}

const decisions: Readonly<Record<string, (profile: Profile, isPrepared: boolean) => void>> = {
  approve: (profile, isPrepared) => decideAll(profile, approved, isPrepared),
  reject: (profile, isPrepared) => decideAll(profile, rejected, isPrepared),
  withdraw: (profile) => profile.withdrawAll(idsOf(profile), author),
}

const idsOf = (profile: Profile) => profile.entries().map(({ id }) => id)

function decideAll(profile: Profile, decision: DecisionInput, isPrepared: boolean): void {
  const ids = idsOf(profile)
  const prepared = isPrepared ? finish(profile.prepareDecision(ids)) : undefined
  expect(profile.decideAll(ids, decision, prepared)).toBe(ids.length)
}

const sequences = Object.keys(decisions).flatMap((first) =>
  Object.keys(decisions).map((second) => [first, second] as const),
)

describe('A decision on many behaviours', () => {
  it.each(sequences)('that %s, then %s, is the same prepared and at once', (first, second) => {
    const [prepared, atOnce] = [profileOf(), profileOf()]
    for (const name of [first, second]) {
      decisions[name]?.(prepared, true)
      decisions[name]?.(atOnce, false)
      expect(prepared.entries()).toEqual(atOnce.entries())
      // A loaded profile derives again all that follows from its entries.
      const loaded = Profile.load(prepared.entries(), shaper)
      expect(expected(prepared)).toEqual(expected(loaded))
      expect(prepared.patterns.anyRejected).toBe(loaded.patterns.anyRejected)
      expect(prepared.entries()).toEqual(loaded.entries())
    }
  })

  it('changes nothing while it is prepared', () => {
    const profile = profileOf()
    const before = profile.entries()
    const expectedBefore = expected(profile)
    const drained = writeOf(profile).entries
    expect(drained.length).toBeGreaterThan(0)
    const steps = profile.prepareDecision(idsOf(profile))
    while (steps.next().done !== true) expect(writeOf(profile)).toEqual(nothing)
    expect(profile.entries()).toEqual(before)
    expect(expected(profile)).toEqual(expectedBefore)
  })

  it('covers what was seen as it was prepared, and no name that comes later', () => {
    const profile = learned(act.exec('/bin/sh'))
    const logs = ['20261101', '20261102'].map((day) => act.file(`/srv/out-${day}.log`, ['create']))
    feed(profile, logs, 'later')
    const ids = profile
      .page()
      .filter(({ state }) => state === 'pending')
      .map(({ id }) => id)
    const prepared = finish(profile.prepareDecision(ids))
    const later = act.file('/srv/out-20261103.log', ['create'])
    feed(profile, [later], 'later')
    profile.decideAll(ids, approved, prepared)
    const isExpected = (event: ActEvent): boolean =>
      behavioursOf(event, shaper).every((ref) => profile.isExpected(ref, now))
    expect(logs.map(isExpected)).toEqual([true, true])
    expect(isExpected(later)).toBe(false)
  })
})
