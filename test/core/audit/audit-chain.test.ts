import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { Level } from 'level'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AuditEntry } from '../../../src/core/event/outbound-record.ts'
import { AuditTrail } from '../../../src/agent/records/audit/audit-trail.ts'
import {
  AuditChain,
  auditCut,
  AuditVerifier,
  genesis,
  hashOf,
} from '../../../src/core/audit/audit-chain.ts'
import { openLevelStore } from '../../../src/agent/records/store/level-store.ts'
import { MemoryStore } from '../../../src/agent/records/store/memory-store.ts'
import { RecordIds } from '../../../src/agent/pipeline/alerts/record-ids.ts'
import type { Store, StoreWrite } from '../../../src/agent/records/store/store.ts'

const now = () => Date.parse('2026-11-24T14:00:00Z')
const trailOf = (store: Store): AuditTrail =>
  new AuditTrail({ store, node: 'n1', ids: new RecordIds(), now })

function chained(count: number): { records: AuditEntry[]; chain: AuditChain } {
  const chain = new AuditChain()
  const records = Array.from({ length: count }, (_, i) =>
    chain.append({ time: '2026-11-24T14:00:00.000Z', what: `act ${i}`, who: 'cli:root' }),
  )
  return { records, chain }
}

function check(records: readonly unknown[], head: unknown) {
  const verifier = new AuditVerifier()
  for (const [i, value] of records.entries()) verifier.add({ id: String(i), value })
  return verifier.finish(head)
}

describe('the chain', () => {
  it('begins with nothing and holds the hash of the entry before in each', () => {
    const { records, chain } = chained(3)
    expect(records.map(({ seq }) => seq)).toEqual([1, 2, 3])
    expect(records[0]?.previous).toBe(genesis)
    expect(records[2]?.previous).toBe(hashOf(records[1]))
    expect(chain.head).toEqual({ seq: 3, hash: hashOf(records[2]) })
    expect(check(records, chain.head)).toMatchObject({ ok: true, entries: 3, faults: [] })
  })

  it('gives an entry the same hash in any order of its members', () => {
    expect(hashOf({ a: 1, b: { c: [1, { d: 2, e: 3 }] } })).toBe(
      hashOf({ b: { c: [1, { e: 3, d: 2 }] }, a: 1 }),
    )
    expect(hashOf({ a: [1, 2] })).not.toBe(hashOf({ a: [2, 1] }))
  })

  it('detects every changed, missing, added or exchanged entry', () => {
    const tamper = fc.constantFrom('change', 'drop', 'repeat', 'swap', 'insert')
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 9 }), fc.nat(), tamper, (count, at, how) => {
        const { records, chain } = chained(count)
        const i = at % count
        const one = records[i]
        if (one === undefined) throw new Error('no entry')
        const other = (i + 1) % count
        const forged = [...records]
        if (how === 'change') forged[i] = { ...one, who: 'token:somebody' }
        if (how === 'drop') forged.splice(i, 1)
        if (how === 'repeat') forged.splice(i, 0, one)
        if (how === 'swap') [forged[i], forged[other]] = [records[other]!, one]
        if (how === 'insert') forged.splice(i, 0, { ...one, what: 'another', seq: one.seq })
        expect(check(records, chain.head).ok).toBe(true)
        expect(check(forged, chain.head).ok).toBe(false)
      }),
    )
  })

  it('reports missing entries at the end and continues after their numbers', () => {
    const { records, chain } = chained(5)
    const { ok, faults } = check(records.slice(0, 3), chain.head)
    expect([ok, faults]).toEqual([false, ['entries 4 to 5 are missing']])
    const verifier = new AuditVerifier()
    expect(verifier.next(chain.head)).toEqual(chain.head)
  })

  it('reports a fault where entries exist but no head was recorded', () => {
    expect(check(chained(2).records, undefined).ok).toBe(false)
    expect(check([], undefined).ok).toBe(true)
  })
})

describe('a chain whose oldest entries were removed', () => {
  /** Entries from `first` on, the last of which vouches for `through`. */
  function cut(first: number, through: number, hash?: string) {
    const { records, chain } = chained(6)
    const last = hash ?? hashOf(records[through - 1])
    const facts = { time: '2026-11-24T14:00:00.000Z', who: 'agent', through, hash: last }
    records.push(chain.append({ ...facts, what: auditCut }))
    return check(records.slice(first - 1), chain.head)
  }

  it('is whole where an entry vouches for exactly these', () => {
    expect(cut(4, 3)).toMatchObject({ ok: true, entries: 4, faults: [] })
  })

  it('is not whole where more is missing, or where the hash is another', () => {
    expect(cut(5, 3)).toMatchObject({ ok: false, faults: ['entries 1 to 4 are missing'] })
    expect(cut(4, 3, genesis).ok).toBe(false)
    const { records, chain } = chained(6)
    expect(check(records.slice(3), chain.head).faults).toEqual(['entries 1 to 3 are missing'])
  })
})

describe('the trail in a store', () => {
  let root: string
  let folder: string
  beforeEach(() => {
    root = mkdtempSync('/tmp/snug-audit-')
    folder = join(root, 'store')
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  /** Writes this number of entries and closes the store. */
  async function write(...what: string[]) {
    const { store } = await openLevelStore(folder)
    const trail = trailOf(store)
    const found = await trail.load()
    const writes: StoreWrite[] = what.flatMap((each) => [
      ...trail.append(each, 'cli:root', { of: each }).writes,
    ])
    await store.batch(writes)
    await store.close()
    return found
  }

  it('continues over restarts and lists the newest entries first', async () => {
    await write('one', 'two')
    expect(await write('three')).toMatchObject({ ok: true, entries: 2 })
    const { store } = await openLevelStore(folder)
    const trail = trailOf(store)
    expect(await trail.load()).toMatchObject({ ok: true, entries: 3 })
    const listed = await trail.list(2)
    expect(listed.map(({ seq, what, who, of }) => [seq, what, who, of])).toEqual([
      [3, 'three', 'cli:root', 'three'],
      [2, 'two', 'cli:root', 'two'],
    ])
    await store.close()
  })

  it('keeps reporting an entry that was damaged on disk and still accepts new entries', async () => {
    await write('one', 'two', 'three')
    const raw = new Level<string, string>(folder)
    const key = 'audit/000000000002'
    await raw.put(key, (await raw.get(key)).replace('two', 'TWO'))
    await raw.close()
    expect(await write('four')).toMatchObject({ ok: false })
    const again = await write('five')
    expect(again.faults).toEqual(['after entry 1 comes entry 3'])
    expect(again.entries).toBe(3)
  })

  it('stays bounded and provable in a flood of entries, over restarts', async () => {
    const kept = 500
    for (let round = 0; round < 4; round += 1) {
      const { store } = await openLevelStore(folder)
      const trail = trailOf(store)
      expect(await trail.load()).toMatchObject({ ok: true, faults: [] })
      for (let n = 0; n < 3; n += 1) {
        const flood = Array.from({ length: 700 }, () => trail.append('act', 'cli:root', {}).writes)
        await store.batch(flood.flat())
        const cut = await trail.cut(kept)
        await store.batch(cut?.writes ?? [])
        expect((await trail.verify()).entries).toBeLessThan(kept + 1_000 + 700)
      }
      const { ok, entries, faults } = await trail.verify()
      expect({ ok, faults }).toEqual({ ok: true, faults: [] })
      expect(entries).toBeLessThanOrEqual(kept + 1_000)
      await store.close()
    }
  })

  it('removes nothing while few entries are beyond the bound', async () => {
    const store = new MemoryStore()
    const trail = trailOf(store)
    for (let n = 0; n < 1_499; n += 1) await store.batch(trail.append('act', 'x', {}).writes)
    expect(await trail.cut(500)).toBeUndefined()
    await store.batch(trail.append('act', 'x', {}).writes)
    const cut = await trail.cut(500)
    await store.batch(cut?.writes ?? [])
    expect(await trail.verify()).toMatchObject({ ok: true, entries: 501 })
    const [newest] = await trail.list(1)
    expect(newest).toMatchObject({ what: auditCut, who: 'agent', through: 1_000 })
  })

  it('is whole in memory too', async () => {
    const store = new MemoryStore()
    const trail = trailOf(store)
    const first = trail.append('a', 'x', {})
    const second = trail.append('b', 'x', { n: undefined })
    await store.batch([...first.writes, ...second.writes])
    expect(await trail.verify()).toMatchObject({ ok: true, entries: 2 })
  })
})
