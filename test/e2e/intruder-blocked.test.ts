import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ProfileView } from '../../src/api/profile-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { removeContainer } from '../fixtures/containers.ts'
import { hostAddress, sharedEngine } from '../fixtures/engine-socket.ts'
import { type IntruderHost, intruderHost } from '../fixtures/intruder-host.ts'
import { learnerConfig, setMode, startLearned } from '../fixtures/learned-agent.ts'
import { loadRedis } from '../fixtures/load.ts'
import { askRedis, holedRedisImage } from '../fixtures/service-images.ts'
import { intrude, type Intrusion } from '../qemu/docker/intruder-part.ts'
import { intruderActs } from './intruder-acts.ts'

const { docker, socket } = sharedEngine()
const image = `${uniqueName('redis')}:1`
const address = hostAddress()
let agent: Agent
let host: IntruderHost | undefined
let alerting: Intrusion
let blocking: Intrusion

/** A new redis, which does its work. */
async function working(): Promise<IntruderHost> {
  host = await intruderHost(docker, { socket, folder: agent.folder, image, hostAddress: address })
  await loadRedis(host.redisAddress, 'set,get,incr,lpush', 1_000)
  return host
}

async function end(): Promise<void> {
  host?.listener.close()
  if (host !== undefined) await removeContainer(host.redis)
  host = undefined
}

beforeAll(async () => {
  await holedRedisImage(docker, image)
  agent = await startAgent({ docker: socket, config: learnerConfig })
  const learned = await working()
  // The last of its work: without it the window ends before its start was judged, and a new one may not even start.
  await agent.until<ProfileView>(['profile', 'show', image], ({ behaviours }) =>
    behaviours.some(({ text }) => text.startsWith('rename') && text.endsWith('/dump.rdb')),
  )
  agent = await startLearned(agent, socket, [image], { block: { canary: 1, budget: 1_000_000 } })
  alerting = await intrude({ docker, agent }, learned, address)
  await end()
  await setMode(agent, image, 'block')
  blocking = await intrude({ docker, agent }, await working(), address)
})

afterAll(async () => {
  await end()
  await agent?.[Symbol.asyncDispose]()
})

const acts = intruderActs({ hostAddress: address, hostPort: 0 })

/** The acts whose effect is there: in the container's files, or in what the call returned to the attacker. */
function effective({ replies, changes }: Intrusion): readonly string[] {
  return acts
    .filter(({ name, change }) =>
      change === undefined ? /ok$|status 0$/.test(replies[name] ?? '') : changes.includes(change),
    )
    .map(({ name }) => name)
}

test('18 of 22 acts of an intruder have their effect in mode alert', () => {
  expect(acts).toHaveLength(22)
  expect(effective(alerting)).toHaveLength(18)
})

test('each act in mode block is answered: the service goes on, also where its children are killed', async () => {
  expect(Object.keys(blocking.replies)).toEqual(acts.map(({ name }) => name))
  expect(blocking.replies['ptrace of another process']).not.toMatch(/ok$/)
  expect(blocking.running).toBe(true)
  expect(await askRedis(host?.redisAddress ?? '', ['ping'])).toBe('+PONG')
})

/** By tracepoints the kernel ends a process after its system call: the service's own changes of files are done by then. */
const lateForTracepoints = acts
  .filter(({ command: [how], change }) => how === 'ops.act' && change !== undefined)
  .filter(({ change }) => /^[AD] /.test(change ?? ''))
  .map(({ name }) => name)

test('at most four acts have their effect in mode block, files made or deleted, and each is reported as missed', () => {
  const passed = effective(blocking)
  console.log(`not stopped: ${passed.join(', ')}`)
  expect(lateForTracepoints).toHaveLength(4)
  expect(lateForTracepoints).toEqual(expect.arrayContaining([...passed]))
  const untrue = passed.filter((name) => blocking.said[name]?.includes('missed') !== true)
  expect(untrue).toEqual([])
  expect(blocking.connections).toBe(0)
})
