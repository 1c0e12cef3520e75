import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { createServer, type Server } from 'node:tls'
import type Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { ProfileView } from '../../src/api/profile-views.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { Authority } from '../fixtures/authority.ts'
import { removeContainer, startContainer } from '../fixtures/containers.ts'
import { hostAddress, sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage, librariesOf } from '../fixtures/images.ts'

const { docker, socket } = sharedEngine()
const image = `${uniqueName('names')}:1`
const folder = mkdtempSync('/tmp/snug-names-')
const authority = new Authority('any')
/** The names of completed handshakes, in order. */
const asked: string[] = []
/** Ended by the test: a client whose packets are dropped never closes. */
const connections = new Set<Socket>()
let server: Server
let port: number
let agent: Agent
let container: Docker.Container

/** A real client that asks for the server in the file, at one address. */
const client = (at: string): string => `
while true; do
  read name </srv/name
  timeout 3 openssl s_client -connect ${at} -servername $name -quiet </dev/null >/dev/null 2>&1
  sleep 0.2
done`

beforeAll(async () => {
  const { cert, key } = authority.issue('any', ['DNS:any.test'])
  server = createServer({ cert, key }, (connection) => {
    asked.push(connection.servername || '(none)')
    connection.on('error', () => undefined)
    connection.end('hello\n')
  })
  server.on('tlsClientError', () => undefined)
  server.on('connection', (connection) => connections.add(connection))
  await new Promise<void>((resolve) => server.listen(0, hostAddress(), resolve))
  ;({ port } = server.address() as AddressInfo)
  agent = await startAgent({
    docker: socket,
    config: { learn: { floor: '3s', ceiling: '1h', unseen: 1 }, block: { canary: 1 } },
  })
  ask('api.test')
  await busyboxImage(docker, {
    name: image,
    labels: { test: image },
    programs: { '/usr/bin/openssl': '/usr/bin/openssl', ...librariesOf('/usr/bin/openssl') },
  })
  container = await startContainer(
    docker,
    image,
    ['/bin/sh', '-c', client(`${hostAddress()}:${port}`)],
    {
      HostConfig: { Binds: [`${folder}:/srv`] },
    },
  )
})

afterAll(async () => {
  await removeContainer(container)
  await agent[Symbol.asyncDispose]()
  for (const connection of connections) connection.destroy()
  await new Promise((resolve) => server.close(resolve))
  authority[Symbol.dispose]()
  rmSync(folder, { recursive: true, force: true })
})

function ask(name: string): void {
  writeFileSync(join(folder, 'next'), `${name}\n`)
  renameSync(join(folder, 'next'), join(folder, 'name'))
}

/** The server is reached by this name, more than once. */
async function reached(name: string): Promise<void> {
  asked.length = 0
  await expect.poll(() => asked.filter((each) => each === name).length).toBeGreaterThan(2)
}

async function alertTo(name: string, action: Alert['action']): Promise<Alert> {
  const isIt = (alert: Alert): boolean =>
    alert.container?.id === container.id &&
    alert.action === action &&
    alert.behaviour?.text === `connect to tcp ${name}.:${port}`
  const alerts = await agent.until<Alert[]>(['alert', 'list', '--limit', '1000'], (all) =>
    all.some(isIt),
  )
  const found = alerts.find(isIt)
  if (found === undefined) throw new Error('no such alert')
  return found
}

describe('two names on one address', () => {
  test('are known by the name that the client asks for, and by the address', async () => {
    await reached('api.test')
    const peers = [`connect to tcp ${hostAddress()}:${port}`, `connect to tcp api.test.:${port}`]
    const { behaviours } = await agent.until<ProfileView>(['profile', 'show', image], (profile) =>
      peers.every((peer) => profile.behaviours.some(({ text }) => text === peer)),
    )
    const texts = behaviours.map(({ text }) => text).filter((text) => text.endsWith(`:${port}`))
    expect(texts.sort()).toEqual(peers.sort())
    const isLearned = ({ versions }: LineageView): boolean => versions[0]?.mode === 'alert'
    await agent.until<LineageView>(['image', 'show', image], isLearned)
  })

  test('the unexpected one is an alert that names it and its address', async () => {
    ask('other.test')
    await reached('other.test')
    const { event, reasons, severity } = await alertTo('other.test', 'alerted')
    expect(event.kind === 'connect' && event.connect).toMatchObject({
      address: hostAddress(),
      serverName: 'other.test',
    })
    expect(reasons).toContain(
      `the client asked for this server in TLS, on the connection to ${hostAddress()}:${port}`,
    )
    expect(severity).toBe('medium')
    ask('api.test')
    await reached('api.test')
  })

  test('in block mode the unexpected one is not reached, and the other one is', async () => {
    await expect
      .poll(async () => (await agent.cli(['profile', 'mode', image, 'block'])).code)
      .toBe(0)
    const isArmed = ({ versions }: LineageView): boolean => versions[0]?.blocking?.armed === true
    await agent.until<LineageView>(['image', 'show', image], isArmed)
    await reached('api.test')
    asked.length = 0
    ask('evil.test')
    await alertTo('evil.test', 'blocked')
    ask('api.test')
    await reached('api.test')
    expect(asked.filter((name) => name !== 'api.test')).toEqual([])
    const alerts = await agent.json<Alert[]>(['alert', 'list', '--limit', '1000'])
    const ofExpected = alerts.filter(
      ({ container: one, behaviour }) =>
        one?.id === container.id && behaviour?.text === `connect to tcp api.test.:${port}`,
    )
    expect(ofExpected).toEqual([])
  })

  test('an approved name is reached', async () => {
    const { id } = await alertTo('evil.test', 'blocked')
    const { code, stderr } = await agent.cli(['alert', 'approve', id, '--reason', 'a new API'])
    expect([code, stderr]).toEqual([0, ''])
    ask('evil.test')
    await reached('evil.test')
  })
})
