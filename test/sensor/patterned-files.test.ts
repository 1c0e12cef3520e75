import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { ActEvent } from '../../src/core/event/event.ts'
import { compileKernel } from '../fixtures/without-pauses.ts'
import type { KernelProfile } from '../../src/core/compile/kernel-profile.ts'
import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { shaper } from '../fixtures/event-fixture.ts'
import { Acts, hex } from './acts.ts'
import { oneSensor } from './one-sensor.ts'

const scope = 1
const KILLED = 'killed 9'
const sensor = oneSensor()
const running: Acts[] = []

afterAll(async () => {
  for (const acts of running) await acts.stop()
})

/** Names without an order, of which a container reads some while it is learned, and others later. */
function paths(from: number, to: number): readonly string[] {
  return Array.from({ length: to - from }, (_, n) => {
    const name = (Math.imul(from + n + 1, 2_654_435_761) >>> 0).toString(16).padStart(8, '0')
    return `/data/${name}`
  })
}

const reads = (list: readonly string[]): string[] => list.map((path) => `+ read ${hex(path)}`)

function compiled(events: readonly ActEvent[]): KernelProfile {
  const profile = new Profile(shaper)
  for (const event of events) {
    profile.observe(event, behavioursOf(event, shaper), { phase: 'learned' })
  }
  profile.settle()
  return compileKernel(profile, { now: 0, shippedMatching: () => [] }).profile
}

async function startActs(): Promise<Acts> {
  const acts = new Acts(sensor.image)
  running.push(acts)
  await acts.did(reads(['/etc/secret']))
  return acts
}

test('a file that a pattern allows is counted each time, and only as long as the profile allows it', async () => {
  const learned = paths(0, 100)
  const fresh = paths(100, 110)
  for (const path of [...learned, ...fresh]) writeFileSync(join(sensor.image, 'image', path), 'x')
  const { source } = sensor.recorder
  const first = await startActs()
  await first.did(reads(learned))
  await source.obeyed()
  const events = sensor.recorder.acts(first.id)
  const withPattern = compiled(events)
  const without = compiled(
    events.filter((event) => event.kind !== 'file' || !event.file.path.startsWith('/data/')),
  )

  const { control } = source
  const use = async (profile: KernelProfile): Promise<void> => {
    control.profile?.(scope, profile)
    await source.obeyed()
  }
  control.enforce?.(scope, { mode: 'block', budget: 1_000_000 })
  await use(withPattern)
  const acts = await startActs()
  control.assign(acts.id, scope, { enforce: true })
  await source.obeyed()
  sensor.recorder.messages.length = 0
  const counted = (): number =>
    sensor.recorder
      .countUpdates(acts.id)
      .filter(({ expected }) => expected !== undefined)
      .reduce((sum, { count }) => sum + count, 0)

  const thrice = [...fresh, ...fresh, ...fresh]
  expect(await acts.did(reads(thrice))).toEqual(thrice.map(() => '0'))
  await source.obeyed()
  expect(sensor.recorder.acts(acts.id)).toEqual([])
  control.flush()
  await sensor.recorder.until(() => counted() >= thrice.length, 'a count of each read')

  await use(without)
  expect(await acts.did(reads(fresh))).toEqual(fresh.map(() => KILLED))
  await source.obeyed()
  const reported = sensor.recorder.acts(acts.id).filter(({ kind }) => kind === 'file')
  expect(reported).toHaveLength(fresh.length)
  for (const event of reported) expect(event.enforced).toBe('killed')

  await use(withPattern)
  expect(await acts.did(reads(thrice))).toEqual(thrice.map(() => '0'))
})
