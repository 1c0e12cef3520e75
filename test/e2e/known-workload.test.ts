import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ActEvent, SnugEvent } from '../../src/core/event/event.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { runContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { recordEvents } from '../fixtures/recorder.ts'
import { workloadImage, workloadUser } from '../fixtures/workload-image.ts'

/** 23 of each: a prime, so that nothing that is doubled, halved or rounded can pass. */
const count = 23
const image = `${uniqueName('known')}:1`
const { docker, socket } = sharedEngine()
const two = (i: number): string => String(i).padStart(2, '0')
const numbers = Array.from({ length: count }, (_, i) => i)

let agent: Agent
let digest: string
let container: string
let name: string
let events: readonly ActEvent[]

beforeAll(async () => {
  digest = await workloadImage(docker, image)
  agent = await startAgent({ docker: socket })
  const file = join(agent.folder, 'events.ndjson')
  await using recorder = await recordEvents(agent, file)
  name = uniqueName('known')
  const outcome = await runContainer(docker, image, ['/workload', 'known', String(count)], { name })
  expect(outcome.stderr).toBe('')
  expect(outcome.exitCode).toBe(0)
  container = outcome.id
  // The events of one container arrive in order, and its last connect is the last of all.
  await recorder.until((event) => event.kind === 'connect' && event.connect.port === 20_022)
  await recorder.stop()
  events = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as SnugEvent)
    .filter((event): event is ActEvent => event.kind !== 'loss')
    .filter((event) => event.container.id === container)
})

afterAll(async () => {
  await agent[Symbol.asyncDispose]()
})

test('23 execs are 23 events with their path and arguments', () => {
  const execs = events.filter((event) => event.kind === 'exec')
  const ours = execs.filter((event) => event.exec.path.startsWith('/data/bin/'))
  expect(ours.map((event) => event.exec.path)).toEqual(numbers.map((i) => `/data/bin/${two(i)}`))
  expect(ours.map((event) => event.process.args)).toEqual(
    numbers.map((i) => ['true', `arg-${two(i)}`]),
  )
  expect(ours.every((event) => !event.exec.drift)).toBe(true)
  // Besides those, the container's own first program and nothing else: runc is not the container.
  expect(execs.filter((event) => !ours.includes(event)).map((event) => event.exec.path)).toEqual([
    '/workload',
  ])
})

test('23 opens of distinct files are 23 events, each a read', () => {
  const opens = events.filter((event) => event.kind === 'file')
  const ours = opens.filter((event) => event.file.path.startsWith('/data/in/'))
  expect(ours.map((event) => event.file.path)).toEqual(numbers.map((i) => `/data/in/${two(i)}`))
  expect(ours.every((event) => event.file.access.join() === 'read')).toBe(true)
  expect(ours.every((event) => event.process.exe === '/workload')).toBe(true)
})

test('23 connects are 23 events with address and port', () => {
  const connects = events.filter((event) => event.kind === 'connect')
  expect(connects.map(({ connect }) => [connect.protocol, connect.address, connect.port])).toEqual(
    numbers.map((i) => ['tcp', '127.0.0.1', 20_000 + i]),
  )
})

test('every event names container, image, user and origin', () => {
  expect(events.length).toBeGreaterThanOrEqual(3 * count + 1)
  for (const event of events) {
    expect(event.container).toMatchObject({ id: container, name })
    expect(event.image).toMatchObject({ repository: image.split(':')[0], tag: '1', digest })
    expect(event.process).toMatchObject({ ...workloadUser, origin: 'entrypoint' })
    expect(event.v).toBe(1)
    expect(event.node).toBe('n1')
    expect(event.source).toBe('ebpf')
  }
})

test('a repeated event is counted, not sent again: 3 runs of 23 events add up', async () => {
  for (let run = 0; run < 2; run++)
    await runContainer(docker, image, ['/workload', 'known', String(count)])
  interface Profile {
    readonly behaviours: readonly { kind: string; count: number; containers: readonly string[] }[]
  }
  const sum = (profile: Profile, kind: string): number =>
    profile.behaviours.filter((row) => row.kind === kind).reduce((n, row) => n + row.count, 0)
  const profile = await agent.until<Profile>(
    ['profile', 'show', image],
    (view) => sum(view, 'connect') >= 3 * count,
  )
  expect(sum(profile, 'connect')).toBe(3 * count)
  // The container's own first program, three times.
  expect(sum(profile, 'exec')).toBe(3 * count + 3)
})
