import type Docker from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ProfileDiff, ProfileView } from '../../src/api/profile-views.ts'
import type { LineageView, VersionView } from '../../src/api/version-views.ts'
import type { Alert } from '../../src/core/event/alert.ts'
import { type Agent, type Tail, startAgent, uniqueName } from '../fixtures/agent.ts'
import { removeContainer, startContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage, programLines, readerScript } from '../fixtures/images.ts'

/** A service of one program that reads one file; version 2 has another program and reads a second file. */
const repository = uniqueName('shop')
const first = `${repository}:1`
const second = `${repository}:2`
const { docker, socket } = sharedEngine()
const started: Docker.Container[] = []

let agent: Agent
let alerts: Tail<Alert>
const digests: Record<string, string> = {}

beforeAll(async () => {
  digests[first] = await busyboxImage(docker, {
    name: first,
    labels: { test: repository },
    files: { '/app/run': readerScript('/app/cat', ['/app/shop.conf']), '/app/shop.conf': 'a\n' },
    dockerfile: programLines(['cat']),
  })
  digests[second] = await busyboxImage(docker, {
    name: second,
    labels: { test: repository },
    files: {
      '/app/run': readerScript('/app/head', ['/app/shop.conf', '/app/payment.conf']),
      '/app/shop.conf': 'a\n',
      '/app/payment.conf': 'b\n',
    },
    dockerfile: programLines(['head']),
  })
  agent = await startAgent({ docker: socket })
  alerts = await agent.tail<Alert>(['alert', 'tail'])
})

afterAll(async () => {
  for (const container of started) await removeContainer(container)
  await agent[Symbol.asyncDispose]()
})

async function run(
  image: string,
  command: readonly string[] = ['/app/run'],
): Promise<Docker.Container> {
  const container = await startContainer(docker, image, command)
  started.push(container)
  return container
}

function version(lineage: LineageView, image: string): VersionView | undefined {
  return lineage.versions.find((one) => one.image.digest === digests[image])
}

async function profileWith(image: string, text: string): Promise<ProfileView> {
  return agent.until<ProfileView>(['profile', 'show', image], ({ behaviours }) =>
    behaviours.some((row) => row.text.includes(text)),
  )
}

test('a new digest gets its own window and its predecessor as prior, and the old version continues', async () => {
  await run(first)
  await profileWith(first, '/app/shop.conf')
  await agent.json(['profile', 'mode', first, 'alert'])
  await run(second)
  await profileWith(second, '/app/payment.conf')
  const lineage = await agent.json<LineageView>(['image', 'show', repository])
  expect(lineage.versions).toHaveLength(2)
  expect(version(lineage, first)).toMatchObject({ mode: 'alert' })
  expect(version(lineage, first)?.state).not.toBe('learning')
  expect(version(lineage, second)).toMatchObject({
    state: 'learning',
    predecessor: digests[first],
    containers: { running: 1 },
  })
  expect(version(lineage, first)?.containers.running).toBe(1)
})

test('the delta between the two versions is exactly the change', async () => {
  const diff = await agent.json<ProfileDiff>(['profile', 'diff', first, second])
  const of = (rows: ProfileDiff['added']): string[] =>
    rows.map(({ actor, kind, text }) => `${actor} ${kind} ${text}`).sort()
  // The program that was replaced did the reading; the file that was added is read by the new one.
  expect(of(diff.added).some((row) => row.includes('/app/payment.conf'))).toBe(true)
  expect(of(diff.added).every((row) => row.includes('/app/head') || row.includes('payment'))).toBe(
    true,
  )
  expect(of(diff.removed).every((row) => row.includes('/app/cat'))).toBe(true)
  expect(diff.removed.length).toBeGreaterThan(0)
  expect(diff.unchanged).toBeGreaterThan(0)
  const table = await agent.cli(['profile', 'diff', first, second])
  expect(table.stdout).toContain('/app/head')
  expect(table.stdout).toContain('/app/payment.conf')
  expect(table.stdout).not.toContain('/bin/sleep')
})

test('each version is judged by its own profile', async () => {
  await agent.json(['profile', 'mode', second, 'alert'])
  // The ordinary behaviour of version 2 is new in version 1, and the other way round.
  const odd = await run(first, [
    '/bin/sh',
    '-c',
    'read x < /app/shop.conf; exec /app/cat /etc/motd',
  ])
  await alerts.until(
    ({ container, event }) =>
      container?.id === odd.id && event.kind === 'file' && event.file.path === '/etc/motd',
    'an alert of version 1',
  )
  const output = alerts.items.map(({ item }) => item)
  const ordinary = started.filter(({ id }) => id !== odd.id).map(({ id }) => id)
  expect(output.filter(({ container }) => ordinary.includes(container?.id ?? ''))).toEqual([])
})

test('rolling back to the first version learns nothing new and alerts nothing', async () => {
  const before = await agent.json<LineageView>(['image', 'show', repository])
  const back = await run(first)
  const after = await agent.until<LineageView>(
    ['image', 'show', repository],
    (view) =>
      (version(view, first)?.containers.seen ?? 0) > (version(before, first)?.containers.seen ?? 0),
  )
  await agent.until<ProfileView>(['profile', 'show', first], ({ behaviours }) =>
    behaviours.some(
      ({ text, containers }) => text.includes('/app/shop.conf') && containers.includes(back.id),
    ),
  )
  expect(after.versions).toHaveLength(2)
  expect(version(after, first)).toMatchObject({
    state: version(before, first)?.state,
    mode: 'alert',
    behaviours: version(before, first)?.behaviours,
    learnedAt: version(before, first)?.learnedAt,
  })
  expect(alerts.items.filter(({ item }) => item.container?.id === back.id)).toEqual([])
})
