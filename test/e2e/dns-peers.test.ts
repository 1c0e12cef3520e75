import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { LineageView, ProfileView, VersionView } from '../../src/engine/api/engine-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { removeContainer, startContainer } from '../fixtures/containers.ts'
import { type DnsServer, startDnsServer } from '../fixtures/dns-server.ts'
import { hostAddress, sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage } from '../fixtures/images.ts'

const image = `${uniqueName('caller')}:1`
const { docker, socket } = sharedEngine()
/** Connects in a loop to the peer that the test writes to a file. All of this network is the container itself. */
const caller = [
  '/bin/sh',
  '-c',
  'ip addr add 198.51.100.1/24 dev lo; while true; do nc -w 2 $(cat /srv/peer) 8443 </dev/null; sleep 0.2; done',
]
let agent: Agent
let dns: DnsServer
let folder: string
let container: Docker.Container
const patience = { timeout: 60_000 }

function call(peer: string): void {
  writeFileSync(join(folder, 'next'), peer)
  renameSync(join(folder, 'next'), join(folder, 'peer'))
}

/** The container has asked for the name, and got this address, more than once: it has connected in between. */
async function called(name: string, address: string): Promise<void> {
  dns.asked.length = 0
  dns.places.set(name, address)
  call(name)
  const times = () => dns.asked.filter((each) => each === `${name} ${address}`).length
  await expect.poll(times, patience).toBeGreaterThan(4)
}

const isTo = (peer: string) => (alert: Alert) =>
  alert.container?.id === container.id && alert.behaviour?.text === `connect to tcp ${peer}:8443`

async function alertTo(peer: string): Promise<Alert> {
  const list = await agent.until<Alert[]>(['alert', 'list', '--limit', '1000'], (alerts) =>
    alerts.some(isTo(peer)),
  )
  const found = list.find(isTo(peer))
  if (found === undefined) throw new Error('no such alert')
  return found
}

beforeAll(async () => {
  folder = mkdtempSync('/tmp/snug-dns-')
  dns = await startDnsServer(hostAddress())
  await busyboxImage(docker, { name: image, labels: { test: image } })
  agent = await startAgent({
    docker: socket,
    config: { learn: { floor: '3s', ceiling: '1h', unseen: 1 }, block: { canary: 1 } },
  })
  dns.places.set('service.test', '198.51.100.7')
  call('service.test')
  container = await startContainer(docker, image, caller, {
    HostConfig: { Binds: [`${folder}:/srv`], Dns: [hostAddress()], CapAdd: ['NET_ADMIN'] },
  })
})

afterAll(async () => {
  await removeContainer(container)
  await agent[Symbol.asyncDispose]()
  await dns[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

test('a peer that a program finds by DNS is learned by its name', async () => {
  await called('service.test', '198.51.100.8')
  const { behaviours } = await agent.until<ProfileView>(['profile', 'show', image], (profile) =>
    profile.behaviours.some(({ text }) => text === 'connect to tcp service.test.:8443'),
  )
  expect(behaviours.filter(({ text }) => text.includes('198.51.100.'))).toEqual([])
  await agent.until<LineageView>(
    ['image', 'show', image],
    ({ versions }) => versions[0]?.mode === 'alert',
  )
})

test('its address may change; a foreign name raises an alert that names it', async () => {
  for (const last of [21, 22, 23]) await called('service.test', `198.51.100.${last}`)
  await called('foreign.test', '198.51.100.31')
  const { event } = await alertTo('foreign.test.')
  expect(event.kind === 'connect' && event.connect.address).toBe('198.51.100.31')
  // Events of a container are judged in order: those to the other addresses came before.
  const alerts = await agent.json<Alert[]>(['alert', 'list', '--limit', '1000'])
  expect(alerts.filter(isTo('service.test.'))).toEqual([])
  expect(alerts.filter(({ behaviour }) => behaviour?.text.includes('198.51.100.'))).toEqual([])
})

test('an address that no name led to raises an alert that says so', async () => {
  call('198.51.100.41')
  const { reasons } = await alertTo('198.51.100.41')
  expect(reasons.join()).toContain('no DNS answer of this container names it')
})

test('in block mode connections of such a version are not stopped, and the profile says so', async () => {
  await called('service.test', '198.51.100.51')
  await expect
    .poll(async () => (await agent.cli(['profile', 'mode', image, 'block'])).code, patience)
    .toBe(0)
  const isArmed = ({ versions }: LineageView): boolean => versions[0]?.blocking?.armed === true
  const { versions } = await agent.until<LineageView>(['image', 'show', image], isArmed)
  const [version] = versions as readonly [VersionView]
  expect(version.blocking?.kernel.byName).toBe(true)
  await called('service.test', '198.51.100.52')
  call('198.51.100.61')
  expect((await alertTo('198.51.100.61')).action).toBe('alerted')
  const alerts = await agent.json<Alert[]>(['alert', 'list', '--limit', '1000'])
  expect(alerts.filter(isTo('service.test.'))).toEqual([])
  const shown = await agent.cli(['image', 'show', image])
  expect(shown.stdout).toContain('connections only alert')
})
