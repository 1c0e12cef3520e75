import { existsSync } from 'node:fs'
import type Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { StatusView } from '../../src/api/status-views.ts'
import { hiddenBy } from '../../src/core/match/loss-risk.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import { type Agent, uniqueName } from '../fixtures/agent.ts'
import {
  type AttemptKind,
  allSucceeded,
  attemptsBlocked,
  type Tally,
} from '../fixtures/attempts-image.ts'
import { execIn, removeContainer, runContainer, startContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'

const times = 2_000
const workers = 4
const image = `${uniqueName('outlives')}:1`
const { docker, socket } = sharedEngine()
let agent: Agent

beforeAll(async () => {
  agent = await attemptsBlocked(docker, socket, image)
})

afterAll(async () => {
  await agent[Symbol.asyncDispose]()
})

/** The processes to kill with SIGKILL while many of the attempts are still to come. */
const victims = {
  'the sensor': () => killSensor(),
  'the daemon': async () => {
    await agent.kill()
  },
  'both of them': async () => {
    killSensor()
    await agent.kill()
  },
} as const

function killSensor(): void {
  process.kill(agent.sensorPid, 'SIGKILL')
}

describe('blocking outlives', () => {
  test.each([
    ['the sensor', 'connect'],
    ['the daemon', 'connect'],
    ['both of them', 'open'],
    ['both of them', 'exec'],
  ] as const)(
    '%s, killed half-way through: no %s succeeds, and each is reported',
    async (who, kind) => {
      const command = [kind, String(times), String(workers), 'wait']
      const container = await startContainer(docker, image, command)
      // On a busy machine a container runs before it is blocked, on record. This one attempts nothing until then.
      let begun = ''
      try {
        await output(container, 'ready')
        await blocked(container)
        begun = new Date().toISOString()
        await container.kill({ signal: 'SIGUSR1' })
        await output(container, 'half')
        await victims[who]()
        await container.wait()
        if (!agent.running) await agent.start()
        await agent.until<StatusView>(['status'], ({ state }) => state === 'running')
        await expectNoneSucceeded(container, kind)
        await expectEachReported(container.id)
      } finally {
        await removeContainer(container)
      }
      const since = ({ reason, to }: Loss): boolean => reason !== 'enforcement-gap' || to > begun
      expect((await losses()).filter(since)).toEqual([])
      const { versions } = await agent.json<LineageView>(['image', 'show', image])
      expect(versions[0]?.mode).toBe('block')
      const { counters } = await agent.json<StatusView>(['status'])
      expect(counters['kernelDisagreements']).toBe(0)
    },
  )
})

test('detaching ends it: nothing of the agent is left in the kernel', async () => {
  const refused = await agent.cli(['agent', '--detach', '--config', agent.config])
  expect(refused).toMatchObject({ code: 1 })
  expect(refused.stderr).toContain('DETACH_REFUSED')
  await agent.stop()
  expect(existsSync(agent.kernelState)).toBe(true)
  expect((await agent.detach()).stderr).toContain('detached')
  expect(existsSync(agent.kernelState)).toBe(false)
  const { exitCode } = await runContainer(docker, image, ['connect', '10', '1'])
  expect(exitCode).toBe(allSucceeded)
})

interface Loss {
  readonly reason: string
  readonly to: string
}

/** Of the image, and of the node. Each attempt is accounted for; of single acts, other tests lose some. */
async function losses(): Promise<readonly Loss[]> {
  const { versions } = await agent.json<LineageView>(['image', 'show', image])
  const status = await agent.json<StatusView>(['status'])
  const all = [...(versions[0]?.losses ?? []), ...status.losses]
  return all.filter(({ reason }) => hiddenBy[reason] !== 'single')
}

/** What the forbidden program ends with, where it runs: it lacks arguments. */
const ran = 64

/** The kernel stops a session in the container. */
async function blocked(container: Docker.Container): Promise<void> {
  const session = ['/data/forbidden-program']
  while ((await execIn(docker, container, session)).exitCode === ran);
}

async function expectNoneSucceeded(container: Docker.Container, kind: AttemptKind): Promise<void> {
  const log = (await container.logs({ stdout: true, stderr: true })).toString('latin1')
  const tally = JSON.parse(/\{.*\}/.exec(log)?.[0] ?? '{}') as Tally
  expect(tally).toMatchObject({ attempts: times, succeeded: 0, other: 0, allowed: times / 10 })
  expect(kind === 'connect' ? tally.refused : tally.killed).toBe(times)
}

/** A restarted reporter has no record of earlier alerts and may report again: the counts add up to the attempts. */
async function expectEachReported(id: string): Promise<void> {
  // On a busy machine the container may also have run before it was assigned, which is an alert too.
  const isOwn = ({ type, container, process }: Alert): boolean =>
    container?.id === id && type === 'deviation' && process?.origin !== 'exec-in'
  await agent.until<Alert[]>(
    ['alert', 'list', '--limit', '1000'],
    (alerts) => alerts.filter(isOwn).reduce((sum, { count }) => sum + count, 0) >= times,
  )
  const own = (await agent.json<Alert[]>(['alert', 'list', '--limit', '1000'])).filter(isOwn)
  expect(own.map(({ count }) => count)).toEqual([times])
  expect(own[0]?.action).toMatch(/blocked|killed/)
}

async function output(container: Docker.Container, word: string): Promise<void> {
  const stream = await container.logs({ follow: true, stdout: true })
  await new Promise<void>((resolve, reject) => {
    stream.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes(word)) resolve()
    })
    stream.on('end', () => reject(new Error(`it ended and never said ${word}`)))
  })
  ;(stream as unknown as { destroy(): void }).destroy()
}
