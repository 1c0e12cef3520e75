import { afterEach, describe, expect, it } from 'vitest'
import type { ActEvent, ImageRef } from '../../../src/core/event/event.ts'
import { decidedAtOnce } from '../../../src/agent/decisions/prepare-decision.ts'
import type { CardDecision } from '../../../src/api/review-views.ts'
import { act, type Where } from '../../fixtures/event-fixture.ts'
import { daemonWorld, type DaemonWorld } from '../../fixtures/daemon-fixtures.ts'
import { patienceMs } from '../../fixtures/patience.ts'

const image: ImageRef = { repository: 'shop/web', digest: `sha256:${'aa'.repeat(32)}` }
const ref = `${image.repository}@${image.digest}`
const by = { who: 'cli:root' }
const node: Where = { exe: '/usr/bin/node', container: 'a'.repeat(64) }
const count = decidedAtOnce + 50
const folders = Array.from({ length: count }, (_, n) => `/srv/${letters(n)}/state`)
const worlds: DaemonWorld[] = []

afterEach(async () => {
  for (const world of worlds.splice(0)) await world.stop()
})

/** No numbers: these would be folded to one pattern. */
function letters(n: number): string {
  return String(n).replace(/\d/g, (digit) => 'qwrtzpsdfg'.charAt(Number(digit)))
}

async function happens(world: DaemonWorld, events: readonly ActEvent[]): Promise<void> {
  const lines = events.map((event, at) => {
    const time = new Date(Date.UTC(2026, 10, 24) + at * 1_000).toISOString()
    return `${JSON.stringify({ ...event, time, image })}\n`
  })
  async function* chunks() {
    yield Buffer.from(lines.join(''))
  }
  await world.engine.replay(chunks(), AbortSignal.timeout(patienceMs))
}

/** Its deviations wait for review, more than are decided on at once. */
async function waiting(): Promise<DaemonWorld> {
  const world = daemonWorld()
  worlds.push(world)
  await world.start()
  await happens(world, [act.exec('/usr/bin/node', { ...node, exe: '/init' })])
  await world.engine.endLearning(ref, by)
  await happens(
    world,
    folders.map((path) => act.file(path, ['write'], node)),
  )
  return world
}

async function statesOf(world: DaemonWorld): Promise<Readonly<Record<string, number>>> {
  const { behaviours } = await world.engine.profile(ref)
  const states: Record<string, number> = {}
  for (const { object, state } of behaviours) {
    if (object.startsWith('/srv/')) states[state] = (states[state] ?? 0) + 1
  }
  return states
}

async function idsOf(world: DaemonWorld): Promise<readonly string[]> {
  const { behaviours } = await world.engine.profile(ref)
  return behaviours.filter(({ object }) => object.startsWith('/srv/')).map(({ id }) => id)
}

function decide(world: DaemonWorld, behaviours: readonly string[], kind: CardDecision['decision']) {
  const places = [{ ref, revision: world.engine.revision(ref), behaviours }]
  return world.engine.decideCard({ decision: kind, places }, by)
}

/** The behaviours' states, seen in one turn of the event loop. */
function statesNow(world: DaemonWorld, ids: readonly string[]): readonly string[] {
  const { profile } = world.daemon.registry.index.findOne(ref)
  return [...new Set(ids.map((id) => profile.state(id as never) ?? 'gone'))]
}

describe('A decision on more behaviours than are decided on at once', () => {
  it.each([
    ['approve', 'approved'],
    ['reject', 'rejected'],
  ] as const)('that %ss them is on record as one, and can be withdrawn', async (kind, state) => {
    const world = await waiting()
    const ids = await idsOf(world)
    await decide(world, ids, kind)
    expect(await statesOf(world)).toEqual({ [state]: count })
    await decide(world, ids, 'withdraw')
    expect(await statesOf(world)).toEqual({ pending: count })
    const [withdrawn, decided] = await world.engine.audit(2)
    expect([decided?.what, withdrawn?.what]).toEqual([kind, 'withdraw'])
    const changes = decided?.['changes'] as readonly { text: string; after: string }[]
    expect(changes.map(({ text }) => text).toSorted()).toEqual(
      folders.map((path) => `/usr/bin/node as uid 101: write ${path}`).toSorted(),
    )
    expect(new Set(changes.map(({ after }) => after))).toEqual(new Set([state]))
    expect((await world.engine.verifyAudit()).ok).toBe(true)
  })

  it('is seen as a whole: never are only some of them decided on', async () => {
    const world = await waiting()
    const ids = await idsOf(world)
    let isDone = false
    const decision = decide(world, ids, 'approve').then(() => (isDone = true))
    const seen = new Set<string>()
    let turns = 0
    while (!isDone) {
      turns += 1
      const states = statesNow(world, ids)
      expect(states).toHaveLength(1)
      seen.add(states[0] ?? '')
      await new Promise((resolve) => setImmediate(resolve))
    }
    await decision
    expect(turns).toBeGreaterThan(1)
    expect([...seen]).toEqual(['pending', 'approved'])
  })

  it.each(['approve', 'withdraw'] as const)(
    'is refused where another that %ss some of them was made meanwhile',
    async (other) => {
      const world = await waiting()
      const ids = await idsOf(world)
      if (other === 'withdraw') await decide(world, ids.slice(0, 3), 'reject')
      const large = decide(world, ids, 'approve')
      const small = decide(world, ids.slice(0, 3), other)
      await expect(large).rejects.toMatchObject({ code: 'REVISION_STALE' })
      await small
      const states = await statesOf(world)
      expect(states).toEqual(
        other === 'approve' ? { approved: 3, pending: count - 3 } : { pending: count },
      )
    },
  )

  it('is the only one of two that are made at once', async () => {
    const world = await waiting()
    const ids = await idsOf(world)
    const both = await Promise.allSettled([
      decide(world, ids, 'approve'),
      decide(world, ids, 'reject'),
    ])
    const [refused, ...others] = both.filter(({ status }) => status === 'rejected')
    expect(others).toEqual([])
    expect(refused).toMatchObject({ reason: { code: 'REVISION_STALE' } })
    const states = await statesOf(world)
    const done = both[0]?.status === 'fulfilled' ? 'approved' : 'rejected'
    expect(states).toEqual({ [done]: count })
  })

  it('is refused where a guardrail fired on one of them meanwhile', async () => {
    const world = await waiting()
    await happens(world, [act.file('/etc/cron.d/job', ['read'], node)])
    const { behaviours } = await world.engine.profile(ref)
    const read = behaviours.find(({ object }) => object.includes('/etc/cron.d/job'))
    const ids = [...(await idsOf(world)), read?.id ?? '']
    const decision = world.engine.approve(ref, ids, by)
    const { profile } = world.daemon.registry.index.findOne(ref)
    const refs = profile.page().find(({ id }) => id === read?.id)
    refs?.cell('c'.repeat(64), 'entrypoint', undefined, 'later').trip(['shadow-read'], 1)
    await expect(decision).rejects.toMatchObject({ code: 'DECISION_INVALID' })
    expect(await statesOf(world)).toEqual({ pending: count })
  })

  it('is made by names of behaviours as well', async () => {
    const world = await waiting()
    const ids = await idsOf(world)
    expect((await world.engine.reject(ref, ids, by)).decided).toHaveLength(count)
    expect(await statesOf(world)).toEqual({ rejected: count })
    expect((await world.engine.withdraw(ref, ids, by)).decided).toHaveLength(count)
    expect(await statesOf(world)).toEqual({ pending: count })
    expect((await world.engine.approve(ref, ids, by)).decided).toHaveLength(count)
    expect(await statesOf(world)).toEqual({ approved: count })
  })
})

describe('The end of a window with more behaviours than that', () => {
  async function learning(): Promise<DaemonWorld> {
    const world = daemonWorld()
    worlds.push(world)
    await world.start()
    await happens(
      world,
      folders.map((path) => act.file(path, ['write'], node)),
    )
    return world
  }

  it('comes after its places were derived', async () => {
    const world = await learning()
    expect((await world.engine.endLearning(ref, by)).state).not.toBe('learning')
    // Their place is one more.
    expect(await statesOf(world)).toEqual({ learned: count + 1 })
  })

  it('is refused where a decision was made meanwhile, which stands', async () => {
    const world = await learning()
    const ids = await idsOf(world)
    const end = world.engine.endLearning(ref, by)
    const rejection = world.engine.reject(ref, ids.slice(0, 2), by)
    await expect(end).rejects.toMatchObject({ code: 'REVISION_STALE' })
    await rejection
    expect(await statesOf(world)).toEqual({ learned: count - 1, rejected: 2 })
    expect((await world.engine.endLearning(ref, by)).state).not.toBe('learning')
  })
})
