import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compileKernel } from '../../fixtures/without-pauses.ts'
import { behavioursOf } from '../../../src/core/behaviour/behaviour.ts'
import { Profile } from '../../../src/core/profile/profile.ts'
import { ordinaryActs } from '../../fixtures/bypass-acts.ts'
import { shaper } from '../../fixtures/event-fixture.ts'
import type { Lane } from '../bypass-suite.ts'
import { machineLane } from '../sensor-machine.ts'
import { withBpf, withoutBpf } from '../machine.ts'
import { backports, bookworm } from '../platform.ts'

// Here a process is preempted anywhere. By default Debian's kernel waits for the end of the call.
const preemptible = 'preempt=full'
const scope = 1
const crowd = 'crowd-read /etc/private'
const rounds = 5

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

// The kernel does not run a program by fmod_ret where it interrupted another process in it.
describe.each([
  ['Linux 6.12 with preempt=full', { append: `${preemptible} ${withoutBpf}` }, false],
  ["Debian's newest kernel", { platform: backports, append: withoutBpf }, true],
] as const)('by fmod_ret on %s', (_, machine, interruptsTracepoints) => {
  let lane: Lane
  beforeAll(async () => {
    lane = await machineLane(machine, ['--hooks', 'fmod_ret'])
    await block(lane)
  })
  afterAll(async () => {
    await lane.stop()
  })

  it('a probe behind each hook that refuses catches what it left out', () => {
    const { facts } = lane.recorder.source.stats
    expect(facts['hook.fmod_ret/security_file_open']).toBe('yes')
    const catches = Object.entries(facts).filter(([name]) => name.startsWith('hook.catch/'))
    expect(new Set(catches.map(([, attached]) => attached))).toEqual(new Set(['yes']))
  })

  it('forks and executions have a second program where the first can be left out', () => {
    const { facts } = lane.recorder.source.stats
    const expected = interruptsTracepoints ? 'yes' : undefined
    expect(facts['hook.again/wake_up_new_task']).toBe(expected)
    expect(facts['hook.again/sched_process_exec']).toBe(expected)
  })

  it('of 64 processes that preempt each other, none reads a forbidden file', async () => {
    const { recorder } = lane
    for (let round = 0; round < rounds; round++) {
      recorder.messages.length = 0
      expect((await lane.run(`${crowd}\nend`)).trim()).toBeOneOf(['1', 'killed 9'])
      await recorder.source.obeyed()
      const done = recorder.acts(lane.id).map((event) => event.enforced)
      expect(done.filter((how) => how !== 'blocked' && how !== 'killed')).toEqual([])
      expect(done).toContain('blocked')
    }
  })
})

// It has no probes.
describe('by fmod_ret on Linux 6.1 with preempt=full', () => {
  let lane: Lane
  beforeAll(async () => {
    lane = await machineLane({ platform: bookworm, append: `${preemptible} ${withoutBpf}` })
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
    for (let round = 0; round < rounds; round++) {
      recorder.messages.length = 0
      expect((await lane.run(`${crowd}\nend`)).trim()).toBe(result)
      await recorder.source.obeyed()
      const done = recorder.acts(lane.id).map((event) => event.enforced)
      expect(done).toContain(enforced)
    }
  })
})
