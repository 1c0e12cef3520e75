import { expect, it } from 'vitest'
import { finish } from '../../../../src/core/steps.ts'
import type { DeployedVersion } from '../../../../src/agent/records/versions/deployed-version.ts'
import { act, feed } from '../../../fixtures/event-fixture.ts'
import { registryWith } from '../../../fixtures/version-registry.ts'

const time = '2026-11-24T13:40:27.123456Z'
const minute = 60_000

/** Whether its evidence is packed. Of packed evidence, a cell that was given out shows nothing of what comes later. */
function isPacked({ profile }: DeployedVersion, between: () => void): boolean {
  feed(profile, [act.exec('/bin/tool')])
  const cells = [...profile.outline()].flatMap((entry) => [...entry.allCells()])
  between()
  const before = cells.map(({ count }) => count)
  feed(profile, [act.exec('/bin/tool')])
  expect(cells).toHaveLength(1)
  return cells.every(({ count }, i) => count === before[i])
}

it('packs evidence that was not used for two minutes, of versions that do not learn', () => {
  let now = Date.parse(time)
  const registry = registryWith({ now: () => now })
  const [settled, learning] = ['aa', 'bb'].map((digest) =>
    registry.ofImage({ repository: 'shop/web', digest: `sha256:${digest}` }, time),
  )
  if (settled === undefined || learning === undefined) throw new Error('a version is missing')
  settled.life = { ...settled.life, state: 'enforced' }
  const rounds = (count: number, everyMs: number) => (): void => {
    for (let n = 0; n < count; n++) {
      now += everyMs
      finish(registry.lifecycle.packSteps())
    }
  }
  rounds(1, 0)()
  expect(isPacked(settled, rounds(1, minute))).toBe(false)
  expect(isPacked(settled, rounds(4, minute))).toBe(true)
  expect(isPacked(learning, rounds(4, minute))).toBe(false)
  // A clock that is set back delays no round for long.
  now -= 100 * 24 * 60 * minute
  expect(isPacked(settled, rounds(4, minute))).toBe(true)
})
