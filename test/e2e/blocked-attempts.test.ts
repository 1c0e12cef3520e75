import type Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { StatusView } from '../../src/api/status-views.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import { hiddenBy } from '../../src/core/match/loss-risk.ts'
import { type Agent, uniqueName } from '../fixtures/agent.ts'
import {
  type AttemptKind,
  attemptKinds,
  attemptsBlocked,
  type Tally,
} from '../fixtures/attempts-image.ts'
import { removeContainer, runContainer, startContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'

const times = 10_000
const workers = 8
/** `attempts.c` does something allowed after each ten attempts. */
const allowed = times / 10
const image = `${uniqueName('attempts')}:1`
const { docker, socket } = sharedEngine()
let agent: Agent

beforeAll(async () => {
  agent = await attemptsBlocked(docker, socket, image)
})

afterAll(async () => {
  await agent[Symbol.asyncDispose]()
})

const forbidden = /\/data\/forbidden|:21002/

function expectNoneSucceeded(output: string, kind: AttemptKind): void {
  // A container's log has eight bytes of Docker's before each line.
  const tally = JSON.parse(/\{.*\}/.exec(output)?.[0] ?? '{}') as Tally
  expect(tally).toMatchObject({ attempts: times, succeeded: 0, other: 0, allowed })
  // The kernel refuses a connection. Where it has no hook to refuse the other kinds, it kills the process.
  expect(tally.killed + tally.refused).toBe(times)
  if (kind === 'connect') expect(tally.refused).toBe(times)
}

async function expectAccounted(id: string): Promise<void> {
  const isOfContainer = ({ container }: Alert): boolean => container?.id === id
  const isStopped = ({ behaviour }: Alert): boolean => forbidden.test(behaviour?.text ?? '')
  // The kernel reports counts at intervals.
  const list = await agent.until<readonly Alert[]>(['alert', 'list', '--limit', '1000'], (all) => {
    const counts = all.filter(isOfContainer).filter(isStopped)
    return counts.reduce((sum, { count }) => sum + count, 0) === times
  })
  // What else a busy machine lost of the container has an alert of that type.
  const alerts = list.filter(isOfContainer).filter(({ type }) => type !== 'loss')
  expect(alerts.every(({ action }) => action === 'blocked' || action === 'killed')).toBe(true)
  expect(alerts.map(({ behaviour }) => behaviour?.text)).toHaveLength(1)
}

describe(`of ${times} attempts in bursts by ${workers} processes none succeeds, and the agent reports each one:`, () => {
  test.each(attemptKinds)('%s', async (kind) => {
    const container = await runContainer(docker, image, [kind, String(times), String(workers)])
    expectNoneSucceeded(container.stdout, kind)
    await expectAccounted(container.id)
    const { counters } = await agent.json<StatusView>(['status'])
    expect(counters['kernelDisagreements']).toBe(0)
    const { versions } = await agent.json<LineageView>(['image', 'show', image])
    // Between learning and blocking the daemon was started again. Of single acts a busy machine may have lost others.
    const stretches = versions
      .flatMap(({ losses }) => losses)
      .filter(({ reason }) => reason !== 'agent-down' && hiddenBy[reason] !== 'single')
    expect(stretches).toEqual([])
  })
})

describe('the same with the daemon killed half-way and started again:', () => {
  test.each(attemptKinds)('%s', async (kind) => {
    const container = await startContainer(docker, image, [kind, String(times), String(workers)])
    try {
      await output(container, 'half')
      await agent.kill()
      await container.wait()
      await agent.start()
      const log = await container.logs({ stdout: true, stderr: true })
      expectNoneSucceeded(log.toString('latin1'), kind)
      await expectAccounted(container.id)
    } finally {
      await removeContainer(container)
    }
  })
})

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
