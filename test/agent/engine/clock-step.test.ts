import { afterEach, describe, expect, it } from 'vitest'
import type { LearnRules } from '../../../src/core/lifecycle/version.ts'
import type { VersionView } from '../../../src/api/version-views.ts'
import {
  begin,
  daemonWorld,
  type DaemonWorld,
  eventMessage,
  judged,
} from '../../fixtures/daemon-fixtures.ts'
import { act } from '../../fixtures/event-fixture.ts'

const hour = 3_600_000
const year = 365 * 24 * hour
const who = { who: 'cli:root' }
/** The defaults. */
const rules: LearnRules = { floorMs: hour, ceilingMs: 7 * 24 * hour, unseen: 0.01, after: 'alert' }
const container = 'a'.repeat(64)

let world: DaemonWorld
afterEach(() => world.stop())

async function learning(over: Partial<LearnRules> = {}): Promise<void> {
  world = daemonWorld({ rules: { ...rules, ...over } })
  await world.start()
  world.source.emit(begin(world, container))
  await opened('/etc/a')
}

async function opened(path: string): Promise<void> {
  const time = new Date(world.now()).toISOString().replace('Z', '000Z')
  world.source.emit(
    eventMessage({ ...act.file(path), time, container: { id: container, name: 'web-1' } }),
  )
  await judged()
}

async function version(): Promise<VersionView> {
  const [found] = (await world.engine.image('shop/web')).versions
  if (found === undefined) throw new Error('no version')
  return found
}

describe.each([
  ['forward', year],
  ['back', -year],
])('a clock that is set %s by a year', (_, stepMs) => {
  it('ends no learning window, which then lasts as long as it would have', async () => {
    await learning({ unseen: 1 })
    world.advance(hour / 2)
    world.step(stepMs)
    await opened('/etc/a')
    expect(await version()).toMatchObject({ state: 'learning' })
    world.advance(hour / 4)
    expect(await version()).toMatchObject({ state: 'learning' })
    world.advance(hour / 4)
    expect(await version()).toMatchObject({ state: 'enforced' })
  })

  it('adds no time to what was watched', async () => {
    await learning()
    world.advance(hour)
    const before = await version()
    world.step(stepMs)
    world.advance(60_000)
    const { evidence, coverage } = await version()
    expect(evidence?.observedMs).toBe(hour + 60_000)
    expect(coverage.bound).toBeGreaterThan(before.coverage.bound / 2)
    expect((await version()).state).toBe('learning')
  })

  it('neither ends break-glass and the canary early, nor prolongs them', async () => {
    const block = { canary: 0.5, canaryForMs: hour, budget: 100, from: 'medium' } as const
    await learning({ unseen: 1, floorMs: 1_000, block })
    world.advance(2_000)
    expect(await version()).toMatchObject({ mode: 'alert' })
    world.advance(2_000)
    await world.engine.setMode('shop/web', 'block', who)
    await world.engine.breakGlass('shop/web', hour, { ...who, reason: 'a test' })
    world.step(stepMs)
    world.advance(hour - 1_000)
    expect((await version()).blocking).toMatchObject({
      canary: { fraction: 0.5 },
      breakGlass: { by: 'cli:root' },
    })
    world.advance(2_000)
    const { blocking } = await version()
    expect(blocking).toBeDefined()
    expect(blocking?.canary).toBeUndefined()
    expect(blocking?.breakGlass).toBeUndefined()
  })

  it('is in the audit log', async () => {
    await learning()
    const from = new Date(world.now()).toISOString()
    world.step(stepMs)
    expect(await world.engine.audit(10)).toContainEqual(
      expect.objectContaining({ what: 'clock', who: 'agent', from, stepMs }),
    )
    expect(await world.engine.verifyAudit()).toMatchObject({ ok: true })
  })

  it('delays no count of the evidence on its way to the store', async () => {
    await learning()
    world.advance(20_000)
    await world.daemon.journal.persist()
    world.step(stepMs)
    await opened('/etc/a')
    world.advance(20_000)
    await world.daemon.journal.persist()
    // As after a kill: of what was not stored, it has nothing.
    const next = daemonWorld({ store: world.store, startMs: world.now() })
    await next.daemon.load()
    const { behaviours } = await next.engine.profile('shop/web')
    expect(behaviours.map(({ text, count }) => ({ text, count }))).toEqual([
      { text: 'read /etc/a', count: 2 },
    ])
  })
})

it('a clock that runs, however slowly it is looked at, was not set', async () => {
  await learning({ unseen: 1 })
  world.advance(2 * hour)
  expect(await version()).toMatchObject({ state: 'enforced' })
  expect((await world.engine.audit(10)).map(({ what }) => what)).not.toContain('clock')
})
