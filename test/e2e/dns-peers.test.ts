import { copyFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { ProfileView } from '../../src/api/profile-views.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { compile } from '../fixtures/compiled-program.ts'
import { execIn, removeContainer, startContainer } from '../fixtures/containers.ts'
import { type DnsServer, startDnsServer } from '../fixtures/dns-server.ts'
import { dnsAnswer } from '../fixtures/dns-messages.ts'
import { hostAddress, sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage } from '../fixtures/images.ts'

const { docker, socket } = sharedEngine()
/** Connects in a loop to the peer that the test writes to a file. All of this network is the container itself. */
const caller = [
  '/bin/sh',
  '-c',
  'ip addr add 198.51.100.1/24 dev lo; while true; do nc -w 2 $(cat /srv/peer) 8443 </dev/null; sleep 0.2; done',
]
/** The same, with a name that it makes up each time before the domain in the file, where that begins with a dot. */
const inventor = [
  '/bin/sh',
  '-c',
  `ip addr add 198.51.100.1/24 dev lo
  while true; do
    read peer </srv/peer; read uuid </proc/sys/kernel/random/uuid
    case $peer in .*) peer=b\${uuid%%-*}$peer;; esac
    nc -w 2 $peer 8443 </dev/null; sleep 0.1
  done`,
]
let agent: Agent
let dns: DnsServer

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

/** A container that connects to where its file says. */
class Caller {
  readonly #folder: string
  readonly #container: Docker.Container

  private constructor(folder: string, container: Docker.Container) {
    this.#folder = folder
    this.#container = container
  }

  static async start(
    image: string,
    command: readonly string[],
    peer: string,
    network?: string,
  ): Promise<Caller> {
    const folder = mkdtempSync('/tmp/snug-dns-')
    writeFileSync(join(folder, 'peer'), peer)
    copyFileSync(compile('sensor/acts.c'), join(folder, 'acts'))
    await busyboxImage(docker, { name: image, labels: { test: image } })
    const container = await startContainer(docker, image, [...command], {
      HostConfig: {
        Binds: [`${folder}:/srv`],
        Dns: [hostAddress()],
        CapAdd: ['NET_ADMIN'],
        ...(network !== undefined && { NetworkMode: network }),
      },
    })
    return new Caller(folder, container)
  }

  call(peer: string): void {
    writeFileSync(join(this.#folder, 'next'), peer)
    renameSync(join(this.#folder, 'next'), join(this.#folder, 'peer'))
  }

  /** The container has asked for the name, and got this address, more than once: it has connected in between. */
  async called(peer: string, address: string): Promise<void> {
    dns.asked.length = 0
    dns.places.set(peer, address)
    this.call(peer)
    const times = () => dns.asked.filter((each) => each === `${peer} ${address}`).length
    await expect.poll(times).toBeGreaterThan(4)
  }

  async alertTo(peer: string): Promise<Alert> {
    const list = await agent.until<Alert[]>(['alert', 'list', '--limit', '1000'], (alerts) =>
      alerts.some(this.#isTo(peer)),
    )
    const found = list.find(this.#isTo(peer))
    if (found === undefined) throw new Error('no such alert')
    return found
  }

  async noAlertTo(peer: string): Promise<void> {
    const alerts = await agent.json<Alert[]>(['alert', 'list', '--limit', '1000'])
    expect(alerts.filter(this.#isTo(peer))).toEqual([])
  }

  /** By a program that comes with the folder: see `test/sensor/acts.c`. */
  async act(line: string): Promise<void> {
    const done = await execIn(docker, this.#container, [
      'sh',
      '-c',
      `echo ${line} | /srv/acts serve`,
    ])
    expect(done).toMatchObject({ exitCode: 0, stdout: '0\n' })
  }

  async stop(): Promise<void> {
    await removeContainer(this.#container)
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** Of any name below it where `peer` begins with a dot. */
  #isTo(peer: string): (alert: Alert) => boolean {
    return ({ container, behaviour }) => {
      if (container?.id !== this.#container.id) return false
      const text = `connect to tcp ${peer}:8443`
      return peer.startsWith('.')
        ? behaviour?.text.endsWith(`${peer}:8443`) === true
        : behaviour?.text === text
    }
  }
}

async function learnedOf(image: string): Promise<void> {
  const isLearned = ({ versions }: LineageView): boolean => versions[0]?.mode === 'alert'
  await agent.until<LineageView>(['image', 'show', image], isLearned)
}

async function block(image: string): Promise<void> {
  await expect.poll(async () => (await agent.cli(['profile', 'mode', image, 'block'])).code).toBe(0)
  const isArmed = ({ versions }: LineageView): boolean => versions[0]?.blocking?.armed === true
  await agent.until<LineageView>(['image', 'show', image], isArmed)
}

describe.each([
  { resolver: 'the resolver that it was given', hasNetwork: false },
  { resolver: 'the engine’s own resolver, on a network that the user made', hasNetwork: true },
])('a container that asks $resolver', ({ hasNetwork }) => {
  const name = uniqueName(hasNetwork ? 'asker' : 'caller')
  const image = `${name}:1`
  let at: Caller
  let network: Docker.Network | undefined
  const called = (peer: string, address: string) => at.called(peer, address)
  const alertTo = (peer: string) => at.alertTo(peer)
  const noAlertTo = (peer: string) => at.noAlertTo(peer)

  beforeAll(async () => {
    if (hasNetwork) network = await docker.createNetwork({ Name: name })
    dns.places.set('service.test', '198.51.100.7')
    at = await Caller.start(image, caller, 'service.test', hasNetwork ? name : undefined)
  })

  afterAll(async () => {
    await at.stop()
    await network?.remove()
  })

  test('has the peer in its profile by name', async () => {
    await called('service.test', '198.51.100.8')
    const { behaviours } = await agent.until<ProfileView>(['profile', 'show', image], (profile) =>
      profile.behaviours.some(({ text }) => text === 'connect to tcp service.test.:8443'),
    )
    expect(behaviours.filter(({ text }) => text.includes('198.51.100.'))).toEqual([])
    await learnedOf(image)
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
    at.call('198.51.100.41')
    const { reasons } = await alertTo('198.51.100.41')
    expect(reasons.join()).toContain('no DNS answer of this container names it')
  })

  // The address of another resolver is not the container’s own, so nothing binds to it.
  if (hasNetwork) {
    test('finds no address by an answer that its own process sends over TCP, and alerts on its port', async () => {
      const records = [{ owner: 'service.test', a: '198.51.100.45' }]
      const message = dnsAnswer('service.test', records).toString('hex')
      const size = (message.length / 2).toString(16).padStart(4, '0')
      await at.act(`forger 127.0.0.11 ${size}${message}`)
      await agent.until<Alert[]>(['alert', 'list', '--limit', '1000'], (alerts) =>
        alerts.some(({ guardrails }) => guardrails.includes('dns-forged')),
      )
      at.call('198.51.100.45')
      await alertTo('198.51.100.45')
    })
  }

  test('in block mode reaches the name at a new address, and neither a foreign name nor an address without one', async () => {
    await called('service.test', '198.51.100.51')
    await block(image)
    await called('service.test', '198.51.100.52')
    at.call('198.51.100.61')
    expect((await alertTo('198.51.100.61')).action).toBe('blocked')
    await called('other.test', '198.51.100.62')
    expect((await alertTo('other.test.')).action).toBe('blocked')
    await called('service.test', '198.51.100.53')
    at.call('198.51.100.63')
    // Judged behind the connections to the name.
    expect((await alertTo('198.51.100.63')).action).toBe('blocked')
    await noAlertTo('service.test.')
    for (const last of [52, 53]) await noAlertTo(`198.51.100.${last}`)
  })
})

describe('a container that asks for ever new names below a domain', () => {
  const image = `${uniqueName('inventor')}:1`
  let at: Caller

  beforeAll(async () => {
    dns.places.set('*.buckets.test', '198.51.100.70')
    dns.places.set('*.pockets.test', '198.51.100.71')
    at = await Caller.start(image, inventor, '.buckets.test')
  })

  afterAll(() => at.stop())

  /** So many more names below the domain. */
  async function invented(domain: string, count: number): Promise<void> {
    at.call(domain)
    dns.asked.length = 0
    const names = () => new Set(dns.asked.filter((each) => each.split(' ')[0]?.endsWith(domain)))
    await expect.poll(() => names().size).toBeGreaterThan(count)
  }

  test('has a wildcard in its profile', async () => {
    await learnedOf(image)
    const { behaviours } = await agent.json<ProfileView>(['profile', 'show', image])
    const lines = behaviours.filter(({ within }) => within === undefined)
    const peers = lines.filter(({ text }) => text.includes('8443'))
    expect(peers).toHaveLength(1)
    expect(peers[0]?.text).toMatch(
      /^connect to tcp \*\.buckets\.test\.:8443, with new names for the \* \(\d+ names in 1 container/,
    )
    expect(peers[0]?.place?.names).toBeGreaterThan(7)
  })

  test('raises no alert about further names below it, and one about those below another', async () => {
    await invented('.buckets.test', 20)
    await invented('.pockets.test', 2)
    await at.alertTo('.pockets.test.')
    await at.noAlertTo('.buckets.test.')
  })

  test('in block mode reaches further names below it, and none below another', async () => {
    await block(image)
    await invented('.buckets.test', 20)
    await invented('.pockets.test', 2)
    const isBlocked = ({ action, behaviour }: Alert): boolean =>
      action === 'blocked' && behaviour?.text.endsWith('.pockets.test.:8443') === true
    await agent.until<Alert[]>(['alert', 'list', '--limit', '1000'], (all) => all.some(isBlocked))
    await invented('.buckets.test', 20)
    await at.noAlertTo('.buckets.test.')
  })
})
