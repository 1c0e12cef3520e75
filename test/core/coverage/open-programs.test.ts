import { expect, it } from 'vitest'
import { openClass } from '../../../src/core/behaviour/any-program.ts'
import { openPrograms } from '../../../src/core/coverage/open-programs.ts'
import { classEntry } from '../../../src/core/lifecycle/open-version.ts'
import { finish } from '../../../src/core/steps.ts'
import { act, feed, learned } from '../../fixtures/event-fixture.ts'

const start = Date.parse('2026-11-24T00:00:00Z')
const hours = 24

/** Programs that ran for the first time at these hours. */
function proposalFor(firsts: readonly number[]) {
  const events = firsts.flatMap((hour, n) =>
    // Each runs on until the end of the day.
    [hour, hours].map((at) => {
      const time = new Date(start + at * 3_600_000).toISOString()
      return act.exec(`/usr/bin/p${n}`, { time })
    }),
  )
  const [from, until] = [start * 1_000, (start + hours * 3_600_000) * 1_000]
  return finish(openPrograms(learned(...events).outline(), from, until))
}

it('a set of programs that goes on to grow is open', () => {
  const hourly = Array.from({ length: hours }, (_, hour) => hour)
  expect(proposalFor(hourly)).toEqual({ programs: 24, later: 12 })
})

it.each([
  ['that was there at the start', Array.from({ length: 40 }, () => 0)],
  ['that slows down', Array.from({ length: 40 }, (_, n) => (n < 32 ? n / 10 : 12 + n / 10))],
  ['that is small', Array.from({ length: 12 }, (_, n) => 2 * n)],
])('a set %s is not', (_, firsts) => {
  expect(proposalFor(firsts)).toBeUndefined()
})

it('of a version of class open, coverage counts what stays closed alone', () => {
  const at = (hour: number): string => new Date(start + hour * 3_600_000).toISOString()
  const events = Array.from({ length: hours }, (_, hour) =>
    act.exec(`/usr/bin/p${hour}`, { time: at(hour) }),
  )
  const profile = learned(...events)
  const run = { container: 'c1', from: start * 1_000, to: (start + 86_400_000) * 1_000 }
  const slice = 600_000_000
  expect(profile.coverage([run], slice).singletons).toBeGreaterThan(15)
  const decision = { kind: 'approved', by: 'jo', at: at(1) } as const
  profile.merge([classEntry(openClass, decision)])
  expect(profile.coverage([run], slice).singletons).toBe(0)
  feed(profile, [act.connect('198.51.100.7', 443, { time: at(5) })])
  expect(profile.coverage([run], slice).singletons).toBe(1)
})
