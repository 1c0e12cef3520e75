import type { Server } from 'node:net'
import type Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { LineageView } from '../../src/api/version-views.ts'
import type { Alert } from '../../src/core/event/alert.ts'
import { type Agent, type Tail, startAgent, uniqueName } from '../fixtures/agent.ts'
import { execIn, removeContainer, startContainer } from '../fixtures/containers.ts'
import { hostAddress, sharedEngine } from '../fixtures/engine-socket.ts'
import { loadRedis, loadWeb } from '../fixtures/load.ts'
import { servesAt, askRedis, holedRedisImage, webImage } from '../fixtures/service-images.ts'
import { intruderHost } from '../fixtures/intruder-host.ts'
import { intruderActs } from './intruder-acts.ts'

/**
 * An hour's worth of load, by count and not by time: 100 requests a second for the web server and 1,000
 * commands a second for redis, the load of one busy instance of a mid-sized shop.
 */
const hourOfRequests = 360_000
const hourOfCommands = 3_600_000
const redisKinds = ['set', 'get', 'incr', 'lpush'] as const

const { docker, socket } = sharedEngine()
const redisName = `${uniqueName('redis')}:1`
const webName = `${uniqueName('web')}:1`
const setting = { hostAddress: hostAddress(), hostPort: 0 }
const started: Docker.Container[] = []

let agent: Agent
let alerts: Tail<Alert>
let listener: Server
let redis: Docker.Container
let redisAddress: string
let webUrl: string

beforeAll(async () => {
  await holedRedisImage(docker, redisName)
  await webImage(docker, webName)
  agent = await startAgent({ docker: socket })
  alerts = await agent.tail<Alert>(['alert', 'tail'])
  const host = await intruderHost(docker, {
    socket,
    folder: agent.folder,
    image: redisName,
    hostAddress: setting.hostAddress,
  })
  listener = host.listener
  redis = host.redis
  redisAddress = host.redisAddress
  setting.hostPort = host.port
  const web = await startContainer(docker, webName, undefined)
  started.push(redis, web)
  const webAddress = await servesAt(web, 80)
  webUrl = `http://${webAddress}/one.html`

  // Learn: the same kinds of load as later, less of it, over five of the snapshots that redis writes to
  // files of ever new names: a pattern needs three distinct ones.
  for (let i = 0; i < 5; i++) {
    const saved = await askRedis(redisAddress, ['lastsave'])
    await loadRedis(redisAddress, redisKinds.join(), hourOfCommands / redisKinds.length / 50)
    while ((await askRedis(redisAddress, ['lastsave'])) === saved)
      await new Promise((resolve) => setTimeout(resolve, 50))
  }
  await loadWeb(webUrl, hourOfRequests / 50)
  await loadWeb(`http://${webAddress}/two.css`, 1)
  for (const image of [redisName, webName]) {
    await agent.json(['profile', 'mode', image, 'alert'])
    await agent.until<LineageView>(
      ['image', 'show', image],
      ({ versions }) => versions[0]?.mode === 'alert',
    )
  }
})

afterAll(async () => {
  for (const container of started) await removeContainer(container)
  listener?.close()
  await agent[Symbol.asyncDispose]()
})

/** In a storm each attack has its own alert, beside the one that stands for all. */
const ofOurs = (alert: Alert): boolean =>
  alert.summary === undefined &&
  [redisName, webName].includes(`${alert.image?.repository}:${alert.image?.tag}`)

/** The gate has a minute of it: the whole is minutes of both processors. */
const judgedShare = process.env['SNUG_TEST_GATE'] === '1' ? 1 / 60 : 1

test("an hour's worth of the load that was learned raises no alert", async () => {
  await loadRedis(
    redisAddress,
    redisKinds.join(),
    (hourOfCommands * judgedShare) / redisKinds.length,
  )
  const requests = hourOfRequests * judgedShare
  expect(await loadWeb(webUrl, requests)).toBeGreaterThanOrEqual(requests)
  const output = alerts.items.map(({ item }) => item).filter(ofOurs)
  expect(output.map((alert) => [alert.type, alert.reasons[0], alert.behaviour?.text])).toEqual([])
})

describe('an attack from within the service itself is reported:', () => {
  test.each(intruderActs(setting).map(({ name }, index) => [name, index] as const))(
    '%s',
    async (_, index) => {
      const act = intruderActs(setting)[index]
      if (act === undefined) throw new Error('no such act')
      const from = Date.now()
      const reply = await askRedis(redisAddress, act.command)
      const { item } = await alerts.until(
        (alert) => Date.parse(alert.lastSeen) >= from - 1_000 && ofOurs(alert) && act.alerts(alert),
        `an alert of ${act.name} (the act said ${reply})`,
      )
      expect(item.container?.id).toBe(redis.id)
      expect(item.process?.origin).toBe('entrypoint')
      expect(item.reasons.length).toBeGreaterThan(0)
      expect(item.action).toBe('alerted')
      if (act.attack !== undefined) {
        expect(item.guardrails).not.toEqual([])
        const parents = item.attack.map((id) => id.replace(/\..*/, ''))
        expect([...item.attack, ...parents]).toContain(act.attack)
      }
    },
  )
})

test('an operator’s exec is reported too, as an exec by an operator', async () => {
  await execIn(docker, redis, ['/usr/bin/cat', '/etc/shadow'])
  const { item } = await alerts.until(
    (alert) => alert.process?.origin === 'exec-in' && alert.container?.id === redis.id,
    'an alert of the exec',
  )
  expect(item.process?.session).toMatch(/./)
  // Docker reports no user.
  expect(item.sessions).toMatchObject([
    { id: item.process?.session, person: { certainty: 'unknown', why: 'no-source' } },
  ])
})

test('the files that a program of an intruder loads are in the alert about its run', async () => {
  const ours = (await agent.json<Alert[]>(['alert', 'list', '--limit', '1000'])).filter(ofOurs)
  const run = ours.find(({ behaviour }) => behaviour?.text === 'run /usr/bin/cp')
  // Debian links it to libselinux.
  const file = '/proc/filesystems'
  expect(run?.loaded?.map(({ object }) => object)).toContain(file)
  const { stdout } = await agent.cli(['alert', 'show', run?.id ?? ''])
  const [, shown = ''] = /^loaded( .*(?:\n .*)*)/m.exec(stdout) ?? []
  expect(shown.split('\n').map((line) => line.trim())).toContain(file)
  expect(ours.filter(({ behaviour }) => behaviour?.text === `read ${file}`)).toEqual([])
})

test('the same attack again is the same alert with a higher count', async () => {
  const find = (list: readonly Alert[]): Alert | undefined =>
    list.find(
      (alert) =>
        ofOurs(alert) &&
        alert.event.kind === 'file' &&
        alert.event.file.path === '/etc/shadow' &&
        alert.process?.origin === 'entrypoint',
    )
  const before = find(await agent.json<Alert[]>(['alert', 'list', '--limit', '1000']))
  for (let i = 0; i < 10; i++) await askRedis(redisAddress, ['ops.act', 'read', '/etc/shadow'])
  const after = find(
    await agent.until<Alert[]>(
      ['alert', 'list', '--limit', '1000'],
      (list) => (find(list)?.count ?? 0) >= (before?.count ?? 0) + 10,
    ),
  )
  expect(after?.id).toBe(before?.id)
  expect(after?.count).toBe((before?.count ?? 0) + 10)
})
