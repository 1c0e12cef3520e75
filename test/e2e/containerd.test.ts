import { afterAll, beforeAll, expect, test } from 'vitest'
import type { StatusView } from '../../src/api/status-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { type Containerd, startContainerd } from '../fixtures/containerd.ts'
import { setMode } from '../fixtures/learned-agent.ts'
import {
  alertsOn,
  expectLearned,
  misledConfig,
  misledService,
  untilArmed,
} from '../fixtures/misled-service.ts'

const repository = `registry.example/${uniqueName('shop')}`
const image = `${repository}:1`
let containerd: Containerd
let agent: Agent
let container: string

beforeAll(async () => {
  containerd = await startContainerd()
  const other = '#!/bin/sh\necho it ran >/tmp/ran; sleep 600\n'
  await containerd.import(image, { '/bin/other': other })
  agent = await startAgent({
    config: {
      engines: {
        docker: { socket: 'none' },
        podman: { sockets: [] },
        containerd: { socket: containerd.socket },
      },
      ...misledConfig,
    },
  })
  container = await containerd.start(image, misledService)
})

afterAll(async () => {
  await agent[Symbol.asyncDispose]()
  await containerd.stop()
})

let sessions = 0
const execIn = (id: string, command: readonly string[]) =>
  containerd.tried('task', 'exec', '--exec-id', `e${sessions++}`, id, ...command)

test('containers of containerd are learned by image, with the layers of their image', async () => {
  await expectLearned(agent, image, 'containerd')
})

test('an attack from within the service raises an alert', async () => {
  await execIn(container, ['/bin/sh', '-c', 'echo cat /etc/group >/tmp/orders'])
  const alerts = await alertsOn(agent, container, '/etc/group', (action) => action === 'alerted')
  const found = alerts.find(({ behaviour }) => behaviour?.text.includes('/etc/group'))
  expect(found).toMatchObject({ image: { repository } })
})

test('in block mode it is stopped, and the service goes on', async () => {
  await setMode(agent, image, 'block')
  await untilArmed(agent, image)
  const tried = await execIn(container, ['/bin/cat', '/etc/shadow'])
  expect(tried.code).not.toBe(0)
  expect(tried.stdout).toBe('')
  await alertsOn(agent, container, '', (action) => action !== 'alerted')
  expect(await containerd.ctr('task', 'ls')).toMatch(new RegExp(`${container}\\s+\\d+\\s+RUNNING`))
})

test('a new container is blocked from its first program on', async () => {
  const other = await containerd.start(image, ['/bin/other'])
  await alertsOn(agent, other, '', (action) => action !== 'alerted')
  await expect
    .poll(() => containerd.ctr('task', 'ls'))
    .toMatch(new RegExp(`${other}\\s+\\d+\\s+STOPPED`))
})

test('after a restart of containerd, new containers are known again', async () => {
  await containerd.halt()
  await agent.until<StatusView>(['status'], ({ engines }) => engines[0]?.state === 'degraded')
  await containerd.resume()
  await agent.until<StatusView>(['status'], ({ engines }) => engines[0]?.state === 'running')
  const other = await containerd.start(image, ['/bin/other'])
  await alertsOn(agent, other, '', (action) => action !== 'alerted')
})
