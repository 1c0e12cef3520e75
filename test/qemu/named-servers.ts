import { randomBytes } from 'node:crypto'
import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { clientHello, serverNameExtension } from '../fixtures/client-hello.ts'
import { shaper } from '../fixtures/event-fixture.ts'
import { compileKernel } from '../fixtures/without-pauses.ts'
import { hex } from '../sensor/acts.ts'
import type { Recorder } from '../sensor/recorder.ts'
import type { Machine, VmContainer } from './machine.ts'

const scope = 79
const server = '198.51.100.1'
const hello = (name: string): Buffer => clientHello([serverNameExtension(name)])
const first = (...pieces: readonly Buffer[]): string =>
  ['first', server, 443, ...pieces.map(hex)].join(' ')

/** A container that reaches the machine at the server's address. The machine has one at a time. */
async function connected(machine: Machine, id: string): Promise<VmContainer> {
  const container = await machine.container(id, '/bin/acts serve')
  await container.run('end')
  const steps = [
    `read pid </sys/fs/cgroup/${id}/cgroup.procs`,
    'ip link add out type veth',
    'ip link set veth0 netns $pid',
    `ip addr add ${server}/24 dev out`,
    'ip link set out up',
    'nsenter -t $pid -n ip addr add 198.51.100.2/24 dev veth0',
    'nsenter -t $pid -n ip link set veth0 up',
  ]
  await machine.run(`sh -ec '${steps.join('; ')}'`)
  return container
}

/**
 * What is reported of four connections to one address, in a container that is blocked and whose profile has one server at
 * it: to that, to another one, to that in pieces, and to that again.
 */
export async function nameServers(
  machine: Machine,
  recorder: Recorder,
): Promise<readonly string[]> {
  const { control } = recorder.source
  await machine.run('httpd -p 443 -h /tmp')
  const learned = await connected(machine, newId())
  await learned.run([first(hello('api.example')), 'end'].join('\n'))
  await recorder.source.obeyed()
  const profile = new Profile(shaper)
  for (const event of recorder.acts(learned.id)) {
    profile.observe(event, behavioursOf(event, shaper), { phase: 'learned' })
  }
  await learned.stop()
  const compiled = compileKernel(profile, { now: 0, shippedMatching: () => [] })
  control.profile?.(scope, compiled.profile)
  control.enforce?.(scope, { mode: 'block', budget: 1_000 })
  const id = newId()
  control.assign(id, scope, { enforce: true })
  await recorder.source.obeyed()
  const container = await connected(machine, id)
  const whole = hello('api.example')
  const lines = [
    first(whole),
    first(hello('evil.example')),
    first(hello('evil.example').subarray(0, 50)),
    first(hello('API.example')),
  ]
  const printed = await container.run([...lines, 'end'].join('\n'))
  await recorder.source.obeyed()
  const reported = recorder.acts(id).flatMap((event) => {
    if (event.kind !== 'connect' || event.connect.serverName === undefined) return []
    return [`${event.connect.serverName} ${event.enforced ?? 'passed'}`]
  })
  await container.stop()
  await machine.run('killall httpd')
  return [printed.trim().split('\n').join(' '), ...reported]
}

function newId(): string {
  return randomBytes(32).toString('hex')
}
