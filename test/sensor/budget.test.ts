import { afterEach, describe, expect, it } from 'vitest'
import { defaultBlockRules } from '../../src/core/lifecycle/blocking.ts'
import { compileKernel } from '../fixtures/without-pauses.ts'
import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { shaper } from '../fixtures/event-fixture.ts'
import { Acts, hex } from './acts.ts'
import { oneSensor } from './one-sensor.ts'

const { budget } = defaultBlockRules
/** Refused by the kernel, or ended before it could go on. */
const stopped = ['1', 'killed 9']

const sensor = oneSensor()
let running: Acts[] = []
let scope = 0

afterEach(async () => {
  await Promise.all(running.map((acts) => acts.stop()))
  running = []
})

/** A version whose profile allows the start of its containers, a child of theirs, and this. */
async function blockingVersion(lines: readonly string[] = []): Promise<void> {
  scope += 1
  const acts = new Acts(sensor.image)
  await acts.did(['+ read 2f', ...lines])
  await sensor.recorder.source.obeyed()
  const profile = new Profile(shaper)
  for (const event of sensor.recorder.acts(acts.id)) {
    profile.observe(event, behavioursOf(event, shaper), { phase: 'learned' })
  }
  await acts.stop()
  const { control } = sensor.recorder.source
  const compiled = compileKernel(profile, { now: 0, shippedMatching: () => [] })
  control.profile?.(scope, compiled.profile)
  control.enforce?.(scope, { mode: 'block', budget })
  await sensor.recorder.source.obeyed()
  sensor.recorder.messages.length = 0
}

async function started(uid?: number): Promise<Acts> {
  const acts = new Acts(sensor.image, undefined, uid)
  running.push(acts)
  await acts.did([])
  sensor.recorder.source.control.assign(acts.id, scope, { enforce: true })
  await sensor.recorder.source.obeyed()
  return acts
}

async function ended(acts: Acts): Promise<void> {
  running = running.filter((one) => one !== acts)
  await acts.stop()
}

/** Different in each: a peer, a file that is made, or a folder. */
function forbidden(n: number): string {
  const ways = [`+ tcp 127.0.0.1 ${8_000 + n}`, `+ write ${hex(`/data/made-${n}`)}`]
  return ways[n % ways.length] ?? ''
}

const disarmed = () => sensor.recorder.messages.filter((message) => message.type === 'disarmed')

const passed = (results: readonly string[]) =>
  results.filter((result) => !stopped.includes(result)).length

describe('the block budget', () => {
  it('is not spent by 241 different actions in 241 new containers: all are stopped', async () => {
    await blockingVersion()
    const results: string[] = []
    for (let n = 0; n < 241; n++) {
      const acts = await started()
      results.push(...(await acts.did([forbidden(n)])))
      await ended(acts)
    }
    await sensor.recorder.source.obeyed()
    expect(results).toHaveLength(241)
    expect(passed(results)).toBe(0)
    expect(disarmed()).toEqual([])
  })

  it('is not spent by 241 different actions in one container of ten: all are stopped', async () => {
    await blockingVersion()
    for (let n = 0; n < 9; n++) await started()
    const intruded = await started()
    const results = await intruded.did(Array.from({ length: 241 }, (_, n) => forbidden(n)))
    await sensor.recorder.source.obeyed()
    expect(results).toHaveLength(241)
    expect(passed(results)).toBe(0)
    expect(disarmed()).toEqual([])
  })

  it('is spent by a wrong profile, whose ordinary traffic deviates in most containers', async () => {
    await blockingVersion()
    const replicas = [await started(), await started(), await started(), await started()]
    // What the new release does that the profile lacks: the same in each of its containers.
    const traffic = Array.from({ length: 60 }, (_, n) => `+ tcp 127.0.0.1 ${9_000 + n}`)
    const results: string[] = []
    for (const replica of replicas) results.push(...(await replica.did(traffic)))
    const harmed = results.length - passed(results)
    expect(harmed).toBeLessThanOrEqual(replicas.length * traffic.length - 60)
    expect(passed(await replicas[0]!.did(traffic))).toBe(traffic.length)
    await sensor.recorder.until(() => disarmed().length > 0, 'the report that it disarmed itself')
    expect(disarmed()).toMatchObject([{ scope, kinds: ['connect'] }])
    // What did not spend it is still stopped, in each of them.
    for (const replica of replicas) {
      expect(passed(await replica.did([`+ write ${hex('/data/made')}`]))).toBe(0)
    }
  })

  it('is spent by one container where there is no other, and armed again by command', async () => {
    await blockingVersion()
    const only = await started()
    const traffic = Array.from({ length: 2 * budget }, (_, n) => `+ tcp 127.0.0.1 ${9_000 + n}`)
    const results = await only.did(traffic)
    expect(passed(results)).toBe(budget)
    await sensor.recorder.until(() => disarmed().length > 0, 'the report that it disarmed itself')
    sensor.recorder.source.control.enforce?.(scope, { mode: 'block', budget, except: ['connect'] })
    await sensor.recorder.source.obeyed()
    expect(passed(await only.did(traffic))).toBe(traffic.length)
    sensor.recorder.source.control.enforce?.(scope, { mode: 'block', budget })
    await sensor.recorder.source.obeyed()
    expect(passed(await only.did(traffic.slice(0, budget)))).toBe(0)
  })

  it('is not spent by exec sessions, which are stopped all the same', async () => {
    await blockingVersion()
    const only = await started()
    const programs = Array.from({ length: 2 * budget }, (_, n) => `/tmp/program-${n}`)
    only.execIn(programs)
    await sensor.recorder.source.obeyed()
    const sessions = sensor.recorder
      .acts(only.id)
      .filter(({ process, enforced }) => process.origin === 'exec-in' && enforced === 'killed')
    expect(sessions).toHaveLength(programs.length)
    expect(disarmed()).toEqual([])
    expect(passed(await only.did([`+ exec ${hex('/bin/workload')}`]))).toBe(0)
  })

  it('is not spent by what permissions refuse', async () => {
    await blockingVersion()
    const only = await started(1_000)
    // An unprivileged process may change no name here, with Snug and without.
    const refused = Array.from({ length: 3 * budget }, (_, n) => [
      `+ unlink ${hex(`/etc/name-${n}`)}`,
      `+ mkdir ${hex(`/etc/folder-${n}`)}`,
    ]).flat()
    await only.did(refused)
    await sensor.recorder.source.obeyed()
    expect(disarmed()).toEqual([])
    expect(passed(await only.did([`+ write ${hex('/data/made')}`]))).toBe(0)
  })
})
