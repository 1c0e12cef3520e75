import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Recorder } from '../sensor/recorder.ts'
import { Machine } from './machine.ts'

/** As some distributions start theirs: BPF LSM is built in, and not asked. */
const withoutBpf = 'lsm=lockdown,capability,landlock,yama'

let machine: Machine
let recorder: Recorder

beforeAll(async () => {
  machine = await Machine.boot({ append: withoutBpf })
  recorder = new Recorder({ sensorPath: machine.sensorPath })
  await recorder.running()
})
afterAll(async () => {
  await recorder.stop()
  await machine.stop()
})

describe("on Debian's kernel without BPF LSM the sensor", () => {
  it('takes the tracepoints, and says which acts it cannot stop there', () => {
    const { facts } = recorder.source.stats
    expect(facts['hook.sys_exit']).toBe('yes')
    expect(Object.keys(facts)).not.toContain('hook.lsm/file_open')
    expect(facts['stop.open']).toBe('killed')
    // The cgroup hooks of this kernel do not know whose process it is.
    expect(facts['hook.connect4']).toMatch(/^no /)
    expect(facts['stop.connect']).toBe('alerted')
  })

  it('tells execs and opens', async () => {
    const container = await machine.container(randomBytes(32).toString('hex'))
    await container.run('known')
    await recorder.source.obeyed()
    const acts = recorder.acts(container.id)
    await container.stop()
    expect(acts.filter((event) => event.kind === 'exec').length).toBeGreaterThan(0)
    expect(acts.filter((event) => event.kind === 'file')).toHaveLength(23)
  })
})
