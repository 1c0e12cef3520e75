import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { LineageView, ProfileView } from '../../src/engine/api/engine-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { removeContainer, startContainer } from '../fixtures/containers.ts'
import { type DnsServer, startDnsServer } from '../fixtures/dns-server.ts'
import { hostAddress, sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage } from '../fixtures/images.ts'

const { docker, socket } = sharedEngine()
/** Connects in a loop to the peer that the test writes to a file. All of this network is the container itself. */
const caller = [
  '/bin/sh',
  '-c',
  'ip addr add 198.51.100.1/24 dev lo; while true; do nc -w 2 $(cat /srv/peer) 8443 </dev/null; sleep 0.2; done',
]
let agent: Agent
let dns: DnsServer
const patience = { timeout: 60_000 }

beforeAll(async () => {
  dns = await startDnsServer(hostAddress())
  agent = await startAgent({
    docker: socket,
    config: { learn: { floor: '3s', ceiling: '1h', unseen: 1 }, block: { canary: 1 } },
  })
})

afterAll(async () => {
  await agent[Symbol.asyncDispose]()
  await dns[Symbol.asyncDispose]()
})

describe.each([
  { resolver: 'the resolver that it was given', hasNetwork: false },
  { resolver: 'the engine’s own resolver, on a network that the user made', hasNetwork: true },
])('a container that asks $resolver', ({ hasNetwork }) => {
  const name = uniqueName(hasNetwork ? 'asker' : 'caller')
  const image = `${name}:1`
  let folder: string
  let container: Docker.Container
  let network: Docker.Network | undefined

  function call(peer: string): void {
    writeFileSync(join(folder, 'next'), peer)
    renameSync(join(folder, 'next'), join(folder, 'peer'))
  }

  /** The container has asked for the name, and got this address, more than once: it has connected in between. */
  async function called(peer: string, address: string): Promise<void> {
    dns.asked.length = 0
    dns.places.set(peer, address)
    call(peer)
    const times = () => dns.asked.filter((each) => each === `${peer} ${address}`).length
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

  async function noAlertTo(peer: string): Promise<void> {
    const alerts = await agent.json<Alert[]>(['alert', 'list', '--limit', '1000'])
    expect(alerts.filter(isTo(peer))).toEqual([])
  }

  beforeAll(async () => {
    folder = mkdtempSync('/tmp/snug-dns-')
    if (hasNetwork) network = await docker.createNetwork({ Name: name })
    await busyboxImage(docker, { name: image, labels: { test: image } })
    dns.places.set('service.test', '198.51.100.7')
    call('service.test')
    container = await startContainer(docker, image, caller, {
      HostConfig: {
        Binds: [`${folder}:/srv`],
        Dns: [hostAddress()],
        CapAdd: ['NET_ADMIN'],
        ...(hasNetwork && { NetworkMode: name }),
      },
    })
  })

  afterAll(async () => {
    await removeContainer(container)
    await network?.remove()
    rmSync(folder, { recursive: true, force: true })
  })

  test('has the peer in its profile by name', async () => {
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

  test('raises no alert at a new address; one about a foreign name has that name', async () => {
    for (const last of [21, 22, 23]) await called('service.test', `198.51.100.${last}`)
    await called('foreign.test', '198.51.100.31')
    const { event } = await alertTo('foreign.test.')
    expect(event.kind === 'connect' && event.connect.address).toBe('198.51.100.31')
    // Events of a container are judged in order: those to the other addresses came before.
    await noAlertTo('service.test.')
    for (const last of [21, 22, 23]) await noAlertTo(`198.51.100.${last}`)
  })

  test('raises an alert about an address that no name led to, which says so', async () => {
    call('198.51.100.41')
    const { reasons } = await alertTo('198.51.100.41')
    expect(reasons.join()).toContain('no DNS answer of this container names it')
  })

  test('in block mode reaches the name at a new address, and neither a foreign name nor an address without one', async () => {
    await called('service.test', '198.51.100.51')
    await expect
      .poll(async () => (await agent.cli(['profile', 'mode', image, 'block'])).code, patience)
      .toBe(0)
    const isArmed = ({ versions }: LineageView): boolean => versions[0]?.blocking?.armed === true
    await agent.until<LineageView>(['image', 'show', image], isArmed)
    await called('service.test', '198.51.100.52')
    call('198.51.100.61')
    expect((await alertTo('198.51.100.61')).action).toBe('blocked')
    await called('other.test', '198.51.100.62')
    expect((await alertTo('other.test.')).action).toBe('blocked')
    await called('service.test', '198.51.100.53')
    call('198.51.100.63')
    // Judged behind the connections to the name.
    expect((await alertTo('198.51.100.63')).action).toBe('blocked')
    await noAlertTo('service.test.')
    for (const last of [52, 53]) await noAlertTo(`198.51.100.${last}`)
  })
})
