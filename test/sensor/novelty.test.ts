import { afterEach, describe, expect, it } from 'vitest'
import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { compileKernel } from '../fixtures/without-pauses.ts'
import type { ActEvent } from '../../src/core/event/event.ts'
import { judge } from '../../src/core/match/judge.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { guardrails, shaper } from '../fixtures/event-fixture.ts'
import { Acts, hex } from './acts.ts'
import { oneSensor } from './one-sensor.ts'

const KILLED = 'killed 9'
const sensor = oneSensor()
let acts: Acts
let profile: Profile
/** Each test has its own version. */
let scope = 0

afterEach(() => acts.stop())

/** Root gives a file away, which needs a capability, and is blocked from everything else from then on. */
async function blocked(novelty: boolean): Promise<void> {
  scope += 1
  acts = new Acts(sensor.image)
  const given = [`write ${hex('/data/log')}`, `+ chown ${hex('/data/log')}`]
  expect(await acts.did(given)).toEqual(['0', '0'])
  const { control } = sensor.recorder.source
  await sensor.recorder.source.obeyed()
  profile = new Profile(shaper)
  for (const event of sensor.recorder.acts(acts.id))
    profile.observe(event, behavioursOf(event, shaper), { phase: 'learned' })
  const options = { now: 0, shippedMatching: () => [] }
  const compiled = compileKernel(profile, novelty ? { ...options, novelty: guardrails } : options)
  control.profile?.(scope, compiled.profile)
  control.enforce?.(scope, { mode: 'block', budget: 1_000_000 })
  control.assign(acts.id, scope, { enforce: true })
  await sensor.recorder.source.obeyed()
  sensor.recorder.messages.length = 0
}

async function capabilities(): Promise<readonly ActEvent[]> {
  await sensor.recorder.source.obeyed()
  return sensor.recorder.acts(acts.id).filter(({ kind }) => kind === 'capability')
}

function namesOf(events: readonly ActEvent[]): readonly string[] {
  return events.flatMap((event) => (event.kind === 'capability' ? [event.capability.name] : []))
}

/** The file has another owner by now. */
const changeRights = `+ chmod ${hex('/data/log')}`
const enterNamespace = '+ unshare 0x4000000'

describe('in block mode, a further capability for files of others', () => {
  it('passes as novelty, is reported as not stopped, and lets nothing else pass', async () => {
    await blocked(true)
    expect(await acts.did([changeRights, changeRights])).toEqual(['0', '0'])
    const passed = await capabilities()
    expect(namesOf(passed)).toContain('CAP_FOWNER')
    for (const event of passed) {
      expect(event.enforced, JSON.stringify(event)).toBeUndefined()
      const judged = judge(profile, event, behavioursOf(event, shaper), { guardrails })
      expect(judged).toMatchObject({ outcome: 'deviation', severity: 'low', guardrails: [] })
    }
    expect(await acts.did([enterNamespace])).toEqual([KILLED])
    const stopped = (await capabilities()).slice(passed.length)
    expect(namesOf(stopped)).toEqual(['CAP_SYS_ADMIN'])
    expect(stopped[0]?.enforced).toBeDefined()
  })

  it('is stopped where every deviation is', async () => {
    await blocked(false)
    expect(await acts.did([changeRights])).toEqual([KILLED])
    const stopped = await capabilities()
    expect(namesOf(stopped)).toContain('CAP_FOWNER')
    for (const event of stopped) expect(event.enforced, JSON.stringify(event)).toBeDefined()
  })
})
