import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ExecEvent, SnugEvent } from '../../src/core/event/event.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { shortContainers } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage } from '../fixtures/images.ts'
import { recordEvents } from '../fixtures/recorder.ts'
import { repetitions } from '../fixtures/repetitions.ts'

const runs = repetitions(200)
const image = `${uniqueName('short')}:1`
const { docker, socket } = sharedEngine()
let agent: Agent
let digest: string

beforeAll(async () => {
  digest = await busyboxImage(docker, { name: image, labels: { test: image } })
  agent = await startAgent({ docker: socket })
})

afterAll(async () => {
  await agent[Symbol.asyncDispose]()
})

test(`of ${runs} containers that live for a moment, every one has its exec, container and digest`, async () => {
  const file = join(agent.folder, 'events.ndjson')
  await using recorder = await recordEvents(agent, file)
  const ids = await shortContainers(docker, image, { count: runs, atOnce: 4 })
  const ended = new Set<string>()
  await recorder.until((event) => {
    if (event.kind === 'exec' && ids.has(event.container.id)) ended.add(event.container.id)
    return ended.size === runs
  })
  await recorder.stop()

  const events = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as SnugEvent)
  // Containers of the machine's own Docker, which this agent does not ask, have losses of their own.
  const lost = events.filter(
    ({ kind, container }) => kind === 'loss' && (container === undefined || ids.has(container.id)),
  )
  expect(lost).toEqual([])
  const execs = events.filter((event): event is ExecEvent => event.kind === 'exec')
  const ours = execs.filter((event) => ids.has(event.container.id))
  expect(ours.map((event) => event.container.id).sort()).toEqual([...ids].sort())
  for (const event of ours) {
    expect(event.exec.path).toBe('/bin/busybox')
    expect(event.process.args).toEqual(['/bin/busybox', 'true'])
    expect(event.image?.digest).toBe(digest)
    expect(event.container.name).toMatch(/./)
  }
})

test(`the profile counts all ${runs} of them, and none is lost`, async () => {
  const lineage = await agent.until<LineageView>(
    ['image', 'show', image],
    (view) => view.versions[0]?.containers.seen === runs,
  )
  expect(lineage.versions).toHaveLength(1)
  expect(lineage.versions[0]?.image.digest).toBe(digest)
  expect(lineage.versions[0]?.losses).toEqual([])
  interface Profile {
    readonly behaviours: readonly { kind: string; text: string; count: number }[]
  }
  const profile = await agent.json<Profile>(['profile', 'show', image])
  const exec = profile.behaviours.find(({ kind }) => kind === 'exec')
  expect(exec).toMatchObject({ count: runs })
})
