import type Docker from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ProfileView } from '../../src/api/profile-views.ts'
import type { AuditView, RemovalResult } from '../../src/api/review-views.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { removeContainer, startContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage } from '../fixtures/images.ts'

const repository = uniqueName('closed-shop')
const image = `${repository}:1`
const { docker, socket } = sharedEngine()
const started: Docker.Container[] = []

let agent: Agent

beforeAll(async () => {
  await busyboxImage(docker, { name: image, labels: { test: repository } })
  agent = await startAgent({ docker: socket })
})

afterAll(async () => {
  for (const container of started) await removeContainer(container)
  await agent[Symbol.asyncDispose]()
})

async function run(file: string): Promise<Docker.Container> {
  const script = `while true; do cat ${file}; sleep 0.2; done`
  const container = await startContainer(docker, image, ['/bin/sh', '-c', script])
  started.push(container)
  await agent.until<ProfileView>(['profile', 'show', image], ({ behaviours }) =>
    behaviours.some(({ text }) => text.includes(file)),
  )
  return container
}

async function end(container: Docker.Container): Promise<void> {
  await removeContainer(container)
  await agent.until<LineageView>(['image', 'show', image], ({ versions }) =>
    versions.every(({ containers }) => containers.running === 0),
  )
}

const repositories = async (): Promise<readonly string[]> =>
  (await agent.json<readonly LineageView[]>(['image', 'list'])).map((each) => each.repository)

test('a version is not removed while its container runs', async () => {
  const container = await run('/etc/motd')
  await agent.json(['profile', 'mode', image, 'alert'])
  const refused = await agent.cli(['image', 'remove', image, '--yes'])
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain('REMOVE_REFUSED')
  await end(container)
})

test('a removed version is gone from the list, and from the store after a restart', async () => {
  const preview = await agent.json<RemovalResult>(['image', 'remove', image, '--dry-run'])
  expect(preview.version.image.repository).toBe(repository)
  expect(await repositories()).toContain(repository)

  const removed = await agent.json<RemovalResult>(['image', 'remove', image, '--yes'])
  expect(removed.version.behaviours).toBeGreaterThan(0)
  expect(await repositories()).not.toContain(repository)
  const [entry] = await agent.json<readonly AuditView[]>(['audit', 'list'])
  expect(entry).toMatchObject({ what: 'image-remove', behaviours: removed.version.behaviours })

  await agent.stop()
  await agent.start()
  expect(await repositories()).not.toContain(repository)
})

test('a new container of the same image starts a new version, which learns', async () => {
  await run('/etc/group')
  const lineage = await agent.json<LineageView>(['image', 'show', image])
  expect(lineage.versions).toHaveLength(1)
  const [version] = lineage.versions
  expect(version).toMatchObject({ state: 'learning', containers: { running: 1, seen: 1 } })
  expect(version?.predecessor).toBeUndefined()
  const { behaviours } = await agent.json<ProfileView>(['profile', 'show', image])
  expect(behaviours.map(({ text }) => text).join('\n')).not.toContain('/etc/motd')
})
