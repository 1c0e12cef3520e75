import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Store } from '../../src/agent/records/store/store.ts'

export interface StoreSuiteOptions {
  readonly name: string
  open(): Promise<Store>
  dispose?(): Promise<void>
}

/** Strings that a careless key or value would break on. */
const foreign = [
  'registry.local:5000/shop/web@sha256:ab',
  'a/b',
  'a%002fb',
  '',
  'ü 🦊 \u0000 \n',
  '\ud800',
  '__proto__',
  'x'.repeat(10_000),
]

/** The conformance suite that every `Store` passes. */
export function storeSuite(options: StoreSuiteOptions): void {
  describe(`the store ${options.name}`, () => {
    let store: Store
    beforeEach(async () => {
      store = await options.open()
    })
    afterEach(async () => {
      await store.close()
      await options.dispose?.()
    })

    it('is empty and sound when new', async () => {
      expect(await store.load()).toEqual({
        versions: [],
        alerts: [],
        containers: [],
        meta: {},
        damage: [],
      })
      expect(await store.audit(10)).toEqual([])
    })

    it('gives back every kind of record', async () => {
      await store.batch([
        { kind: 'version', version: 'v1', value: { state: 'learning' } },
        { kind: 'behaviour', version: 'v1', id: 'b1', value: { count: 1 } },
        { kind: 'behaviour', version: 'v1', id: 'b2', value: { count: 2 } },
        { kind: 'counts', version: 'v1', id: '7', value: { number: 9 } },
        { kind: 'report', version: 'v1', id: 'k1 c1', value: { order: 1 } },
        { kind: 'run', version: 'v1', id: '0', value: { order: 2 } },
        { kind: 'alert', id: 'a1', fingerprint: 'f1', value: { severity: 'low' } },
        { kind: 'container', id: 'c1', value: { name: 'web' } },
        { kind: 'audit', id: 't1', value: { who: 'cli:root' } },
        { kind: 'meta', key: 'observedUntil', value: '2026-11-24T00:00:00Z' },
      ])
      const snapshot = await store.load()
      expect(snapshot.versions).toEqual([
        {
          version: 'v1',
          value: { state: 'learning' },
          behaviours: [
            { id: 'b1', value: { count: 1 } },
            { id: 'b2', value: { count: 2 } },
          ],
          counts: [{ id: '7', value: { number: 9 } }],
          reports: [{ id: 'k1 c1', value: { order: 1 } }],
          runs: [{ id: '0', value: { order: 2 } }],
        },
      ])
      expect(snapshot.alerts).toEqual([{ id: 'a1', fingerprint: 'f1', value: { severity: 'low' } }])
      expect(snapshot.containers).toEqual([{ id: 'c1', value: { name: 'web' } }])
      expect(snapshot.meta).toEqual({ observedUntil: '2026-11-24T00:00:00Z' })
      expect(await store.audit(10)).toEqual([{ id: 't1', value: { who: 'cli:root' } }])
    })

    it('replaces a record that is written again, also within one batch', async () => {
      await store.batch([
        { kind: 'meta', key: 'k', value: 1 },
        { kind: 'meta', key: 'k', value: 2 },
      ])
      expect((await store.load()).meta).toEqual({ k: 2 })
      await store.batch([{ kind: 'meta', key: 'k', value: 3 }], { sync: false })
      expect((await store.load()).meta).toEqual({ k: 3 })
    })

    it('removes a version with its behaviours, containers and reports, and nothing of its neighbours', async () => {
      const versions = ['v', 'v/1', 'v0', 'v1', 'v%']
      await store.batch(
        versions.flatMap((version) => [
          { kind: 'version' as const, version, value: version },
          { kind: 'behaviour' as const, version, id: 'b', value: version },
          { kind: 'report' as const, version, id: 'r', value: version },
          { kind: 'run' as const, version, id: 'c', value: version },
        ]),
      )
      await store.batch([
        { kind: 'behaviour', version: 'v', id: 'late', value: 0 },
        { kind: 'report', version: 'v', id: 'late', value: 0 },
        { kind: 'run', version: 'v', id: 'late', value: 0 },
        { kind: 'version-removed', version: 'v' },
      ])
      const left = await store.load()
      expect(left.versions.map(({ version }) => version).sort()).toEqual(versions.slice(1).sort())
      for (const { version, value, behaviours, reports, runs } of left.versions) {
        expect(value).toBe(version)
        expect(behaviours).toEqual([{ id: 'b', value: version }])
        expect(reports).toEqual([{ id: 'r', value: version }])
        expect(runs).toEqual([{ id: 'c', value: version }])
      }
    })

    it('can remove and write a version in one batch', async () => {
      await store.batch([
        { kind: 'behaviour', version: 'v', id: 'old', value: 1 },
        { kind: 'counts', version: 'v', id: '0', value: 1 },
      ])
      await store.batch([
        { kind: 'version-removed', version: 'v' },
        { kind: 'behaviour', version: 'v', id: 'new', value: 2 },
      ])
      const { versions } = await store.load()
      expect(versions).toEqual([
        { version: 'v', behaviours: [{ id: 'new', value: 2 }], counts: [], reports: [], runs: [] },
      ])
    })

    it('hands over the behaviours of one version after the other, and keeps none of them', async () => {
      await store.batch([
        { kind: 'version', version: 'w', value: 1 },
        { kind: 'behaviour', version: 'w', id: 'c', value: 3 },
        { kind: 'behaviour', version: 'v', id: 'b', value: 2 },
        { kind: 'behaviour', version: 'v', id: 'a', value: 1 },
        { kind: 'counts', version: 'v', id: '0', value: 4 },
      ])
      const taken: unknown[] = []
      const { versions } = await store.load((version, stored) => {
        taken.push({ version, ...stored })
      })
      expect(taken).toEqual([
        {
          version: 'v',
          behaviours: [
            { id: 'a', value: 1 },
            { id: 'b', value: 2 },
          ],
          counts: [{ id: '0', value: 4 }],
        },
        { version: 'w', behaviours: [{ id: 'c', value: 3 }], counts: [] },
      ])
      expect(versions).toEqual([
        { version: 'v', behaviours: [], counts: [], reports: [], runs: [] },
        { version: 'w', value: 1, behaviours: [], counts: [], reports: [], runs: [] },
      ])
    })

    it('removes a single value', async () => {
      await store.batch([
        { kind: 'meta', key: 'a', value: 1 },
        { kind: 'meta', key: 'b', value: 2 },
      ])
      await store.batch([{ kind: 'meta-removed', key: 'a' }])
      expect((await store.load()).meta).toEqual({ b: 2 })
    })

    it('removes single behaviours, counts, reports, runs and containers', async () => {
      await store.batch([
        { kind: 'behaviour', version: 'v', id: 'b', value: 1 },
        { kind: 'counts', version: 'v', id: '0', value: 1 },
        { kind: 'report', version: 'v', id: 'r', value: 1 },
        { kind: 'run', version: 'v', id: '0', value: 1 },
        { kind: 'container', id: 'c', value: 1 },
      ])
      await store.batch([
        { kind: 'behaviour-removed', version: 'v', id: 'b' },
        { kind: 'counts-removed', version: 'v', id: '0' },
        { kind: 'report-removed', version: 'v', id: 'r' },
        { kind: 'run-removed', version: 'v', id: '0' },
        { kind: 'container-removed', id: 'c' },
      ])
      const { versions, containers } = await store.load()
      expect({ versions, containers }).toEqual({ versions: [], containers: [] })
    })

    it('keeps foreign strings apart, in keys and in values', async () => {
      await store.batch(
        foreign.flatMap((text) => [
          { kind: 'behaviour' as const, version: text, id: text, value: { text } },
          { kind: 'container' as const, id: text, value: text },
        ]),
      )
      const { versions, containers } = await store.load()
      expect(new Set(versions.map(({ version }) => version))).toEqual(new Set(foreign))
      for (const { version, behaviours } of versions) {
        expect(behaviours).toEqual([{ id: version, value: { text: version } }])
      }
      expect(new Set(containers.map(({ value }) => value))).toEqual(new Set(foreign))
    })

    it('finds the alert that was last written with a fingerprint', async () => {
      await store.batch([{ kind: 'alert', id: 'a1', fingerprint: 'f', value: 1 }])
      await store.batch([{ kind: 'alert', id: 'a2', fingerprint: 'f', value: 2 }])
      expect(await store.alertId('f')).toBe('a2')
      expect(await store.alertId('g')).toBeUndefined()
    })

    it('prunes the oldest alerts and keeps the index of those that stay', async () => {
      const ids = Array.from({ length: 10 }, (_, n) => `a${n}`)
      await store.batch([
        ...ids.map((id) => ({ kind: 'alert' as const, id, fingerprint: id, value: id })),
        { kind: 'alert', id: 'a9', fingerprint: 'a0', value: 'a9' },
      ])
      expect(await store.pruneAlerts(3)).toBe(7)
      expect((await store.load()).alerts.map(({ id }) => id)).toEqual(['a7', 'a8', 'a9'])
      expect(await store.alertId('a1')).toBeUndefined()
      expect(await store.alertId('a0')).toBe('a9')
      expect(await store.alertId('a8')).toBe('a8')
      expect(await store.pruneAlerts(3)).toBe(0)
    })

    it('prunes no older alert that is held, such as a grave one under a flood', async () => {
      const ids = Array.from({ length: 10 }, (_, n) => `a${n}`)
      await store.batch(
        ids.map((id) => ({ kind: 'alert' as const, id, fingerprint: id, value: id })),
      )
      expect(await store.pruneAlerts(3, (id) => id === 'a2')).toBe(6)
      expect((await store.load()).alerts.map(({ id }) => id)).toEqual(['a2', 'a7', 'a8', 'a9'])
    })

    it('prunes by id what is written after it was pruned, in any order and again', async () => {
      const write = (ids: readonly string[]): Promise<void> =>
        store.batch(ids.map((id) => ({ kind: 'alert' as const, id, fingerprint: id, value: id })))
      const left = async (): Promise<readonly string[]> =>
        (await store.load()).alerts.map(({ id }) => id)
      await write(['b2', 'b4'])
      expect(await store.pruneAlerts(3)).toBe(0)
      await write(['b6', 'b8'])
      await write(['b7', 'b2', 'b1', 'b6'])
      expect(await store.pruneAlerts(5, (id) => id === 'b1')).toBe(0)
      expect(await left()).toEqual(['b1', 'b2', 'b4', 'b6', 'b7', 'b8'])
      expect(await store.pruneAlerts(3, (id) => id === 'b2')).toBe(2)
      expect(await left()).toEqual(['b2', 'b6', 'b7', 'b8'])
      await write(['b9'])
      expect(await store.pruneAlerts(2)).toBe(3)
      expect(await left()).toEqual(['b8', 'b9'])
    })

    it('gives the newest audit entries first', async () => {
      await store.batch(['t1', 't2', 't3'].map((id) => ({ kind: 'audit' as const, id, value: id })))
      expect((await store.audit(2)).map(({ id }) => id)).toEqual(['t3', 't2'])
    })

    it('removes audit entries up to an id', async () => {
      const entry = (id: string) => ({ kind: 'audit' as const, id, value: id })
      await store.batch(['1', '2', '3'].map(entry))
      await store.batch([entry('4'), { kind: 'audit-cut', id: '2' }])
      expect((await store.audit(10)).map(({ id }) => id)).toEqual(['4', '3'])
    })

    it('gives the whole audit trail, oldest first, with its head', async () => {
      await store.batch([
        { kind: 'audit', id: '1', value: 'a' },
        { kind: 'audit', id: '2', value: 'b' },
        { kind: 'meta', key: 'head', value: 2 },
      ])
      const { head, entries } = await store.auditTrail('head')
      // Entries written in the meantime belong to the next read.
      await store.batch([{ kind: 'audit', id: '3', value: 'c' }])
      const ids: string[] = []
      for await (const { id } of entries) ids.push(id)
      expect([head, ids]).toEqual([2, ['1', '2']])
    })

    it('gives alerts oldest first', async () => {
      for (const id of ['3', '1', '2']) {
        await store.batch([{ kind: 'alert', id, fingerprint: id, value: id }])
      }
      const { alerts } = await store.load()
      expect(alerts.map(({ id }) => id)).toEqual(['1', '2', '3'])
    })

    it('writes nothing of a batch that cannot be written', async () => {
      const cyclic: Record<string, unknown> = {}
      cyclic['self'] = cyclic
      const batch = store.batch([
        { kind: 'meta', key: 'good', value: 1 },
        { kind: 'meta', key: 'bad', value: cyclic },
      ])
      await expect(batch).rejects.toMatchObject({ code: 'STORE_FAILED' })
      expect((await store.load()).meta).toEqual({})
    })

    it('refuses to work once it is closed, and closes twice', async () => {
      await store.close()
      await store.close()
      const batch = store.batch([{ kind: 'meta', key: 'k', value: 1 }])
      await expect(batch).rejects.toMatchObject({ code: 'STORE_FAILED' })
      await expect(store.load()).rejects.toMatchObject({ code: 'STORE_FAILED' })
    })
  })
}
