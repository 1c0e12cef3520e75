import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import type Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ProfileView } from '../../src/api/profile-views.ts'
import type { Alert } from '../../src/core/event/alert.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { removeContainer, startContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage } from '../fixtures/images.ts'
import { learnerConfig, setMode, startLearned } from '../fixtures/learned-agent.ts'

const { docker, socket } = sharedEngine()
const image = `${uniqueName('number')}:1`
const folder = mkdtempSync('/tmp/snug-number-')
const running: Docker.Container[] = []
let agent: Agent

/** After so many other processes, one makes a file with its own number; then another one, with a word. */
const jobAfter = (processes: number): string => `
for i in $(seq ${processes}); do /bin/true; done
sh -c 'echo >/srv/job.$$'
sh -c 'echo >/srv/job.$0' "$LAST"
sleep 1000`

async function run(processes: number, last: string): Promise<Docker.Container> {
  const container = await startContainer(docker, image, ['/bin/sh', '-c', jobAfter(processes)], {
    Env: [`LAST=${last}`],
    HostConfig: { Binds: [`${folder}:/srv`] },
  })
  running.push(container)
  return container
}

/** The numbers of the processes that made a file. */
const numbers = (): readonly number[] =>
  readdirSync(folder)
    .map((name) => Number(name.replace('job.', '')))
    .filter((number) => number > 0)

/** The files with an alert, of a container whose last word is the last to be judged. */
async function deviating(processes: number, last: string): Promise<readonly string[]> {
  const { id } = await run(processes, last)
  const files = (alerts: readonly Alert[]): readonly string[] =>
    alerts
      .filter(({ container }) => container?.id === id)
      .flatMap(({ event }) => (event.kind === 'file' ? [event.file.path] : []))
  const alerts = await agent.until<Alert[]>(['alert', 'list', '--limit', '1000'], (all) =>
    files(all).includes(`/srv/job.${last}`),
  )
  return files(alerts)
}

beforeAll(async () => {
  await busyboxImage(docker, { name: image, labels: { test: image } })
  const learner = await startAgent({ docker: socket, config: learnerConfig })
  agent = learner
  await run(20, 'word')
  await learner.until<ProfileView>(['profile', 'show', image], ({ behaviours }) =>
    behaviours.some(({ text }) => text === 'write /srv/job.word'),
  )
  agent = await startLearned(learner, socket, [image])
})

afterAll(async () => {
  for (const container of running) await removeContainer(container)
  await agent[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

describe('a file with the number of its process', () => {
  test('is learned as any number from one of them', async () => {
    const { behaviours } = await agent.json<ProfileView>(['profile', 'show', image])
    const jobs = behaviours.map(({ text }) => text).filter((text) => text.startsWith('write /srv/'))
    expect(jobs.sort()).toEqual(['write /srv/job.<pid>', 'write /srv/job.word'])
    expect(numbers()).toHaveLength(1)
  })

  test('raises no alert in another container, where another word does', async () => {
    expect(await deviating(60, 'other')).toEqual(['/srv/job.other'])
    expect(new Set(numbers()).size).toBe(2)
  })

  test('is written in block mode too, and only the other word deviates', async () => {
    await setMode(agent, image, 'block')
    expect(await deviating(90, 'third')).toEqual(['/srv/job.third'])
    expect(new Set(numbers()).size).toBe(3)
  })
})
