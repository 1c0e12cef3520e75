import { randomBytes } from 'node:crypto'
import { compileKernel } from '../fixtures/without-pauses.ts'
import type { ActEvent } from '../../src/core/event/event.ts'
import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { dnsAnswer } from '../fixtures/dns-messages.ts'
import { shaper } from '../fixtures/event-fixture.ts'
import { hex } from '../sensor/acts.ts'
import type { Recorder } from '../sensor/recorder.ts'
import type { Machine } from './machine.ts'

/** The result of a connection that nothing refuses: the machine has no network. */
export const noRoute = '101'

const resolver = '127.0.0.1'
const scope = 77
const answer = (name: string, address: string): string =>
  `resolver ${resolver} ${hex(dnsAnswer(name, [{ owner: name, a: address }]))}`
const connect = (address: string): string => `+ udp ${address} 443`

/**
 * The results of three connections in a container that is blocked and whose profile has one peer, by its DNS name: to a new
 * address of that name, to a foreign name, and to an address without a name.
 */
export async function connectByNames(
  machine: Machine,
  recorder: Recorder,
): Promise<readonly (string | undefined)[]> {
  const { control } = recorder.source
  const learned = await machine.container(newId(), '/bin/acts serve')
  await learned.run([answer('api.test', '198.51.100.1'), connect('198.51.100.1'), 'end'].join('\n'))
  await recorder.source.obeyed()
  const profile = new Profile(shaper)
  for (const event of recorder.acts(learned.id).map(named)) {
    profile.observe(event, behavioursOf(event, shaper), { phase: 'learned' })
  }
  await learned.stop()
  const compiled = compileKernel(profile, { now: 0, shippedMatching: () => [] })
  control.profile?.(scope, compiled.profile)
  control.enforce?.(scope, { mode: 'block', budget: 1_000 })
  const id = newId()
  control.assign(id, scope, { enforce: true })
  await recorder.source.obeyed()
  const container = await machine.container(id, '/bin/acts serve')
  await container.run('end')
  control.resolvers?.(id, [resolver], [])
  await recorder.source.obeyed()
  const lines = [
    answer('API.test', '198.51.100.2'),
    connect('198.51.100.2'),
    answer('foreign.test', '198.51.100.3'),
    connect('198.51.100.3'),
    connect('198.51.100.4'),
  ]
  const printed = await container.run([...lines, 'end'].join('\n'))
  await container.stop()
  const results = printed.split('\n').filter((line) => line !== '')
  return [results[1], results[3], results[4]]
}

function named(event: ActEvent): ActEvent {
  if (event.kind !== 'connect' || event.connect.port !== 443) return event
  return { ...event, connect: { ...event.connect, name: 'api.test.' } }
}

function newId(): string {
  return randomBytes(32).toString('hex')
}
