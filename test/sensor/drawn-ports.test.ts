import { afterEach, describe, expect, it } from 'vitest'
import type { ActEvent } from '../../src/core/event/event.ts'
import { compileKernel } from '../fixtures/without-pauses.ts'
import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { tagOf } from '../../src/core/compile/kernel-profile.ts'
import { shaper } from '../fixtures/event-fixture.ts'
import { Acts } from './acts.ts'
import { oneSensor } from './one-sensor.ts'

const EPERM = '1'
const REFUSED = '111'
const KILLED = 'killed 9'
const scope = 1
/** The kernel draws the port where the caller asks for none. */
const listens = 'listen 127.0.0.1 0'

const sensor = oneSensor()
const running: Acts[] = []

afterEach(async () => {
  for (const acts of running.splice(0)) await acts.stop()
})

async function eventsOf(lines: readonly string[]): Promise<readonly ActEvent[]> {
  const acts = new Acts(sensor.image)
  running.push(acts)
  await acts.did(lines)
  await sensor.recorder.source.obeyed()
  return sensor.recorder.acts(acts.id)
}

describe('a service that draws its ports anew at each start', () => {
  it('is known by their range after four starts, in block mode too, as one count', async () => {
    const profile = new Profile(shaper)
    const ephemeral = [40_001, 47_313, 52_999, 59_040]
    for (const port of ephemeral) {
      for (const event of await eventsOf([listens, `tcp 127.0.0.2 ${port}`])) {
        profile.observe(event, behavioursOf(event, shaper), { phase: 'learned' })
      }
    }
    profile.settle()
    const { control } = sensor.recorder.source
    control.profile?.(scope, compileKernel(profile, { now: 0, shippedMatching: () => [] }).profile)
    control.enforce?.(scope, { mode: 'block', budget: 1_000_000 })
    const acts = new Acts(sensor.image)
    running.push(acts)
    control.assign(acts.id, scope, { enforce: true })
    await sensor.recorder.source.obeyed()
    sensor.recorder.messages.length = 0

    const again = Array.from({ length: 8 }, () => listens)
    const connects = ['tcp 127.0.0.2 33333', 'tcp 127.0.0.2 60999']
    expect(await acts.did([...again, ...connects])).toEqual([
      ...again.map(() => '0'),
      ...connects.map(() => REFUSED),
    ])
    await sensor.recorder.source.obeyed()
    expect(sensor.recorder.acts(acts.id)).toEqual([])

    const range = profile
      .entries()
      .find(({ object, place }) => object.kind === 'listen' && place !== undefined)
    const tag = tagOf(range?.id ?? '')
    const counts = () =>
      sensor.recorder.countUpdates(acts.id).filter((one) => one.expected?.tags.includes(tag))
    await sensor.recorder.until(() => counts().length > 0, 'a count of the range')
    expect(new Set(counts().map(({ key }) => key)).size).toBe(1)
    expect(counts().reduce((sum, { count }) => sum + count, 0)).toBe(again.length)

    expect(
      await acts.did(['+ tcp 127.0.0.2 4444', '+ tcp 127.0.0.2 61000', '+ tcp 127.0.0.3 40001']),
    ).toEqual([EPERM, EPERM, EPERM])
    expect(await acts.did(['+ listen 127.0.0.1 4444', '+ listen 0.0.0.0 0'])).toEqual([
      KILLED,
      KILLED,
    ])
    await sensor.recorder.source.obeyed()
    const reported = sensor.recorder.acts(acts.id)
    expect(reported.filter(({ kind }) => kind === 'connect')).toHaveLength(3)
    expect(reported.filter(({ kind }) => kind === 'listen')).toHaveLength(2)
  })
})
