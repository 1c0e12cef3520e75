import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { imageKey } from '../../../../src/core/event/image-key.ts'
import { openLevelStore } from '../../../../src/agent/records/store/level-store.ts'
import { storeFormat } from '../../../../src/agent/records/store/store-format.ts'
import { parseProfileDocument } from '../../../../src/supplychain/export/profile-document.ts'
import { daemonWorld, type DaemonWorld } from '../../../fixtures/daemon-fixtures.ts'
import {
  formatFixtures,
  json,
  type Kept,
  keptBehaviour,
  keptVersion,
} from '../../../fixtures/formats/kept.ts'

describe('the formats of the store', () => {
  it('have a store that a build of that format wrote, each of them up to the present one', () => {
    const numbers = new Set(formatFixtures.map(({ format }) => format))
    expect([...numbers].sort((a, b) => a - b)).toEqual(
      Array.from({ length: storeFormat + 1 }, (_, at) => at),
    )
  })
})

describe.each(formatFixtures)('what the build of $name wrote', (fixture) => {
  const kept = fixture.json<Kept>('kept.json')
  let root: string
  let world: DaemonWorld
  let close: () => Promise<void>

  beforeAll(async () => {
    root = mkdtempSync('/tmp/snug-earlier-')
    execFileSync('tar', ['-xzf', fixture.path('store.tar.gz'), '-C', root])
    const { store, damage } = await openLevelStore(join(root, 'store'))
    close = () => store.close()
    expect(damage).toEqual([])
    // As its own agent was configured, at the moment when that ended.
    const rules = { floorMs: 1_000, ceilingMs: 7 * 86_400_000, unseen: 1e-6 }
    world = daemonWorld({ store, scope: 'namespace', startMs: Date.parse(kept.at), rules })
    await world.daemon.load()
  })
  afterAll(async () => {
    await close()
    rmSync(root, { recursive: true })
  })

  it('is read without a fault', async () => {
    expect([...world.daemon.faults]).toEqual([])
    expect((await world.store.load()).damage).toEqual([])
  })

  it('has the same versions, with the same behaviours, evidence and decisions', async () => {
    const { versions } = kept
    expect(versions.length).toBe(3)
    for (const before of versions) {
      const { version, behaviours } = await world.engine.profile(imageKey(before.version.image))
      expect(keptVersion(version)).toEqual(before.version)
      expect(behaviours.map(keptBehaviour)).toEqual(before.behaviours)
    }
    const all = await world.engine.images()
    expect(all.flatMap((lineage) => lineage.versions).length).toBe(versions.length)
    const states = versions.flatMap(({ behaviours }) => behaviours.map(({ state }) => state))
    expect(states).toEqual(expect.arrayContaining(['learned', 'approved', 'pending']))
  })

  it('has the same alerts', async () => {
    const alerts = await world.engine.alerts({ limit: 1_000 })
    expect(json(alerts)).toEqual(kept.alerts)
    expect(alerts.length).toBeGreaterThan(3)
  })

  it('has an audit chain that is whole, with the same entries', async () => {
    const { check, audit } = kept
    expect(await world.engine.verifyAudit()).toEqual(check)
    expect(check).toMatchObject({ ok: true, entries: audit.length, faults: [] })
    expect(await world.engine.audit(1_000)).toEqual(audit)
  })

  it('is imported on another node from its exported profile', async () => {
    const other = daemonWorld({ startMs: Date.parse(kept.at) })
    await other.daemon.load()
    const text = readFileSync(fixture.path('profile.json'))
    const document = parseProfileDocument(JSON.parse(text.toString()))
    const chunks = (async function* () {
      yield text
    })()
    const version = await other.engine.importProfile(chunks, { who: 'cli:root' })
    expect(version).toMatchObject({ state: 'review', image: document.image })
    const { behaviours } = await other.engine.profile(imageKey(document.image))
    const ids = document.behaviours.map(({ id }) => id)
    expect(behaviours.map(({ id }) => id).sort()).toEqual(ids.sort())
    expect(ids.length).toBeGreaterThan(5)
  })
})
