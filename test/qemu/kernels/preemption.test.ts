import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compileKernel } from '../../../src/core/compile/compile-kernel.ts'
import { behavioursOf } from '../../../src/core/behaviour/behaviour.ts'
import { Profile } from '../../../src/core/profile/profile.ts'
import { ordinaryActs } from '../../fixtures/bypass-acts.ts'
import { shaper } from '../../fixtures/event-fixture.ts'
import type { Lane } from '../bypass-suite.ts'
import { machineLane } from '../machine-lane.ts'
import { withBpf, withoutBpf } from '../machine.ts'

// Here a process is preempted anywhere. By default Debian's kernel waits for the end of the call.
const preemptible = 'preempt=full'
const scope = 1
const crowd = 'crowd-read /etc/private'

async function block(lane: Lane): Promise<void> {
  const { id, recorder } = lane
  const { source } = recorder
  await lane.run([...ordinaryActs, 'end'].join('\n'))
  await source.obeyed()
  const profile = new Profile(shaper)
  for (const event of recorder.acts(id))
    profile.observe(event, behavioursOf(event, shaper), { phase: 'learned' })
  const { profile: compiled } = compileKernel(profile, { now: 0, shippedMatching: () => [] })
  source.control.profile?.(scope, compiled)
  source.control.enforce?.(scope, { mode: 'block', budget: 1_000_000 })
  source.control.assign(id, scope, { enforce: true })
  source.control.filter('off')
  await source.obeyed()
}

// The kernel does not run a program where it interrupted another process in it.
describe('on a preemptible kernel, by fmod_ret in spite of that', () => {
  let lane: Lane
  beforeAll(async () => {
    lane = await machineLane({ append: `${preemptible} ${withoutBpf}` }, ['--hooks', 'fmod_ret'])
    await block(lane)
  })
  afterAll(async () => {
    await lane.stop()
  })

  it('what the kernel left out is a loss on record', async () => {
    const { recorder } = lane
    const leftOut = () => recorder.losses().filter(({ loss }) => loss.reason === 'program-left-out')
    await lane.run(`${crowd}\nend`)
    await recorder.until(() => leftOut().length > 0, 'the loss')
    let count = 0
    for (const { container, loss } of leftOut()) {
      expect(container).toBeUndefined()
      count += loss.count
    }
    expect(count).toBeGreaterThan(0)
    expect(recorder.source.stats.lost['program-left-out']).toBe(count)
  })
})

describe.each([
  // By fmod_ret a program would be left out where another process was preempted in it.
  ['without BPF LSM', withoutBpf, 'hook.sys_exit', 'killed 9', 'killed'],
  ['with BPF LSM', withBpf, 'hook.lsm/file_open', '1', 'blocked'],
] as const)('on a preemptible kernel %s', (_, append, hook, result, enforced) => {
  let lane: Lane
  beforeAll(async () => {
    lane = await machineLane({ append: `${preemptible} ${append}` })
    await block(lane)
  })
  afterAll(async () => {
    await lane.stop()
  })

  it(`the sensor uses ${hook}`, () => {
    expect(lane.recorder.source.stats.facts[hook]).toBe('yes')
  })

  it('of 64 processes that preempt each other, none reads a forbidden file', async () => {
    const { recorder } = lane
    for (let round = 0; round < 5; round++) {
      recorder.messages.length = 0
      expect((await lane.run(`${crowd}\nend`)).trim()).toBe(result)
      await recorder.source.obeyed()
      const done = recorder.acts(lane.id).map((event) => event.enforced)
      expect(done).toContain(enforced)
    }
  })
})
