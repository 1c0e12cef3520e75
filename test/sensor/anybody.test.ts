import { afterEach, describe, expect, it } from 'vitest'
import type { ActEvent } from '../../src/core/event/event.ts'
import { compileKernel } from '../fixtures/without-pauses.ts'
import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { shaper } from '../fixtures/event-fixture.ts'
import { Acts } from './acts.ts'
import { oneSensor } from './one-sensor.ts'

const scope = 1
const sensor = oneSensor()
const running: Acts[] = []

afterEach(async () => {
  for (const acts of running.splice(0)) await acts.stop()
})

function startActs(): Acts {
  const acts = new Acts(sensor.image)
  running.push(acts)
  return acts
}

/** As a server of mail or files does: a process of its own for each person. */
const actsFor = (uids: readonly number[]) => uids.map((uid) => `+ setuid ${uid}`)

async function learnedFor(uids: readonly number[]): Promise<Profile> {
  const profile = new Profile(shaper)
  const acts = startActs()
  expect(await acts.did(actsFor(uids))).toEqual(uids.map(() => '0'))
  await sensor.recorder.source.obeyed()
  for (const event of sensor.recorder.acts(acts.id)) {
    profile.observe(event, behavioursOf(event, shaper), { phase: 'learned' })
  }
  return profile
}

async function blocked(profile: Profile, uids: readonly number[]) {
  const { control } = sensor.recorder.source
  control.profile?.(scope, compileKernel(profile, { now: 0, shippedMatching: () => [] }).profile)
  control.enforce?.(scope, { mode: 'block', budget: 1_000_000 })
  const acts = startActs()
  control.assign(acts.id, scope, { enforce: true })
  await sensor.recorder.source.obeyed()
  sensor.recorder.messages.length = 0
  const results = await acts.did(actsFor(uids))
  await sensor.recorder.source.obeyed()
  const reported = sensor.recorder
    .acts(acts.id)
    .flatMap((event: ActEvent) => (event.kind === 'identity' ? [event.identity.to.uid] : []))
  return { passed: uids.filter((_, i) => results[i] === '0'), reported }
}

describe('a service that takes the identity of people', () => {
  it('may act for anybody once it did for three, in block mode too', async () => {
    const profile = await learnedFor([1_001, 1_002, 1_003])
    const others = [33, 999, 60_001, 70_000]
    const { passed, reported } = await blocked(profile, [1_001, 1_017, 60_000, ...others])
    expect(passed).toEqual([1_001, 1_017, 60_000])
    expect(reported).toEqual(others)
  })

  it('may act for nobody else after two', async () => {
    const profile = await learnedFor([1_001, 1_002])
    const { passed, reported } = await blocked(profile, [1_001, 1_002, 1_017])
    expect(passed).toEqual([1_001, 1_002])
    expect(reported).toEqual([1_017])
  })
})
