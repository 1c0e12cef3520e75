import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { CaseSummary } from '../../../src/api/case-views.ts'
import { CaseFolder } from '../../../src/agent/records/cases/case-folder.ts'
import {
  daemonWorld,
  type DaemonWorld,
  eventMessage,
  judged,
  type WorldOptions,
} from '../../fixtures/daemon-fixtures.ts'
import { act } from '../../fixtures/event-fixture.ts'
import { identityOf } from '../../fixtures/identity-fixtures.ts'

const by = { who: 'cli:root', reason: 'a web shell' }
const idOf = (n: number): string => n.toString(16).padStart(64, '0')
let root: string
let world: DaemonWorld

beforeEach(() => {
  root = mkdtempSync('/tmp/snug-case-')
})
afterEach(async () => {
  await world.stop()
  rmSync(root, { recursive: true })
})

async function begins(over: WorldOptions = {}): Promise<void> {
  world = daemonWorld({
    caseFolder: new CaseFolder(join(root, 'cases')),
    capture: { from: 'high', budget: 2 },
    ...over,
  })
  await world.start()
}

/** A container whose image is judged. */
async function runs(n: number): Promise<string> {
  const container = idOf(n)
  world.containers.report(identityOf(container, { name: `web-${n}` }))
  world.containers.atOnce.add(container)
  await happens(eventMessage(act.exec('/usr/bin/web', { container })))
  await world.engine.setMode('shop/web', 'alert', { who: 'cli:root' })
  return container
}

async function happens(...messages: ReturnType<typeof eventMessage>[]): Promise<void> {
  world.source.emit(...messages)
  await judged()
  await world.daemon.journal.persist()
}

const drifts = (container: string, n = 0): ReturnType<typeof eventMessage> =>
  eventMessage(act.exec(`/tmp/tool-${n}`, { container }, true))
const cases = (): Promise<readonly CaseSummary[]> => world.engine.cases()

describe('cases of alerts', () => {
  it('are one for each container, within the budget of an hour', async () => {
    await begins()
    for (const n of [1, 2, 3]) {
      const container = await runs(n)
      for (let more = 0; more < 5; more++) await happens(drifts(container, more))
    }
    await expect.poll(async () => (await cases()).length).toBe(2)
    expect(new Set((await cases()).map(({ container }) => container.id))).toEqual(
      new Set([idOf(1), idOf(2)]),
    )
    expect(world.daemon.cases.counts).toEqual({ captured: 2, refused: 1, failed: 0 })
  })

  it('are none for a lesser alert, or where people alone capture', async () => {
    await begins({ capture: { from: 'critical', budget: 2 } })
    const container = await runs(1)
    await happens(drifts(container))
    expect(world.daemon.alerts.list({ limit: 10 }).map(({ severity }) => severity)).toContain(
      'high',
    )
    expect(world.daemon.cases.counts).toEqual({ captured: 0, refused: 0, failed: 0 })
    world.daemon.cases.rules = { from: 'none', budget: 2 }
    await happens(drifts(container, 1))
    expect(await cases()).toEqual([])
  })

  it('that the disk refuses cost nothing else', async () => {
    writeFileSync(join(root, 'cases'), 'not a folder')
    await begins()
    const container = await runs(1)
    await happens(drifts(container))
    await expect.poll(() => world.daemon.cases.counts.failed).toBe(1)
    expect(world.daemon.alerts.list({ limit: 10 }).length).toBeGreaterThan(0)
    await expect(world.engine.capture(container, by)).rejects.toMatchObject({ code: 'CASE_FAILED' })
  })
})

describe('a case', () => {
  it('has what the container did before, what followed, and the mode of its profile', async () => {
    await begins({ caseAfterMs: 50, capture: { from: 'none', budget: 1 } })
    const container = await runs(1)
    await happens(drifts(container))
    const { id } = await world.engine.capture('web-1', by)
    await happens(eventMessage(act.file('/etc/shadow', ['read'], { container })))
    await expect.poll(async () => (await world.engine.case(id)).state).toBe('complete')
    const found = await world.engine.case(id)
    expect(found.before).toMatchObject([{ kind: 'exec' }, { exec: { path: '/tmp/tool-0' } }])
    expect(found.after).toMatchObject([{ file: { path: '/etc/shadow' } }])
    expect(found.profile).toMatchObject({ mode: 'alert' })
    // No real container: there is nothing else, and it says so.
    expect(found.notes).toEqual([
      'no process of it could be read',
      'the layers of its root are not known',
    ])
  })

  it('needs a reason, a container that is there, and a folder', async () => {
    await begins()
    await runs(1)
    await expect(world.engine.capture('web-1', { who: 'x' })).rejects.toMatchObject({
      code: 'DECISION_INVALID',
    })
    // The beginning of an id has four digits at least.
    for (const unknown of ['web-9', '000'])
      await expect(world.engine.capture(unknown, by)).rejects.toMatchObject({
        code: 'CONTAINER_UNKNOWN',
      })
    expect(await world.engine.capture('0000', by)).toMatchObject({ container: { id: idOf(1) } })
    await world.stop()
    world = daemonWorld()
    await world.start()
    await expect(world.engine.capture('web-1', by)).rejects.toMatchObject({
      code: 'CASE_UNAVAILABLE',
    })
  })
})
