import { existsSync } from 'node:fs'
import type Docker from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { StatusView } from '../../src/api/status-views.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { removeContainer, runContainer, startContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage } from '../fixtures/images.ts'

const image = `${uniqueName('gap')}:1`
const { docker, socket } = sharedEngine()
const containers = 30
/** Greets in a loop, and runs the command that its environment names. While it is learned, there is none. */
const service = ['/bin/sh', '-c', 'while true; do echo turn; $ORDER; sleep 0.1; done']
let agent: Agent
let learned: Docker.Container
let others: readonly Docker.Container[] = []

beforeAll(async () => {
  await busyboxImage(docker, {
    name: image,
    labels: { test: image },
    files: { '/bin/other': '#!/bin/sh\necho it ran\n' },
    dockerfile: ['RUN chmod 755 /bin/other'],
  })
  agent = await startAgent({
    docker: socket,
    config: {
      learn: { floor: '3s', ceiling: '1h', unseen: 1 },
      block: { canary: 1, budget: 1_000 },
    },
  })
  learned = await startContainer(docker, image, service)
  await agent.until<LineageView>(
    ['image', 'show', image],
    ({ versions }) => versions[0]?.mode === 'alert',
  )
})

afterAll(async () => {
  await Promise.all([learned, ...others].map(removeContainer))
  await agent[Symbol.asyncDispose]()
})

async function lines(container: Docker.Container): Promise<readonly string[]> {
  const text = await container.logs({ stdout: true, stderr: false })
  return text.toString().match(/turn|it ran/g) ?? []
}

async function ran(container: Docker.Container): Promise<number> {
  return (await lines(container)).filter((line) => line === 'it ran').length
}

test('a version that has alerted for its floor blocks when a person asks for it', async () => {
  await expect.poll(async () => (await agent.cli(['profile', 'mode', image, 'block'])).code).toBe(0)
})

test('containers that start while the agent stalls are blocked once it goes on', async () => {
  process.kill(agent.pid, 'SIGSTOP')
  try {
    others = await Promise.all(
      Array.from({ length: containers }, () =>
        startContainer(docker, image, service, { Env: ['ORDER=/bin/other'] }),
      ),
    )
    for (const other of others) {
      await expect.poll(() => ran(other)).toBeGreaterThan(1)
    }
  } finally {
    process.kill(agent.pid, 'SIGCONT')
  }
  await agent.until<LineageView>(
    ['image', 'show', image],
    ({ versions }) => versions[0]?.blocking?.containers.length === containers + 1,
  )
  const before = await Promise.all(others.map(lines))
  for (const [at, other] of others.entries()) {
    await expect
      .poll(async () => (await lines(other)).filter((line) => line === 'turn').length)
      .toBeGreaterThan((before[at] ?? []).length + 5)
    const after = await lines(other)
    const since = after.slice((before[at] ?? []).length)
    expect(
      since.filter((line) => line === 'it ran'),
      other.id,
    ).toEqual([])
  }
})

test('the time until they were blocked is on record, with an alert and in the status', async () => {
  const alerts = await agent.until<Alert[]>(['alert', 'list', '--limit', '1000'], (list) =>
    list.some(({ type, count }) => type === 'enforcement' && count >= containers),
  )
  const gap = alerts.find(({ type }) => type === 'enforcement')
  expect(gap?.event).toMatchObject({ kind: 'loss', loss: { reason: 'enforcement-gap' } })
  const { versions } = await agent.json<LineageView>(['image', 'show', image])
  const reasons = new Set(versions[0]?.losses.map(({ reason }) => reason))
  expect(reasons).toEqual(new Set(['enforcement-gap']))
  const { enforcementGap, counters } = await agent.json<StatusView>(['status'])
  expect(enforcementGap?.milliseconds).toBeGreaterThan(100)
  expect(counters['enforcementGaps']).toBe(containers)
})

test('a container that starts while the sensor does not run has its gap on record, though it was assigned in time', async () => {
  const { sensorPid } = agent
  process.kill(sensorPid, 'SIGSTOP')
  const late = await docker.createContainer({
    Image: image,
    Cmd: service,
    Env: ['ORDER=/bin/other'],
  })
  others = [...others, late]
  const { counters } = await agent.json<StatusView>(['status'])
  // An agent replaces a sensor that is silent for seconds. On a machine that slow, the next one may be there in time.
  const isReplaced = (): boolean => !existsSync(`/proc/${sensorPid}`)
  try {
    await late.start()
    await expect.poll(async () => isReplaced() || (await ran(late)) > 1).toBe(true)
  } finally {
    if (!isReplaced()) process.kill(sensorPid, 'SIGCONT')
  }
  const turns = async (): Promise<readonly string[]> => (await lines(late)).slice(-6)
  await expect.poll(turns).toEqual(Array.from({ length: 6 }, () => 'turn'))
  // From then on it is blocked.
  const before = await lines(late)
  await expect.poll(async () => (await lines(late)).length).toBeGreaterThan(before.length + 5)
  const after = await lines(late)
  expect(after.slice(before.length).filter((line) => line === 'it ran')).toEqual([])
  if (!before.includes('it ran')) return
  const ofIt = (loss: object): boolean =>
    (loss as { readonly container?: string }).container === late.id
  const { versions } = await agent.until<LineageView>(
    ['image', 'show', image],
    (view) => view.versions[0]?.losses.some(ofIt) === true,
  )
  const gap = versions[0]?.losses.find(ofIt)
  expect(gap?.reason).toBe('enforcement-gap')
  expect(Date.parse(gap?.to ?? '') - Date.parse(gap?.from ?? '')).toBeGreaterThan(50)
  const { counters: counted } = await agent.json<StatusView>(['status'])
  expect(counted['enforcementGaps']).toBeGreaterThan(counters['enforcementGaps'] ?? 0)
})

test('containers that came and went while the agent stalled are judged by their version', async () => {
  process.kill(agent.pid, 'SIGSTOP')
  const short: string[] = []
  try {
    for (let i = 0; i < 10; i++) {
      const { id, exitCode } = await runContainer(docker, image, ['/bin/other'])
      expect(exitCode).toBe(0)
      short.push(id)
    }
  } finally {
    process.kill(agent.pid, 'SIGCONT')
  }
  // On a busy machine a loss may be on record too: that one is of the container, and of no mode.
  const deviations = (list: readonly Alert[]): readonly Alert[] =>
    list.filter(({ type, container }) => type !== 'loss' && short.includes(container?.id ?? ''))
  const alerts = await agent.until<Alert[]>(['alert', 'list', '--limit', '1000'], (list) =>
    short.every((id) => deviations(list).some(({ container }) => container?.id === id)),
  )
  const theirs = deviations(alerts)
  expect(theirs.filter((alert) => alert.image === undefined)).toEqual([])
  expect(new Set(theirs.map(({ mode }) => mode))).toEqual(new Set(['block']))
})
