import { describe, expect, it } from 'vitest'
import { VersionBounds } from '../../../../src/agent/records/versions/version-bounds.ts'
import { act } from '../../../fixtures/event-fixture.ts'
import { judgingWith } from '../../../fixtures/judging.ts'
import { registryWith } from '../../../fixtures/version-registry.ts'

const bound = 300

function world() {
  const now = () => Date.parse('2026-11-24T13:40:00Z')
  const registry = registryWith({ bounds: new VersionBounds(bound), now })
  const { stage } = judgingWith({ registry, now })
  const run = (name: string, programs: number): void => {
    const image = { repository: `shop/${name}`, digest: 'sha256:aa' }
    for (let n = 0; n < programs; n += 1) {
      const event = { ...act.exec(`/bin/${name}${n}`, { container: name }), image }
      stage.judge({ messages: [{ type: 'event', event }], source: 'file' })
    }
    registry.lifecycle.tick()
  }
  return { registry, run, version: (name: string) => registry.index.findOne(`shop/${name}`) }
}

describe('The behaviours of all versions', () => {
  it('end at a bound for a version with a flood of them, and not for one with an equal part', () => {
    const { run, version } = world()
    for (const name of ['small', 'other']) run(name, 1)
    run('flood', 1_000)
    expect(version('flood').profile.size).toBe(bound - 2)
    expect(version('flood').losses.spans).toMatchObject([
      { reason: 'profile-full', count: 1_000 - (bound - 2) },
    ])
    run('small', 90)
    expect(version('small').profile.size).toBe(90)
    expect(version('small').losses.spans).toEqual([])
    run('small', 500)
    expect(version('small').profile.size).toBe(bound / 3)
  })

  it('have room again when a version is removed', () => {
    const { registry, run, version } = world()
    run('flood', 1_000)
    registry.remove(version('flood'))
    run('next', 1)
    run('next', 200)
    expect(version('next').profile.size).toBe(200)
  })
})
