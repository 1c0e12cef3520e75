import { afterEach, beforeEach, expect, it } from 'vitest'
import type { KernelHold } from '../../src/core/lifecycle/hold.ts'
import type { SourceMessage } from '../../src/agent/pipeline/sources/source.ts'
import { Acts, hex } from './acts.ts'
import { oneSensor } from './one-sensor.ts'

const scope = 1
/** The network namespace of the container has no route to anybody. */
const outside = 'tcp 192.0.2.1 80'
const [EPERM, ECONNREFUSED, ENETUNREACH] = ['1', '111', '101']

const sensor = oneSensor()
let acts: Acts
let other: Acts

beforeEach(() => {
  acts = new Acts(sensor.image)
  other = new Acts(sensor.image)
})
afterEach(async () => {
  await acts.stop()
  await other.stop()
})

async function assign(container: Acts, hold?: KernelHold): Promise<void> {
  sensor.recorder.source.control.assign(container.id, scope, hold === undefined ? {} : { hold })
  await sensor.recorder.source.obeyed()
}

const network = (forMs: number): KernelHold => {
  return { network: true, changes: false, until: Date.now() + forMs }
}

const holdsOf = (messages: readonly SourceMessage[], { id }: Acts): readonly unknown[] =>
  messages.flatMap((message) => {
    const report = message.type === 'policy' ? message.report : undefined
    return report?.kind === 'assigned' && report.container === id ? [report.hold] : []
  })

it('a held container reaches its loopback only, also a version that learns, and is confirmed', async () => {
  // It runs, so that there is something to end.
  expect(await acts.did([outside])).toEqual([ENETUNREACH])
  await assign(acts, network(3_600_000))
  await assign(other)
  expect(await acts.did([outside, 'tcp 127.0.0.1 7001'])).toEqual([EPERM, ECONNREFUSED])
  expect(await other.did([outside])).toEqual([ENETUNREACH])
  await sensor.recorder.source.obeyed()
  const [event] = sensor.recorder.acts(acts.id).filter(({ held }) => held === true)
  expect(event).toMatchObject({ kind: 'connect', enforced: 'blocked' })
  expect(sensor.recorder.acts(other.id).some(({ held }) => held === true)).toBe(false)
  const { messages } = sensor.recorder
  expect(holdsOf(messages, acts).at(-1)).toEqual({ network: true, changes: false, ended: 0 })
  expect(holdsOf(messages, other).at(-1)).toBeUndefined()
})

it('a hold ends in the kernel, whether or not anybody says so', async () => {
  await assign(acts, network(-1))
  expect(await acts.did([outside])).toEqual([ENETUNREACH])
})

it('after 1,000 holds and releases, the one container is held that is to be', async () => {
  const { control } = sensor.recorder.source
  for (let turn = 0; turn < 1_000; turn += 1) {
    control.assign(acts.id, scope, turn % 2 === 0 ? { hold: network(3_600_000) } : {})
    control.assign(other.id, scope, turn % 2 === 0 ? {} : { hold: network(3_600_000) })
  }
  await sensor.recorder.source.obeyed()
  expect(await acts.did([outside])).toEqual([ENETUNREACH])
  expect(await other.did([outside])).toEqual([EPERM])
  await assign(other)
  expect(await other.did([outside])).toEqual([ENETUNREACH])
})

it('a hold of changes kills nothing where it could not refuse: nothing of it is in force', async () => {
  const { facts } = sensor.recorder.source.stats
  expect(facts['stop.open']).toBe('killed')
  await acts.did([outside])
  await assign(acts, { network: false, changes: true, until: Date.now() + 3_600_000 })
  expect(await acts.did([`write ${hex('/data/log')}`])).toEqual(['0'])
  expect(holdsOf(sensor.recorder.messages, acts).at(-1)).toBeUndefined()
})
