import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:net'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { ActEvent } from '../../src/core/event/event.ts'
import { type Agent, type Tail, startAgent, uniqueName } from '../fixtures/agent.ts'
import { removeContainer } from '../fixtures/containers.ts'
import { hostAddress, sharedEngine } from '../fixtures/engine-socket.ts'
import { askRedis, holedRedisImage } from '../fixtures/service-images.ts'
import { intruderHost } from '../fixtures/intruder-host.ts'
import { intruderActs } from './intruder-acts.ts'

/**
 * The attacks in `profiles/attacks` are recordings of these attacks on a real host. With `SNUG_RECORD_ATTACKS=1`
 * this test writes the files again.
 */
const folder = new URL('../../profiles/attacks/', import.meta.url).pathname
const records = process.env['SNUG_RECORD_ATTACKS'] === '1'
/** The target of Debian's `redis-server` link. */
const service = '/usr/bin/redis-check-rdb'

/** Techniques of attacks that no guardrail names. */
const techniques: Readonly<Record<string, readonly string[]>> = {
  'a shell from the service': ['T1059.004'],
  'a package manager': ['T1105'],
  'a new outbound connection': ['T1071'],
  'a new listener': ['T1571'],
  'a deleted configuration': ['T1485'],
  'another identity': ['T1548'],
  'a raw socket': ['T1040'],
}

const { docker, socket } = sharedEngine()
const image = `${uniqueName('redis')}:1`
const setting = { hostAddress: hostAddress(), hostPort: 0 }
const acts = intruderActs(setting)
let agent: Agent
let alerts: Tail<Alert>
let listener: Server
let redis: Docker.Container
let address: string

beforeAll(async () => {
  await holedRedisImage(docker, image)
  agent = await startAgent({ docker: socket })
  alerts = await agent.tail<Alert>(['alert', 'tail'])
  const host = await intruderHost(docker, {
    socket,
    folder: agent.folder,
    image,
    hostAddress: setting.hostAddress,
  })
  listener = host.listener
  redis = host.redis
  address = host.redisAddress
  setting.hostPort = host.port
  await askRedis(address, ['set', 'a', '1'])
  await agent.json(['profile', 'mode', image, 'alert'])
})

afterAll(async () => {
  await removeContainer(redis)
  listener.close()
  await agent[Symbol.asyncDispose]()
})

test.each(acts.map(({ name }, index) => [name, index] as const))('%s', async (name, index) => {
  const act = intruderActs(setting)[index]
  if (act === undefined) throw new Error('no such act')
  await askRedis(address, act.command)
  const { item } = await alerts.until(
    (alert) => alert.container?.id === redis.id && alert.summary === undefined && act.alerts(alert),
    `an alert of ${name}`,
  )
  const file = join(folder, `${name.replaceAll(/[^a-z0-9]+/g, '-')}.ndjson`)
  const line = traceLine(name, item)
  if (records) writeFileSync(file, line)
  expect(existsSync(file), `${file} is not there`).toBe(true)
  expect(essence(readFileSync(file, 'utf8'))).toEqual(essence(line))
})

/** Removes the parts that differ between hosts and recordings. */
function essence(text: string): unknown {
  const event = JSON.parse(text) as ActEvent & { readonly trace: object }
  const { trace, kind, process: by } = event
  const acts: Readonly<Record<string, unknown>> = { ...event }
  const { address: _, port: __, ...what } = { ...(acts[kind] as Record<string, unknown>) }
  const { exe, parent, origin } = by
  return { trace, kind, exe, parent, origin, what }
}

/** An unassigned peer address, the socket path that every host uses, and no file of this disk. */
function elsewhere(event: ActEvent): ActEvent {
  if (event.kind === 'exec') {
    const { file: _, sha256: __, unhashed: ___, ...exec } = event.exec
    return { ...event, exec }
  }
  if (event.kind !== 'connect') return event
  const { connect } = event
  const unix = { ...connect, address: '/run/docker.sock' }
  const inet = { ...connect, address: '203.0.113.7', port: 4444 }
  return { ...event, connect: connect.protocol === 'unix' ? unix : inet }
}

function traceLine(name: string, { event, attack }: Alert): string {
  if (event.kind === 'loss') throw new Error('a loss is no act')
  const { uid } = event.process
  const trace = {
    name,
    attack: attack.length > 0 ? attack : (techniques[name] ?? []),
    service,
    uid,
  }
  const placed = {
    ...elsewhere(event),
    time: '2026-11-24T12:00:00.000000Z',
    node: 'recorded',
    container: { id: '0'.repeat(64), name: 'redis' },
    image: { repository: 'redis', digest: `sha256:${'0'.repeat(64)}` },
  }
  return `${JSON.stringify({ ...placed, trace })}\n`
}
