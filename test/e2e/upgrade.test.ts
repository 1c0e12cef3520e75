import { readdirSync } from 'node:fs'
import type Docker from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { ProfileView } from '../../src/api/profile-views.ts'
import type { AuditCheckView, AuditView } from '../../src/api/review-views.ts'
import type { StatusView } from '../../src/api/status-views.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import { Agent, uniqueName } from '../fixtures/agent.ts'
import { attemptsBlocked } from '../fixtures/attempts-image.ts'
import { execIn, removeContainer, startContainer } from '../fixtures/containers.ts'
import { earlierBuild } from '../fixtures/earlier-build.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'

/** An earlier build, whose sensor keeps other maps in the kernel than the present one: see `SNUG_ABI`. */
const earlier = '6402c2ca2021eeec5d3e2839995c4252f32e965e'
/** An earlier build that reads the store of the present one: builds of before refuse it, see `storeFormat`. */
const ofSameStore = 'c283cc306e16fb67701e0b0f10602b591f0543f8'
const image = `${uniqueName('upgrade')}:1`
const { docker, socket } = sharedEngine()
let agent: Agent
let container: Docker.Container | undefined

beforeAll(async () => {
  agent = await attemptsBlocked(docker, socket, image, { build: earlierBuild(earlier) })
  container = await startContainer(docker, image, ['connect', '1', '1', 'wait'])
})
afterAll(async () => {
  if (container !== undefined) await removeContainer(container)
  await agent[Symbol.asyncDispose]()
})

/** What the forbidden program ends with where it runs: it lacks arguments. */
const ran = 64

async function attempted(): Promise<number> {
  if (container === undefined) throw new Error('no container')
  return (await execIn(docker, container, ['/data/forbidden-program'])).exitCode
}

/** Attempts without a pause until `work` is done, of which none succeeds. */
async function attackedDuring(work: Promise<unknown>): Promise<number> {
  let isDone = false
  const done = work.finally(() => {
    isDone = true
  })
  let attempts = 0
  while (!isDone) {
    expect(await attempted()).not.toBe(ran)
    attempts += 1
  }
  await done
  return attempts
}

interface Shown {
  readonly behaviours: readonly object[]
  readonly mode: string | undefined
  readonly audit: readonly AuditView[]
  readonly alerts: readonly string[]
}

async function shown(): Promise<Shown> {
  const { behaviours } = await agent.json<ProfileView>(['profile', 'show', image])
  const { versions } = await agent.json<LineageView>(['image', 'show', image])
  const alerts = await agent.json<Alert[]>(['alert', 'list', '--limit', '1000'])
  return {
    // The attack adds one that waits for review, and counts of the others rise.
    behaviours: behaviours
      .filter(({ state }) => state === 'learned')
      .map(({ id, actor, uid, text, firstSeen }) => ({ id, actor, uid, text, firstSeen })),
    mode: versions[0]?.mode,
    audit: await agent.json<AuditView[]>(['audit', 'list', '--limit', '1000']),
    alerts: alerts.map(({ id }) => id),
  }
}

/** Replaces the agent by another build, on the same data and with what the kernel holds. */
async function replaced(build?: string): Promise<void> {
  await agent.stop()
  const { folder } = agent
  agent = new Agent({
    folder,
    docker: socket,
    config: { learn: { floor: '1s', ceiling: '7d', unseen: 1 }, block: { canary: 1 } },
    ...(build === undefined ? {} : { build }),
  })
  await agent.start()
}

test.each([
  ['the present build replaces an earlier one', undefined],
  ['an earlier build comes back', ofSameStore],
])(
  '%s: no attack has an effect meanwhile, and profile, alerts and decisions remain',
  async (_, to) => {
    while ((await attempted()) === ran);
    const before = await shown()
    expect(before.mode).toBe('block')
    expect(before.behaviours.length).toBeGreaterThan(3)
    const attempts = await attackedDuring(replaced(to === undefined ? undefined : earlierBuild(to)))
    expect(attempts).toBeGreaterThan(0)
    // It made its own maps, and let go of those of the other once it had all of their events.
    await agent.until<StatusView>(['status'], ({ degraded }) => degraded.length === 0)
    expect(await attempted()).not.toBe(ran)
    const after = await shown()
    expect(after.mode).toBe('block')
    expect(after.behaviours).toEqual(before.behaviours)
    expect(after.alerts).toEqual(expect.arrayContaining([...before.alerts]))
    expect(after.audit).toEqual(expect.arrayContaining([...before.audit]))
    expect(await agent.json<AuditCheckView>(['audit', 'verify'])).toMatchObject({ ok: true })
    await expect.poll(() => readdirSync(agent.kernelState).length).toBe(1)
  },
)
