import type Docker from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LineageView, ProfileView } from '../../src/engine/api/engine-views.ts'
import type { Alert } from '../../src/core/event/alert.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { removeContainer, startContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { drawn, seedOfRun } from '../fixtures/seed.ts'
import { workloadImage } from '../fixtures/workload-image.ts'

const kills = 20
const image = `${uniqueName('loop')}:1`
const { docker, socket } = sharedEngine()
const started: Docker.Container[] = []

beforeAll(async () => {
  await workloadImage(docker, image)
})

afterAll(async () => {
  for (const container of started) await removeContainer(container)
})

/** The rules of the profile, without the values that must differ between two runs: counts, times, container ids. */
function allowed({ behaviours }: ProfileView): string[] {
  return behaviours
    .map((row) => `${row.state} ${row.id} ${row.actor.exe} ${row.uid} ${row.kind} ${row.text}`)
    .sort()
}

/** A round of the workload is 23 execs, opens and connects; all of it must be there, and reads are one place. */
const complete = ({ behaviours }: ProfileView): boolean => {
  const known = (kind: string, text: RegExp): number =>
    behaviours.filter((row) => row.kind === kind && text.test(row.text)).length
  return (
    known('exec', /\/data\/bin\//) >= 23 &&
    known('connect', /:200\d\d/) >= 23 &&
    known('file', /\/data\//) > 0
  )
}

async function learnAll(agent: Agent): Promise<ProfileView> {
  const container = await startContainer(docker, image, ['/workload', 'loop', '5'])
  started.push(container)
  // Two whole rounds of a fresh container: whatever was missed before is seen now.
  await rounds(container, 2)
  const view = await agent.until<ProfileView>(['profile', 'show', image], complete)
  await removeContainer(container)
  return view
}

async function rounds(container: Docker.Container, n: number): Promise<void> {
  const stream = await container.logs({ follow: true, stdout: true })
  await new Promise<void>((resolve) => {
    stream.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes(`round ${n - 1}`)) resolve()
    })
  })
  ;(stream as unknown as { destroy(): void }).destroy()
}

test(`a daemon killed ${kills} times while it learns ends with the profile of one that was not (SNUG_SEED=${seedOfRun()})`, async () => {
  let undisturbed: string[]
  {
    await using calm = await startAgent({ docker: socket })
    undisturbed = allowed(await learnAll(calm))
  }
  expect(undisturbed.length).toBeGreaterThan(3)

  const next = drawn()
  await using agent = await startAgent({ docker: socket })
  const busy = await startContainer(docker, image, ['/workload', 'loop', '5'])
  started.push(busy)
  for (let i = 0; i < kills; i++) {
    // From the moment it is spawned: also while it opens its store, loads programs, asks Docker.
    await new Promise((resolve) => setTimeout(resolve, 20 + next() * 1_200))
    await agent.kill()
    if (i < kills - 1) agent.launch()
  }
  await agent.start()
  await removeContainer(busy)
  expect(allowed(await learnAll(agent))).toEqual(undisturbed)

  const lineage = await agent.json<LineageView>(['image', 'show', image])
  expect(lineage.versions).toHaveLength(1)
  // The kernel goes on meanwhile: there is a gap only where it had not begun yet when its daemon was killed.
  const losses = lineage.versions[0]?.losses ?? []
  for (const { reason, from, to } of losses) {
    expect(reason).toMatch(/./)
    expect(Date.parse(from)).toBeLessThanOrEqual(Date.parse(to))
  }
  const alerts = await agent.json<Alert[]>(['alert', 'list'])
  expect(alerts.some(({ type }) => type === 'loss')).toBe(losses.length > 0)
})
