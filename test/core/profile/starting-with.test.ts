import { expect, it } from 'vitest'
import { Profile } from '../../../src/core/profile/profile.ts'
import { act, feed, shaper } from '../../fixtures/event-fixture.ts'
import { writeOf } from '../../fixtures/stored-copy.ts'

it('finds behaviours by the begin of their id, also while others come, and once parked', () => {
  const profile = new Profile(shaper)
  const same = (a: readonly string[], b: readonly string[]): void =>
    expect([...a].sort()).toEqual(b)
  const ids = (): readonly string[] =>
    profile
      .entries()
      .map(({ id }) => id)
      .sort()
  const check = (): void => {
    const all = ids()
    for (const id of all) {
      for (const length of [1, 2, 3, 17, id.length]) {
        const prefix = id.slice(0, length)
        same(
          profile.startingWith(prefix),
          all.filter((each) => each.startsWith(prefix)),
        )
      }
      expect(profile.startingWith(`${id}0`)).toEqual([])
    }
    expect(profile.startingWith('')).toEqual([])
  }
  for (let n = 0; n < 60; n++) {
    feed(profile, [act.exec(`/usr/bin/tool${n}`)])
    if (n % 20 === 0) check()
  }
  check()
  const all = ids()
  profile.settle()
  writeOf(profile)
  profile.park()
  profile.park()
  expect(profile.isParked).toBe(true)
  same(profile.startingWith('b'), all)
  expect(profile.startingWith(all[7] ?? '')).toEqual([all[7]])
  expect(profile.isParked).toBe(true)
})
