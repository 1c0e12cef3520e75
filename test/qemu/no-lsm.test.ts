import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ActEvent } from '../../src/core/event/event.ts'
import { compileKernel } from '../fixtures/without-pauses.ts'
import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { Recorder } from '../sensor/recorder.ts'
import { shaper } from '../fixtures/event-fixture.ts'
import { connectByNames, noRoute } from './connect-by-names.ts'
import { Machine, withoutBpf } from './machine.ts'

let machine: Machine
let recorder: Recorder

beforeAll(async () => {
  machine = await Machine.boot({ append: withoutBpf })
  recorder = new Recorder({
    sensorPath: machine.sensorPath,
    // As on a kernel without BPF trampolines.
    sensorArguments: ['--hooks', 'tracepoints'],
  })
  await recorder.running()
})
afterAll(async () => {
  await recorder.stop()
  await machine.stop()
})

describe("on Debian's kernel by tracepoints the sensor", () => {
  it('uses the tracepoints, and reports which kinds of event it stops there and how', () => {
    const { facts } = recorder.source.stats
    expect(facts['hook.sys_exit']).toBe('yes')
    expect(Object.keys(facts)).not.toContain('hook.lsm/file_open')
    expect(facts['stop.open']).toBe('killed')
    // The cgroup hooks of this kernel cannot identify the process: system calls report the peers.
    expect(facts['hook.connect4']).toMatch(/^no /)
    expect(facts['stop.connect']).toBe('killed')
    expect(facts['stop.send']).toBe('alerted')
    expect(facts['stop.bind']).toBe('killed')
  })

  it('reports execs, opens and connects', async () => {
    const container = await machine.container(randomBytes(32).toString('hex'))
    await container.run('known')
    await recorder.source.obeyed()
    const acts = recorder.acts(container.id)
    await container.stop()
    expect(acts.filter((event) => event.kind === 'exec').length).toBeGreaterThan(0)
    expect(acts.filter((event) => event.kind === 'file')).toHaveLength(23)
    expect(peers(acts)).toEqual(
      Array.from({ length: 23 }, (_, n) => `connect tcp 127.0.0.1 ${20_000 + n}`),
    )
  })

  it('in block mode kills no process that connects to a DNS name of the profile, and others', async () => {
    const killed = 'killed 9'
    expect(await connectByNames(machine, recorder)).toEqual([noRoute, killed, killed])
  })

  it('reports no answer of a datagram server as a connection', async () => {
    const container = await machine.container(randomBytes(32).toString('hex'))
    await container.run('answer')
    await recorder.source.obeyed()
    const ports = recorder
      .acts(container.id)
      .flatMap((event) => (event.kind === 'connect' ? [event.connect.port] : []))
    await container.stop()
    const [asked, neighbour, elsewhere] = ports
    expect(ports).toHaveLength(3)
    expect(asked).toBe(5354)
    expect(neighbour).toBe((elsewhere ?? 0) ^ 1)
  })

  it('reports peers of each kind, also of failed attempts, and stops an unexpected peer', async () => {
    const { control } = recorder.source
    const container = await machine.container(randomBytes(32).toString('hex'), '/bin/acts serve')
    const did = async (lines: readonly string[]): Promise<readonly string[]> => {
      const printed = await container.run([...lines, 'end'].join('\n'))
      return printed.split('\n').filter((line) => line !== '')
    }
    await did([
      'listen 127.0.0.1 7001',
      'tcp 127.0.0.1 7002',
      'udp ::ffff:127.0.0.1 7003',
      'send ::1 7004',
      'bind 127.0.0.1 7005',
      '+ tcp 127.0.0.1 7002',
    ])
    await recorder.source.obeyed()
    const acts = recorder.acts(container.id)
    expect(peers(acts)).toEqual([
      'listen tcp 127.0.0.1 7001',
      'connect tcp 127.0.0.1 7002',
      'connect udp 127.0.0.1 7003',
      'connect udp ::1 7004',
      'listen udp 127.0.0.1 7005',
    ])

    const profile = new Profile(shaper)
    for (const event of acts) {
      profile.observe(event, behavioursOf(event, shaper), { phase: 'learned' })
    }
    control.profile?.(3, compileKernel(profile, { now: 0, shippedMatching: () => [] }).profile)
    control.enforce?.(3, { mode: 'block', budget: 1_000 })
    control.assign(container.id, 3, { enforce: true })
    await recorder.source.obeyed()
    recorder.messages.length = 0
    // No process listens there: the usual errno.
    expect(await did(['tcp 127.0.0.1 7002', '+ tcp 127.0.0.1 7002'])).toEqual(['111', '111'])
    expect(await did(['+ tcp 127.0.0.1 7012', '+ udp ::1 7013', '+ bind 127.0.0.1 7015'])).toEqual([
      'killed 9',
      'killed 9',
      'killed 9',
    ])
    expect(await did(['+ send ::1 7014'])).toEqual(['0'])
    await recorder.source.obeyed()
    const reported = recorder.acts(container.id)
    await container.stop()
    expect(peers(reported)).toEqual([
      'connect tcp 127.0.0.1 7012 killed',
      'connect udp ::1 7013 killed',
      'listen udp 127.0.0.1 7015 killed',
      'connect udp ::1 7014 missed',
    ])
  })
})

function peers(acts: readonly ActEvent[]): readonly string[] {
  return acts.flatMap((event) => {
    if (event.kind !== 'connect' && event.kind !== 'listen') return []
    const { protocol, address, port } = event.kind === 'connect' ? event.connect : event.listen
    const done = event.enforced === undefined ? [] : [event.enforced]
    return [[event.kind, protocol, address, port, ...done].join(' ')]
  })
}
