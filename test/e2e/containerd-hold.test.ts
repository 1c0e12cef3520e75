import { afterAll, beforeAll, expect, test } from 'vitest'
import type { HoldView } from '../../src/api/hold-views.ts'
import type { StatusView } from '../../src/api/status-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { type Containerd, startContainerd } from '../fixtures/containerd.ts'
import { misledService } from '../fixtures/misled-service.ts'

const image = `registry.example/${uniqueName('held')}:1`
const quitting = `registry.example/${uniqueName('quitting')}:1`
/** Ends itself, with a status for each signal. A first process gets only signals that it has a trap for. */
const orderly = [
  '/bin/sh',
  '-c',
  'trap "exit 7" TERM; trap "exit 8" QUIT; while true; do sleep 0.2; done',
]
const killed = 128 + 9
const runs = new Set(['CREATED', 'RUNNING'])
let containerd: Containerd
let agent: Agent

beforeAll(async () => {
  containerd = await startContainerd()
  await containerd.import(image)
  await containerd.import(quitting, {}, { StopSignal: 'SIGQUIT' })
  agent = await startAgent({
    config: {
      engines: {
        docker: { socket: 'none' },
        podman: { sockets: [] },
        containerd: { socket: containerd.socket },
      },
    },
  })
})

afterAll(async () => {
  await agent[Symbol.asyncDispose]()
  await containerd.stop()
})

/** As containerd reports it, such as `PAUSED`. */
async function statusOf(id: string): Promise<string | undefined> {
  const lines = (await containerd.ctr('task', 'ls')).split('\n')
  return lines.find((line) => line.startsWith(id))?.split(/\s+/)[2]
}

/** The numbers of its processes: one that runs has others all the time. */
const processesOf = (id: string): Promise<string> => containerd.ctr('task', 'ps', id)

async function expectToRun(id: string): Promise<void> {
  await expect.poll(() => statusOf(id)).toBe('RUNNING')
  const before = await processesOf(id)
  await expect.poll(() => processesOf(id)).not.toBe(before)
}

/** Resolves once the agent has it. */
async function start(
  command: readonly string[],
  flags?: readonly string[],
  of = image,
): Promise<string> {
  const id = await containerd.start(of, command, flags)
  await expect
    .poll(async () => (await agent.cli(['quarantine', id, '--dry-run', '--reason', 'x'])).code)
    .toBe(0)
  return id
}

const quarantine = (...args: readonly string[]): Promise<HoldView> =>
  agent.json<HoldView>(['quarantine', ...args, '--reason', 'a web shell'])

const states = ({ containers }: HoldView): Record<string, string> =>
  Object.fromEntries(containers.map(({ id, state, because }) => [id, because ?? state]))

test('a frozen container does nothing until its release, and its replica goes on', async () => {
  const victim = await start(misledService)
  const replica = await start(misledService)
  const hold = await quarantine(victim, '--level', 'freeze')
  expect(states(hold)).toEqual({ [victim]: 'held' })
  expect(await statusOf(victim)).toBe('PAUSED')
  const frozen = await processesOf(victim)
  await expectToRun(replica)
  await agent.kill()
  await agent.start()
  await agent.until<HoldView[]>(
    ['quarantine', 'list'],
    ([found]) => found !== undefined && states(found)[victim] === 'held',
  )
  expect(await statusOf(victim)).toBe('PAUSED')
  expect(await processesOf(victim)).toBe(frozen)
  await agent.json(['release', victim])
  await expectToRun(victim)
})

test('a freeze ends by itself, also where the agent is dead at its end', async () => {
  const victim = await start(misledService)
  const { until } = await quarantine(victim, '--level', 'freeze', '--for', '2s')
  expect(await statusOf(victim)).toBe('PAUSED')
  await agent.kill()
  await expect.poll(() => Date.now()).toBeGreaterThan(Date.parse(until))
  expect(await statusOf(victim)).toBe('PAUSED')
  await agent.start()
  await expectToRun(victim)
  expect(await agent.json<HoldView[]>(['quarantine', 'list'])).toEqual([])
})

test('a release while containerd is away thaws the container once it answers', async () => {
  const victim = await start(misledService)
  await quarantine(victim, '--level', 'freeze')
  await containerd.halt()
  await agent.json(['release', victim])
  const { degraded } = await agent.json<StatusView>(['status'])
  expect(degraded.join('\n')).toContain('may stay frozen')
  await containerd.resume()
  await expectToRun(victim)
  await agent.until<StatusView>(['status'], (status) => status.degraded.length === 0)
})

test('what somebody else has thawed or frozen meanwhile is no fault', async () => {
  const victim = await start(misledService)
  await containerd.ctr('task', 'pause', victim)
  expect(states(await quarantine(victim, '--level', 'freeze'))).toEqual({ [victim]: 'held' })
  await containerd.ctr('task', 'resume', victim)
  await agent.json(['release', victim])
  await expectToRun(victim)
})

test('a stopped container may end in order, and is killed where it does not', async () => {
  const ends = await start(orderly)
  const frozen = await start(orderly)
  await containerd.ctr('task', 'pause', frozen)
  const expected = [
    [ends, 7],
    [frozen, 7],
    [await start(orderly, [], quitting), 8],
    [await start(misledService), killed],
  ] as const
  for (const [id, status] of expected) {
    expect(states(await quarantine(id, '--level', 'stop'))).toEqual({ [id]: 'held' })
    expect(await statusOf(id)).toBe('STOPPED')
    const { stderr } = await containerd.tried('task', 'rm', id)
    expect(stderr).toContain(`exit with non-zero exit code ${status}"`)
  }
  // Started again under its id, it is stopped again: before its first program, or after it.
  await containerd.tried('task', 'start', '--detach', '--null-io', ends)
  await expect.poll(async () => runs.has((await statusOf(ends)) ?? '')).toBe(false)
  await agent.json(['release', ends])
  await containerd.tried('task', 'rm', ends)
  await containerd.ctr('task', 'start', '--detach', '--null-io', ends)
  await expectToRun(ends)
})

test('a freeze of an image is for containers that start meanwhile', async () => {
  const hold = await quarantine(image, '--level', 'freeze')
  const late = await containerd.start(image, misledService)
  await expect.poll(() => statusOf(late)).toBe('PAUSED')
  await agent.json(['release', hold.id])
  await expectToRun(late)
})

test.each(['freeze', 'stop'] as const)(
  'a %s of a pod is refused: its kubelet restarts it',
  async (level) => {
    const labels = ['io.kubernetes.pod.name=web-1', 'io.kubernetes.pod.namespace=shop']
    const pod = await start(
      misledService,
      labels.flatMap((label) => ['--label', label]),
    )
    const answer = await agent.cli(['quarantine', pod, '--level', level, '--reason', 'a test'])
    expect(answer.code).toBe(1)
    expect(answer.stderr).toContain('HOLD_UNAVAILABLE')
    await expectToRun(pod)
  },
)
