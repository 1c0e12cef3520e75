import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ActEvent } from '../../src/core/event/event.ts'
import { Acts, hex } from './acts.ts'
import { oneSensor } from './one-sensor.ts'

const EPERM = '1'
const ENOENT = '2'
const UNPRIVILEGED = 1000

const sensor = oneSensor()
let acts: Acts

beforeEach(() => {
  sensor.recorder.messages.length = 0
  acts = new Acts(sensor.image, undefined, UNPRIVILEGED)
})
afterEach(() => acts.stop())

async function reported(): Promise<readonly ActEvent[]> {
  await sensor.recorder.source.obeyed()
  return sensor.recorder.acts(acts.id)
}

const calls = (events: readonly ActEvent[]): readonly unknown[] =>
  events.flatMap((event) => (event.kind === 'syscall' ? [event.syscall] : []))

describe('an attempt that fails is reported', () => {
  it('to become root', async () => {
    expect(await acts.did(['setuid 0', 'setuid 7'])).toEqual([EPERM, EPERM])
    expect(calls(await reported())).toEqual([{ name: 'setuid', denied: true }])
  })

  it('to handle page faults', async () => {
    expect(await acts.did(['userfaultfd'])).toEqual([EPERM])
    expect(calls(await reported())).toEqual([{ name: 'userfaultfd', denied: true }])
  })

  it('to connect to a unix socket that is not there', async () => {
    const lines = [`unix ${hex('/run/../run/docker.sock')}`, `unix ${hex('@hidden')}`]
    expect(await acts.did(lines)).toEqual([ENOENT, '111'])
    const peers = (await reported()).flatMap((event) =>
      event.kind === 'connect' ? [event.connect] : [],
    )
    expect(peers).toEqual([
      { protocol: 'unix', address: '/run/docker.sock', port: 0 },
      { protocol: 'unix', address: '@hidden', port: 0 },
    ])
  })
})

describe('a socket is reported as it is made', () => {
  it('where no event about a peer covers it', async () => {
    await acts.did([
      'socket 2 2 1',
      'socket 38 5 0',
      'socket 2 1 6',
      'socket 16 3 0',
      'socket 1 1 0',
    ])
    const targets = (await reported()).flatMap((event) =>
      event.kind === 'syscall' && event.syscall.name === 'socket' ? [event.syscall.target] : [],
    )
    expect(targets).toContain('inet dgram 1')
    expect(
      targets.filter((target) => !/^(inet dgram 1|alg seqpacket 0)$/.test(target ?? '')),
    ).toEqual([])
  })
})
