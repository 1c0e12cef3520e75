import type Docker from 'dockerode'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { ProfileView } from '../../src/api/profile-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { execIn, removeContainer, startContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage } from '../fixtures/images.ts'

const image = `${uniqueName('ended')}:1`
const { docker, socket } = sharedEngine()
/** Reads two more files, each once there is a file of the same name in its root. */
const service = [
  '/bin/sh',
  '-c',
  'while true; do for f in passwd group; do [ -e /$f ] && cat /etc/$f; done; sleep 0.1; done',
]
/** Shorter than a decision waits at most, and than a sensor may be silent. */
const stoppedMs = 1_000
let agent: Agent
let container: Docker.Container

beforeAll(async () => {
  await busyboxImage(docker, { name: image, labels: { test: image } })
  agent = await startAgent({ docker: socket })
  container = await startContainer(docker, image, service)
})

afterAll(async () => {
  await removeContainer(container)
  await agent[Symbol.asyncDispose]()
})

async function reads(file: string): Promise<void> {
  await execIn(docker, container, ['/bin/touch', `/${file}`])
  const read = async (): Promise<string> =>
    (await container.logs({ stdout: true, stderr: false })).toString()
  const begins = { passwd: 'root:x:0:0', group: 'root:x:0:\n' }[file] ?? file
  await expect.poll(read).toContain(begins)
}

const fileRow = (file: string) => (row: ProfileView['behaviours'][number]) =>
  row.kind === 'file' && row.object.includes(`/etc/${file}`)

test('what happened before a person ended the window is learned, though the sensor reports it later', async () => {
  await agent.until<ProfileView>(['profile', 'show', image], ({ behaviours }) =>
    behaviours.some(({ object }) => object.includes('busybox')),
  )
  const { sensorPid } = agent
  process.kill(sensorPid, 'SIGSTOP')
  let ended: Promise<unknown>
  try {
    await reads('passwd')
    ended = agent.json(['profile', 'end-learning', image])
    await Promise.race([ended, delay(stoppedMs)])
  } finally {
    process.kill(sensorPid, 'SIGCONT')
  }
  await ended
  await reads('group')
  const about = (file: string) => (alert: Alert) => alert.behaviour?.text.includes(`/etc/${file}`)
  const alerts = await agent.until<readonly Alert[]>(['alert', 'list', '--limit', '1000'], (list) =>
    list.some(about('group')),
  )
  expect(alerts.filter(about('passwd'))).toEqual([])
  const { behaviours } = await agent.json<ProfileView>(['profile', 'show', image])
  expect(behaviours.filter(fileRow('passwd')).map(({ state }) => state)).toEqual(['learned'])
  expect(behaviours.filter(fileRow('group')).map(({ state }) => state)).toEqual(['pending'])
})
