import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { ProfileView } from '../../src/api/profile-views.ts'
import type { StatusView } from '../../src/api/status-views.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { removeContainer, startContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage } from '../fixtures/images.ts'

const image = `${uniqueName('client')}:1`
const databaseImage = `${uniqueName('database')}:1`
const database = uniqueName('user-db')
const { docker, socket } = sharedEngine()
/** Connects in a loop to the address that the test writes to a file, and writes the answers to another. */
const client = [
  '/bin/sh',
  '-c',
  'while true; do nc -w 2 $(cat /srv/address) 5432 </dev/null >/srv/answer 2>&1; cp /srv/answer /srv/last; sleep 0.2; done',
]
const server = (greeting: string): string[] => [
  '/bin/sh',
  '-c',
  `while true; do echo ${greeting} | nc -l -p 5432; done`,
]
let agent: Agent
let folder: string
const made: Docker.Container[] = []

async function start(
  name: string,
  greeting: string,
): Promise<{ readonly container: Docker.Container; readonly address: string }> {
  const container = await startContainer(docker, databaseImage, server(greeting), { name })
  made.push(container)
  const { NetworkSettings } = await container.inspect()
  const [network] = Object.values(NetworkSettings.Networks)
  return { container, address: network?.IPAddress ?? '' }
}

function ask(address: string): void {
  rmSync(join(folder, 'last'), { force: true })
  writeFileSync(join(folder, 'address'), address)
}

function answer(): string {
  try {
    return readFileSync(join(folder, 'last'), 'utf8').trim()
  } catch {
    return ''
  }
}

beforeAll(async () => {
  folder = mkdtempSync('/tmp/snug-peers-')
  mkdirSync(folder, { recursive: true })
  await busyboxImage(docker, { name: image, labels: { test: image } })
  await busyboxImage(docker, { name: databaseImage, labels: { test: databaseImage } })
  agent = await startAgent({
    docker: socket,
    config: { learn: { floor: '3s', ceiling: '1h', unseen: 1 }, block: { canary: 1 } },
  })
})

afterAll(async () => {
  for (const container of made) await removeContainer(container)
  await agent[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

test('a peer is identified by its name: in block mode it may change its address, and no other peer may take the old one', async () => {
  const first = await start(database, 'first')
  ask(first.address)
  const options = { HostConfig: { Binds: [`${folder}:/srv`] } }
  made.push(await startContainer(docker, image, client, options))
  await expect.poll(answer).toBe('first')
  await agent.until<ProfileView>(['profile', 'show', image], ({ behaviours }) =>
    behaviours.some(({ text }) => text === `connect to tcp ${database}:5432`),
  )
  await agent.until<LineageView>(
    ['image', 'show', image],
    ({ versions }) => versions[0]?.mode === 'alert',
  )
  await expect.poll(async () => (await agent.cli(['profile', 'mode', image, 'block'])).code).toBe(0)

  await removeContainer(first.container)
  const usurper = await start(uniqueName('usurper'), 'usurped')
  const second = await start(database, 'second')
  expect(usurper.address).toBe(first.address)
  expect(second.address).not.toBe(first.address)
  ask(second.address)
  await expect.poll(answer).toBe('second')

  ask(usurper.address)
  await agent.until<Alert[]>(['alert', 'list', '--limit', '1000'], (list) =>
    list.some(
      ({ event, action }) =>
        event.kind === 'connect' &&
        event.connect.address === usurper.address &&
        action !== 'alerted',
    ),
  )
  expect(answer()).not.toBe('usurped')
  const status = await agent.json<StatusView>(['status'])
  expect(status.counters['kernelDisagreements']).toBe(0)
})
