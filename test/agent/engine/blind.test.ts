import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Blindness } from '../../../src/core/sight/blindness.ts'
import { agentReport } from '../../../src/agent/reading/status/agent-report.ts'
import type { ContainerIdentity } from '../../../src/agent/pipeline/identity/identity.ts'
import { MemoryStore } from '../../../src/agent/records/store/memory-store.ts'
import {
  daemonWorld,
  type DaemonWorld,
  eventMessage,
  ScriptedSource,
} from '../../fixtures/daemon-fixtures.ts'
import { act } from '../../fixtures/event-fixture.ts'
import { identityOf } from '../../fixtures/identity-fixtures.ts'

const [sandboxed, other, third] = ['a'.repeat(64), 'b'.repeat(64), 'c'.repeat(64)]
const own: Blindness = { why: 'own-kernel', runtime: 'runsc' }
const unproven: Blindness = { why: 'unproven', runtime: 'house-runc' }
const by = { who: 'cli:root' }
let world: DaemonWorld
/** Cgroups with a process that runs on this kernel. */
let proven: Set<string>

beforeEach(async () => {
  proven = new Set()
  world = daemonWorld({ runsOnHost: (cgroup) => proven.has(cgroup) })
  await world.start()
})
afterEach(() => world.stop())

function begin(container: string, blind?: Blindness): void {
  report(container, blind)
  world.containers.atOnce.add(container)
  const time = new Date(world.now()).toISOString()
  world.source.emit({
    type: 'container-started',
    container: { id: container, cgroup: `/${container}`, time, before: false },
  })
}

function report(container: string, blind?: Blindness, more: Partial<ContainerIdentity> = {}): void {
  world.containers.report(identityOf(container, { ...(blind && { blind }), ...more }))
}

/** Observed in the container, as the kernel of the host reports it. */
async function did(container: string, path: string): Promise<void> {
  const { image: _, ...event } = act.exec(path, { container })
  world.source.emit(eventMessage(event))
  await world.source.received()
}

const version = async () => (await world.engine.image('shop/web')).versions[0]
const losses = async () =>
  (await world.engine.alerts({ limit: 10 })).filter(({ reasons }) =>
    reasons[0]?.includes('is blind'),
  )

describe('a container with its own kernel', () => {
  it('teaches nothing, and what its sandbox does is no deviation', async () => {
    begin(sandboxed, own)
    await did(sandboxed, '/runsc')
    expect(await version()).toMatchObject({ state: 'learning', behaviours: 0 })
    begin(other)
    await did(other, '/web')
    world.advance(1_000)
    const observed = (await version())?.evidence?.observed
    expect(observed?.map(({ container }) => container)).toEqual([other])
    await world.engine.setMode('shop/web', 'alert', by)
    await did(sandboxed, '/runsc')
    expect((await world.engine.alerts({ limit: 10 })).map(({ type }) => type)).toEqual(['loss'])
    await did(other, '/runsc')
    expect((await world.engine.alerts({ limit: 10 })).map(({ type }) => type)).toContain(
      'deviation',
    )
  })

  it('keeps the window of its version open past every ceiling, and a floor after its end', async () => {
    begin(sandboxed, own)
    begin(other)
    await did(other, '/web')
    world.advance(600_000)
    expect(await version()).toMatchObject({
      state: 'learning',
      blind: { running: 1, of: 2, reasons: ['the runtime `runsc` has its own kernel'] },
    })
    const time = new Date(world.now()).toISOString()
    world.source.emit({ type: 'container-ended', id: sandboxed, time })
    await world.source.received()
    world.advance(999)
    expect((await version())?.state).toBe('learning')
    world.advance(10_001)
    expect((await version())?.state).not.toBe('learning')
  })

  it('makes a person’s end of the window an incomplete one', async () => {
    begin(sandboxed, own)
    await world.source.received()
    const ended = await world.engine.endLearning('shop/web', by)
    expect(ended).toMatchObject({ state: 'incomplete' })
    expect(ended.because).toContain('1 of 1 running containers is blind')
  })

  it('is known from its engine alone, where no source sees a process of it', async () => {
    report(sandboxed, own)
    expect(await world.engine.images()).toEqual([])
    const runsSince = new Date(world.now()).toISOString()
    report(sandboxed, own, { runsSince })
    expect(await version()).toMatchObject({ blind: { running: 1, of: 1 } })
    const status = world.engine.status()
    expect(status.containers).toMatchObject({ watched: 1, blind: 1 })
    const reasons = ['the runtime `runsc` has its own kernel']
    expect(agentReport(status, [], 'siem', 30_000)).toMatchObject({
      blindContainers: 1,
      blindImages: [{ image: { repository: 'shop/web' }, running: 1, of: 1, reasons }],
    })
    world.containers.leave(sandboxed, 'stopped')
    expect((await version())?.blind).toBeUndefined()
    expect(agentReport(world.engine.status(), [], 'siem', 30_000)).not.toHaveProperty('blindImages')
    // Started again under the same id.
    report(sandboxed, own, { runsSince })
    expect(await version()).toMatchObject({ blind: { running: 1, of: 1 } })
  })

  it('is never assigned to be blocked, also where its version blocks', async () => {
    begin(other)
    await did(other, '/web')
    world.advance(11_000)
    // The soak begins with the end of the window.
    world.advance(1_000)
    await world.engine.setMode('shop/web', 'block', by, { fraction: 1 })
    for (const container of [sandboxed, third]) begin(container, own)
    await world.source.received()
    for (const container of [sandboxed, third])
      expect(world.control.enforced(container)).toBe(false)
    expect(world.control.enforced(other)).toBe(true)
    expect(await version()).toMatchObject({ state: 'incomplete', mode: 'block' })
    expect(world.engine.status().versions).toMatchObject({ enforced: 0, incomplete: 1 })
    // The only canary that is left tries it, as one that nobody sees would try nothing.
    await world.engine.setMode('shop/web', 'block', by, { fraction: 0.000_001 })
    expect(world.control.enforced(other)).toBe(true)
    expect(await losses()).toMatchObject([{ severity: 'high', count: 2 }])
  })

  it('refuses mode block with its own code', async () => {
    begin(other)
    begin(sandboxed, own)
    await did(other, '/web')
    await expect(world.engine.setMode('shop/web', 'block', by)).rejects.toMatchObject({
      code: 'MODE_BLIND',
    })
  })

  it('is reported as one loss, whose alert other containers of the version join', async () => {
    for (const container of [sandboxed, other]) begin(container, own)
    await world.source.received()
    world.advance(1_000)
    expect(await losses()).toMatchObject([
      { severity: 'medium', count: 2, reasons: [expect.stringContaining('is blind')] },
    ])
  })
})

class InsideSource extends ScriptedSource {
  readonly inside = new Set<string>()

  /** Observed by the kernel of the container. */
  async did(container: string, path: string): Promise<void> {
    this.inside.add(container)
    const { image: _, ...event } = act.exec(path, { container })
    this.emit(eventMessage(event))
    await this.received()
  }
}

describe('a container whose own kernel reports what it does', () => {
  let trace: InsideSource

  beforeEach(async () => {
    await world.stop()
    trace = new InsideSource(undefined, 'trace')
    world = daemonWorld({ sources: [trace] })
    await world.start()
    report(sandboxed, own, { runsSince: new Date(world.now()).toISOString() })
  })

  it('is learned from its start on, also where its engine was the first to report it', async () => {
    expect(await version()).toMatchObject({ blind: { running: 1, of: 1 } })
    await trace.did(sandboxed, '/web')
    expect(await version()).toMatchObject({ behaviours: 1, containers: { running: 1, before: 0 } })
    expect((await version())?.blind).toBeUndefined()
    await did(sandboxed, '/runsc')
    world.advance(11_000)
    expect(await version()).toMatchObject({ state: 'enforced', behaviours: 1 })
    expect(await losses()).toEqual([])
  })

  it('teaches nothing about a container of this kernel', async () => {
    begin(other)
    await trace.did(other, '/forged')
    expect(await version()).toMatchObject({ behaviours: 0 })
    await did(other, '/own')
    expect(await version()).toMatchObject({ behaviours: 1 })
  })

  it('is blind some seconds after the last report', async () => {
    await trace.did(sandboxed, '/web')
    world.advance(1_000)
    trace.inside.clear()
    world.advance(4_000)
    expect((await version())?.blind).toBeUndefined()
    world.advance(2_000)
    expect(await version()).toMatchObject({ blind: { running: 1, of: 1 } })
    expect(await losses()).toMatchObject([{ count: 1 }])
  })

  it('cannot be blocked', async () => {
    await trace.did(sandboxed, '/web')
    world.advance(11_000)
    await expect(world.engine.setMode('shop/web', 'block', by)).rejects.toMatchObject({
      code: 'MODE_REFUSED',
      message: expect.stringContaining('own kernel'),
    })
  })
})

describe('a container of a runtime that nobody knows', () => {
  it('is blind until a process of it is found that runs on this kernel', async () => {
    begin(sandboxed, unproven)
    await did(sandboxed, '/web')
    world.advance(1_000)
    expect((await version())?.blind?.reasons[0]).toMatch(/^the runtime `house-runc` is unknown/)
    proven.add(`/${sandboxed}`)
    world.advance(1_000)
    expect((await version())?.blind).toBeUndefined()
    world.advance(11_000)
    // What it showed before counts.
    expect(await version()).toMatchObject({ state: 'enforced', behaviours: 1 })
    expect(await losses()).toEqual([])
  })

  it('is a loss where none is found, also where it ends first', async () => {
    begin(sandboxed, unproven)
    await world.source.received()
    world.advance(9_000)
    expect(await losses()).toEqual([])
    world.advance(2_000)
    expect(await losses()).toMatchObject([{ count: 1 }])
    begin(other, unproven)
    const time = new Date(world.now()).toISOString()
    world.source.emit({ type: 'container-ended', id: other, time })
    await world.source.received()
    expect(await losses()).toMatchObject([{ count: 2 }])
  })
})

it('a later daemon has what was found of each container', async () => {
  const store = new MemoryStore()
  const runsOnHost = (cgroup: string): boolean => cgroup === `/${other}`
  await world.stop()
  world = daemonWorld({ store, runsOnHost })
  await world.start()
  begin(sandboxed, own)
  begin(other, unproven)
  await world.source.received()
  world.advance(1_000)
  await world.stop()
  world = daemonWorld({ store, startMs: world.now() })
  await world.start()
  expect(await version()).toMatchObject({ blind: { running: 1, of: 2 } })
  begin(other, unproven)
  begin(sandboxed, own)
  await world.source.received()
  expect(await version()).toMatchObject({ blind: { running: 1, of: 2 } })
  expect(await losses()).toMatchObject([{ count: 1 }])
})
