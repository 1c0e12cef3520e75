import { setTimeout as delay } from 'node:timers/promises'
import type Docker from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ProfileView } from '../../src/api/profile-views.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import type { Alert } from '../../src/core/event/alert.ts'
import { startAgent, uniqueName } from '../fixtures/agent.ts'
import { removeContainer, startContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { patienceMs } from '../fixtures/patience.ts'
import { drawn, seedOfRun } from '../fixtures/seed.ts'
import { workloadImage } from '../fixtures/workload-image.ts'
import { repetitions } from '../fixtures/repetitions.ts'

const kills = repetitions(20)
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

/** A round of the workload has so many executions, and as many connections. */
const ofRound = 23
const counts = ({ behaviours }: ProfileView): readonly number[] =>
  [/^run \/data\/bin\//, /:200\d\d/].map((text) =>
    behaviours.filter((row) => text.test(row.text)).reduce((sum, { count }) => sum + count, 0),
  )

async function busyContainer(): Promise<Docker.Container> {
  const container = await startContainer(docker, image, ['/workload', 'loop', '5'])
  started.push(container)
  return container
}

async function roundsOf(container: Docker.Container): Promise<number> {
  const output = await container.logs({ stdout: true, stderr: true })
  return output.toString().match(/^.*round \d+$/gm)?.length ?? 0
}

/** Ends the container. @returns how many rounds it had finished */
async function endedAfter(container: Docker.Container): Promise<number> {
  await container.kill()
  await container.wait()
  return roundsOf(container)
}

test(`a daemon killed ${kills} times while it learns has all that happened meanwhile, and the profile of one that was not killed (SNUG_SEED=${seedOfRun()})`, async () => {
  let undisturbed: string[]
  {
    await using calm = await startAgent({ docker: socket })
    const container = await busyContainer()
    // Two whole rounds.
    undisturbed = allowed(
      await calm.until<ProfileView>(['profile', 'show', image], (view) =>
        counts(view).every((count) => count >= 2 * ofRound),
      ),
    )
    await removeContainer(container)
  }
  expect(undisturbed.length).toBeGreaterThan(2 * ofRound)

  const next = drawn()
  await using agent = await startAgent({ docker: socket })
  const busy = await busyContainer()
  // So many that the first ones are stored.
  await agent.until<ProfileView>(['profile', 'show', image], (view) =>
    counts(view).every((count) => count >= 20 * ofRound),
  )
  await agent.kill()
  const read = await roundsOf(busy)
  // It acts on while nobody reads.
  await expect.poll(() => roundsOf(busy), { timeout: patienceMs }).toBeGreaterThan(read + 10)
  agent.launch()
  for (let i = 1; i < kills; i++) {
    // From the moment it is spawned: also while it opens its store, loads programs, asks Docker.
    await delay(20 + next() * 1_200)
    await agent.kill()
    if (i < kills - 1) agent.launch()
  }
  await agent.start()
  const rounds = await endedAfter(busy)
  expect(rounds).toBeGreaterThan(2)

  const { versions } = await agent.until<LineageView>(
    ['image', 'show', image],
    ({ versions: [version] }) => version?.containers.running === 0,
  )
  expect(versions).toHaveLength(1)
  const losses = versions[0]?.losses ?? []
  const lost = losses.reduce((sum, { count }) => sum + count, 0)
  // Nothing is learned again: the only container has ended, and its last counts may still be on their way.
  const view = await agent.until<ProfileView>(['profile', 'show', image], (shown) =>
    counts(shown).every((count) => count + lost >= rounds * ofRound),
  )
  expect(allowed(view)).toEqual(undisturbed)
  for (const count of counts(view)) {
    // No kill counts an event twice, and what is on record as lost is not most of it.
    expect(count).toBeLessThanOrEqual((rounds + 1) * ofRound)
    expect(count).toBeGreaterThan((rounds * ofRound) / 2)
  }
  for (const { reason, from, to } of losses) {
    expect(reason).toMatch(/./)
    expect(Date.parse(from)).toBeLessThanOrEqual(Date.parse(to))
  }
  const alerts = await agent.json<Alert[]>(['alert', 'list', '--limit', '1000'])
  const reported = alerts.filter(({ type }) => type === 'loss')
  if (losses.length > 0) expect(reported).not.toEqual([])
  // Containers of other tests have losses too.
  else expect(reported.filter(({ image: of }) => `${of?.repository}:1` === image)).toEqual([])
})
