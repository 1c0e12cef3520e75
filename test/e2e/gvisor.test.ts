import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { ProfileView } from '../../src/api/profile-views.ts'
import type { StatusView } from '../../src/api/status-views.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { execIn, startContainer } from '../fixtures/containers.ts'
import { type Dockerd, startDockerd } from '../fixtures/dockerd.ts'
import { busyboxImage } from '../fixtures/images.ts'
import { alertsOn, misledConfig, misledService } from '../fixtures/misled-service.ts'

/** The real gVisor of Debian, whose sandboxes send their trace to the agent. */
const image = `${uniqueName('gvisor')}:1`
const folder = mkdtempSync('/var/tmp/snug-gvisor-')
const socket = join(folder, 'gvisor.sock')
const source = `listen:unix:${socket}?format=gvisor`
let dockerd: Dockerd
let agent: Agent
let container: Docker.Container

/** With the session of the trace that the project ships, but for the place of the socket. */
function engineConfig(): string {
  const shipped = readFileSync(new URL('../../deploy/gvisor/trace.json', import.meta.url), 'utf8')
  const trace = join(folder, 'trace.json')
  writeFileSync(trace, shipped.replace('/run/snug/gvisor.sock', socket))
  const config = join(folder, 'daemon.json')
  // Its network stack takes every network namespace of a kernel from 6.15 on for the first one, and refuses that.
  const runtimeArgs = [`--pod-init-config=${trace}`, '--network=none']
  const runsc = { path: '/usr/bin/runsc', runtimeArgs }
  writeFileSync(config, JSON.stringify({ runtimes: { runsc } }))
  return config
}

const start = (): Promise<Docker.Container> =>
  startContainer(dockerd.docker, image, misledService, {
    HostConfig: { NetworkMode: 'none', Runtime: 'runsc' },
  })

/** The service runs it once. */
async function order(line: string): Promise<void> {
  const script = `echo 'rm /tmp/orders; ${line}' > /tmp/new; mv /tmp/new /tmp/orders`
  expect((await execIn(dockerd.docker, container, ['/bin/sh', '-c', script])).exitCode).toBe(0)
}

const newest = async (): Promise<LineageView['versions'][number]> => {
  const { versions } = await agent.json<LineageView>(['image', 'show', image])
  const [found] = versions
  if (found === undefined) throw new Error('there is no version')
  return found
}

beforeAll(async () => {
  dockerd = await startDockerd({ args: [`--config-file=${engineConfig()}`] })
  await busyboxImage(dockerd.docker, { name: image, labels: { test: image } })
  agent = await startAgent({
    config: {
      engines: { docker: { socket: dockerd.socket } },
      sources: ['ebpf', source],
      ...misledConfig,
    },
  })
})

afterAll(async () => {
  const code = await agent.stop()
  await agent[Symbol.asyncDispose]()
  await dockerd.stop()
  rmSync(folder, { recursive: true, force: true })
  // It ends by itself, while sandboxes send.
  expect(code).toBe(0)
})

test('a container in gVisor is learned from what its own kernel reports', async () => {
  container = await start()
  await agent.until<LineageView>(
    ['image', 'show', image],
    ({ versions }) => versions[0]?.state === 'enforced',
  )
  const { blind, because } = await newest()
  expect(blind, because).toBeUndefined()
  const { behaviours } = await agent.json<ProfileView>(['profile', 'show', image])
  const texts = behaviours.map(({ text }) => text)
  expect(texts).toContain('read /etc/motd')
  // Nothing of the sandbox, which the host's kernel sees.
  expect(texts.filter((text) => /runsc|\/proc\/self\/exe|gofer/.test(text))).toEqual([])
})

test('what it does for the first time raises an alert', async () => {
  await order('cat /etc/group')
  const alerts = await alertsOn(agent, container.id, '/etc/group', (action) => action === 'alerted')
  expect(alerts.filter(({ type, image: of }) => type === 'loss' && of !== undefined)).toEqual([])
})

test('it cannot be blocked, as nothing can be stopped in it', async () => {
  const refused = await agent.cli(['profile', 'mode', image, 'block', '-o', 'json'])
  expect([refused.code, refused.stdout + refused.stderr]).toEqual([
    1,
    expect.stringMatching(/own kernel.*MODE_REFUSED/s),
  ])
})

test('it is blind again when its trace ends', async () => {
  // The child of the agent to which its sandbox sends.
  const receiver = execFileSync('pgrep', ['-f', '--', `--packets ${socket}`], { encoding: 'utf8' })
  process.kill(Number(receiver), 'SIGKILL')
  await agent.until<LineageView>(
    ['image', 'show', image],
    ({ versions }) => versions[0]?.blind !== undefined,
  )
  expect((await newest()).blind).toEqual({
    running: 1,
    of: 1,
    reasons: ['the runtime `runsc` has its own kernel'],
  })
  const isOf = ({ type, image: of, reasons }: Alert): boolean =>
    type === 'loss' && `${of?.repository}:1` === image && reasons.join().includes('is blind')
  const alerts = await agent.until<Alert[]>(['alert', 'list', '--limit', '1000'], (list) =>
    list.some(isOf),
  )
  expect(alerts.filter(isOf)).toMatchObject([{ severity: 'medium', count: 1 }])
})

test('the trace of a container that starts later arrives', async () => {
  await agent.until<StatusView>(['status'], ({ sources }) =>
    sources.some(({ name, facts }) => name === source && facts['peers accepted'] === '2'),
  )
  container = await start()
  await agent.until<LineageView>(
    ['image', 'show', image],
    ({ versions }) => versions[0]?.containers.running === 2,
  )
  await order('cat /etc/shadow')
  await alertsOn(agent, container.id, '/etc/shadow', (action) => action === 'alerted')
  expect((await newest()).blind).toMatchObject({ running: 1, of: 2 })
})
