import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpus } from 'node:os'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { shortContainers } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage } from '../fixtures/images.ts'

const runs = 200
const image = `${uniqueName('busy')}:1`
const { docker, socket } = sharedEngine()
const loops: ChildProcess[] = []
let ids: ReadonlySet<string> = new Set()
let agent: Agent

beforeAll(async () => {
  await busyboxImage(docker, { name: image, labels: { test: image } })
  agent = await startAgent({ docker: socket })
  for (const _ of cpus()) {
    loops.push(spawn('/bin/busybox', ['sh', '-c', 'while :; do :; done'], { stdio: 'ignore' }))
  }
})

afterAll(async () => {
  for (const loop of loops) {
    if (loop.exitCode !== null || loop.signalCode !== null) continue
    const gone = once(loop, 'exit')
    loop.kill('SIGKILL')
    await gone
  }
  await agent[Symbol.asyncDispose]()
})

/** Executions in the profile, and events on record as lost, of any container or of ours. */
async function accounted(): Promise<{ readonly learned: number; readonly lost: number }> {
  interface Profile {
    readonly behaviours: readonly { kind: string; count: number }[]
  }
  const { behaviours } = await agent.json<Profile>(['profile', 'show', image])
  const alerts = await agent.json<readonly Alert[]>(['alert', 'list', '--limit', '10000'])
  return {
    learned: behaviours.find(({ kind }) => kind === 'exec')?.count ?? 0,
    lost: alerts
      .filter(({ type }) => type === 'loss')
      .filter(({ container }) => container === undefined || ids.has(container.id))
      .reduce((sum, { count }) => sum + count, 0),
  }
}

test('200 containers that live for a moment, with all processors busy, are in the profile or on record as a loss', async () => {
  ids = await shortContainers(docker, image, { count: runs, atOnce: 4 })
  expect(ids.size).toBe(runs)
  await expect
    .poll(
      async () => {
        const { learned, lost } = await accounted()
        return learned + lost
      },
      { interval: 500 },
    )
    .toBe(runs)
  const { versions } = await agent.json<LineageView>(['image', 'show', image])
  const { learned } = await accounted()
  expect(versions).toHaveLength(1)
  // Losses are what the load may cost, and no substitute for observing.
  expect(learned).toBeGreaterThan(runs / 2)
  expect(versions[0]?.containers.seen).toBe(learned)
})
