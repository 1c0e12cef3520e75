import { expect, it } from 'vitest'
import type { ActEvent } from '../../../../src/core/event/event.ts'
import { act, feed } from '../../../fixtures/event-fixture.ts'
import { registryWith } from '../../../fixtures/version-registry.ts'

const time = '2026-11-24T13:40:27.123456Z'

const namesFrom = (from: number, to: number): readonly ActEvent[] =>
  Array.from({ length: to - from }, (_, n) => {
    const name = ((from + n) * 7_919 + 1_000_003).toString(36)
    return act.file(`/srv/queue/job-${name}.in`, ['write'])
  })

it('derives the places of a version that learns beside judging, each time when its names have doubled', () => {
  const rules = { floorMs: 3_600_000, ceilingMs: 36_000_000, unseen: 0.01, after: 'alert' } as const
  const registry = registryWith({ rules })
  const image = { repository: 'shop/web', digest: 'sha256:aa' }
  const { profile, life } = registry.ofImage(image, time)
  const covered = (): number => {
    return [...profile.outline()].filter(({ within }) => within !== undefined).length
  }
  feed(profile, namesFrom(0, 600))
  expect(covered()).toBe(0)
  registry.lifecycle.tick()
  expect(covered()).toBe(600)
  feed(profile, namesFrom(600, 1_000))
  registry.lifecycle.tick()
  expect(covered()).toBe(600)
  feed(profile, namesFrom(1_000, 1_300))
  registry.lifecycle.tick()
  expect(covered()).toBeGreaterThan(1_250)
  expect(life.state).toBe('learning')
})
