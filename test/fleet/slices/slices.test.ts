import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ShareSchedule } from '../../../src/fleet/share-schedule.ts'
import { profileName } from '../../../src/fleet/fleet-image.ts'
import { sliceName } from '../../../src/fleet/kubernetes/fleet-objects.ts'
import { SlicePages, sliceBytes } from '../../../src/fleet/slices/slice-pages.ts'
import { mergeEntries } from '../../../src/core/profile/merge.ts'
import {
  type EvidenceCell,
  laterDecision,
  type ProfileEntry,
} from '../../../src/core/profile/profile-entry.ts'
import { compareText } from '../../../src/core/compare-text.ts'
import { isReported, sharedForm } from '../../../src/core/behaviour/shared-form.ts'
import { shaper } from '../../fixtures/event-fixture.ts'
import { nodeEntry, nodeEntryTime as at } from '../../fixtures/node-entries.ts'

describe('the entry that a node shares for a behaviour', () => {
  it('has the evidence that the node learned itself, of one container for each origin', () => {
    const [own] = nodeEntry('/a', 'n1').cells
    const [second] = nodeEntry('/a', 'n1', { container: 'another' }).cells
    const [probe] = nodeEntry('/a', 'n1', { origin: 'probe' }).cells
    const [others] = nodeEntry('/a', 'n2').cells
    const cells = [own, second, probe, others].flatMap((cell) => cell ?? [])
    const shared = sharedForm({ ...nodeEntry('/a', 'n1'), cells }, 'n1')
    expect(shared?.cells).toEqual([own, probe])
  })

  it.each<Partial<EvidenceCell>>([
    { origin: 'exec-in', session: 's' },
    { phase: 'later' },
    { guardrails: ['shadow'] },
    { nodes: ['n2'] },
  ])('is absent where it would allow nothing or is from another node: %j', (more) => {
    expect(sharedForm(nodeEntry('/a', 'n1', more), 'n1')).toBeUndefined()
  })

  it('always includes the decision of a person', () => {
    const decision = { kind: 'rejected', by: 'cli:root', at, grants: [] } as const
    const entry = { ...nodeEntry('/a', 'n1', { phase: 'later' }), decision }
    expect(sharedForm(entry, 'n1')).toMatchObject({ cells: [], decision })
    expect(isReported({ ...entry, cells: [] }, [nodeEntry('/a', 'n2')])).toBe(false)
  })

  it('counts as reported where the API server returned it with its keys in another order', () => {
    const grants = [{ origin: 'entrypoint' }] as const
    const decision = { kind: 'approved', by: 'spec:apply', at, grants } as const
    const reordered = { at, by: 'spec:apply', grants, kind: 'approved' } as const
    const own = { ...nodeEntry('/a', 'n1'), decision }
    expect(isReported(own, [{ ...nodeEntry('/a', 'n2'), decision: reordered }])).toBe(true)
  })

  it('has the same one of two decisions of one instant, in whatever order they arrive', () => {
    const decision = { kind: 'approved', by: 'spec:apply', at } as const
    const own = { ...decision, grants: [{ origin: 'entrypoint' }] } as const
    const theirs = { ...decision, grants: [{ origin: 'probe' }] } as const
    /** In the key order of the API server. */
    const sorted = <T extends object>(written: T): T =>
      Object.fromEntries(Object.entries(written).sort(([a], [b]) => compareText(a, b))) as T
    const here = laterDecision(own, sorted(theirs))
    const there = laterDecision(theirs, sorted(own))
    expect(here?.grants).toEqual(there?.grants)
  })

  it('is reported again where it has witnesses that nobody reported', () => {
    const witnesses = (literal: string, value: string) => ({
      witnesses: { literals: [literal], places: [[value]] },
    })
    const own = nodeEntry('/a/<int>', 'n1', witnesses('/a/1', '1'))
    expect(isReported(own, [nodeEntry('/a/<int>', 'n2', witnesses('/a/1', '1'))])).toBe(true)
    expect(isReported(own, [nodeEntry('/a/<int>', 'n2', witnesses('/a/2', '2'))])).toBe(false)
  })
})

describe('a node’s slices', () => {
  it('hold every entry, each once and whole, within the size of an object', () => {
    const put = fc.array(
      fc.record({ name: fc.nat({ max: 400 }), length: fc.integer({ min: 1, max: 3_000 }) }),
      { maxLength: 400 },
    )
    fc.assert(
      fc.property(put, (steps) => {
        const slices = new SlicePages()
        const wanted = new Map<string, ProfileEntry>()
        for (const { name, length } of steps) {
          const base = nodeEntry(`/${name}`, 'n1')
          const literals = { literals: ['x'.repeat(length)], places: [] }
          const entry = {
            ...base,
            cells: base.cells.map((cell) => ({ ...cell, witnesses: literals })),
          }
          slices.put([entry])
          wanted.set(entry.id, entry)
        }
        const found = new Map<string, ProfileEntry>()
        for (let page = 0; slices.page(page).length > 0 || page === 0; page++) {
          const entries = slices.page(page)
          expect(Buffer.byteLength(JSON.stringify(entries))).toBeLessThanOrEqual(sliceBytes)
          for (const entry of entries) {
            expect(found.has(entry.id)).toBe(false)
            found.set(entry.id, entry)
          }
        }
        expect(new Set(found.values())).toEqual(new Set(wanted.values()))
      }),
      { numRuns: 6 },
    )
  })

  it('fit again after the limit of the store fell, and hold every entry as before', () => {
    let limit = sliceBytes
    const slices = new SlicePages(() => limit)
    const many = Array.from({ length: 500 }, (_, i) => nodeEntry(`/${i}`, 'n1'))
    slices.put(many)
    limit = 8_192
    const found: ProfileEntry[] = []
    const changed = slices.shrink()
    for (const page of changed) {
      expect(Buffer.byteLength(JSON.stringify(slices.page(page)))).toBeLessThanOrEqual(limit)
      found.push(...slices.page(page))
    }
    expect(new Set(found)).toEqual(new Set(many))
    expect(found).toHaveLength(many.length)
    expect(slices.shrink()).toEqual([])
  })

  it('change by one object for one new behaviour, and not at all for a known one', () => {
    const slices = new SlicePages()
    const many = Array.from({ length: 2_000 }, (_, i) => nodeEntry(`/${i}`, 'n1'))
    expect(slices.put(many).length).toBeGreaterThan(2)
    expect(slices.put(many)).toEqual([])
    expect(slices.put([nodeEntry('/new', 'n1')])).toHaveLength(1)
  })

  it('are taken back from the server as they were', () => {
    const slices = new SlicePages()
    const many = Array.from({ length: 1_000 }, (_, i) => nodeEntry(`/${i}`, 'n1'))
    const pages = slices.put(many)
    const again = new SlicePages()
    for (const page of pages) again.restore(page, slices.page(page))
    expect(again.put(many)).toEqual([])
  })

  it('are not written again where the server returns their keys in another order', () => {
    const reversed = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(reversed)
      if (typeof value !== 'object' || value === null) return value
      const members = Object.entries(value).reverse()
      return Object.fromEntries(members.map(([key, each]) => [key, reversed(each)]))
    }
    const again = new SlicePages()
    const many = Array.from({ length: 10 }, (_, i) => nodeEntry(`/${i}`, 'n1'))
    again.restore(0, reversed(many) as ProfileEntry[])
    expect(again.put(many)).toEqual([])
    expect(again.page(0)).toEqual(many)
    const [first] = many
    const more = { ...first!, cells: first!.cells.map((cell) => ({ ...cell, count: 2 })) }
    expect(again.put([more])).toEqual([0])
  })

  it('have names that the API takes, whatever the repository, and that no two share', () => {
    const digest = `sha256:${'a'.repeat(64)}`
    const names = [
      'shop/web',
      'shop-web',
      'registry.local:5000/Shop/Web_1',
      '__',
      'x'.repeat(300),
    ].map((repository) => sliceName({ repository, digest }, 'node-1.example.org', 12))
    const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
    for (const name of names) {
      expect(name).toMatch(new RegExp(`^${label}([.]${label})*$`))
      expect(name.length).toBeLessThanOrEqual(253)
    }
    expect(new Set(names).size).toBe(names.length)
    expect(profileName({ repository: 'shop/web', digest })).toMatch(/^shop-web-[0-9a-f]{12}$/)
  })
})

/**
 * Simulates a fleet of `nodes` that all start the same new image within a minute, each with a few unique behaviours.
 * It uses the agents' own schedule and reporting rules; a write is visible to other nodes after `visibleAfterMs`.
 */
function rollout(nodes: number, withinMs: number, visibleAfterMs: number) {
  const random = seeded(7)
  const common = Array.from({ length: 60 }, (_, i) => `/common/${i}`)
  const fleet = Array.from({ length: nodes }, (_, i) => {
    const name = `n${i}`
    const paths = [...common, ...Array.from({ length: 3 }, (__, k) => `/own/${name}-${k}`)]
    const schedule = new ShareSchedule<string>({ withinMs, random })
    schedule.add('image', random() * 60_000)
    return {
      schedule,
      slices: new SlicePages(),
      entries: paths.map((path) => nodeEntry(path, name)),
    }
  })
  const written = new Map<string, { entry: ProfileEntry; at: number }[]>()
  const writes: { at: number; bytes: number }[] = []
  for (let now = 0; now < 3 * withinMs + 60_000; now += 1_000) {
    for (const { schedule, slices, entries } of fleet) {
      for (const item of schedule.due(now)) {
        const news = entries.filter(({ id }, i) => {
          const others = (written.get(id) ?? []).filter((one) => one.at + visibleAfterMs <= now)
          const own = entries[i]
          return (
            own !== undefined &&
            !slices.has(id) &&
            !isReported(
              own,
              others.map(({ entry }) => entry),
            )
          )
        })
        const pages = slices.put(news)
        for (const entry of news)
          written.set(entry.id, [...(written.get(entry.id) ?? []), { entry, at: now }])
        for (const page of pages) {
          writes.push({ at: now, bytes: JSON.stringify(slices.page(page)).length })
        }
        schedule.written(item, now, pages.length > 0)
      }
    }
  }
  const seconds = new Map<number, number>()
  for (const { at } of writes) seconds.set(at, (seconds.get(at) ?? 0) + 1)
  return {
    writes: writes.length,
    peak: Math.max(...seconds.values()),
    stored: fleet.reduce((sum, { slices }) => sum + JSON.stringify(slices.page(0)).length, 0),
    whole: JSON.stringify(fleet[0]?.entries).length * nodes,
    written,
  }
}

function seeded(start: number): () => number {
  let state = start
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296
    return state / 4_294_967_296
  }
}

describe('a fleet of 1,000 nodes', () => {
  it('shares a new image by one write a node, some ten a second, and a fraction of all evidence', () => {
    const { writes, peak, stored, whole, written } = rollout(1_000, 120_000, 2_000)
    expect(written.size).toBe(60 + 3 * 1_000)
    // Each node has unique behaviours to report and writes exactly once.
    expect(writes).toBe(1_000)
    expect(peak).toBeLessThanOrEqual(25)
    expect(stored / whole).toBeLessThan(0.12)
  })

  it('writes nothing where nothing is new', () => {
    const schedule = new ShareSchedule<string>({ withinMs: 120_000, random: seeded(3) })
    schedule.add('image', 0)
    for (let now = 0; now < 600_000; now += 1_000) {
      for (const item of schedule.due(now)) schedule.written(item, now, false)
    }
    expect(schedule.due(600_000).length).toBeLessThanOrEqual(1)
  })

  it('goes on publishing where the clock is set back', () => {
    const schedule = new ShareSchedule<string>({ withinMs: 120_000, random: seeded(3) })
    const day = 86_400_000
    schedule.add('image', day)
    schedule.written('image', day, true)
    expect(schedule.due(0)).toEqual(['image'])
    schedule.written('image', 0, true)
    expect(schedule.due(1_000)).toEqual([])
    expect(schedule.due(120_000)).toEqual(['image'])
  })

  it('never publishes a version that was removed', () => {
    const schedule = new ShareSchedule<string>({ withinMs: 1_000, random: seeded(3) })
    for (const item of ['kept', 'removed']) schedule.add(item, 0)
    expect(schedule.keep((item) => item === 'kept')).toEqual(['removed'])
    expect(schedule.due(10_000)).toEqual(['kept'])
  })

  it('publishes a version at once that a person decided on, also within a pause', () => {
    const schedule = new ShareSchedule<string>({ withinMs: 120_000, random: () => 1 })
    for (const item of ['learned', 'decided', 'also decided']) schedule.add(item, 0)
    schedule.written('learned', 0, true)
    expect(schedule.due(1_000)).toEqual([])
    schedule.soon('decided')
    schedule.soon('also decided')
    expect(schedule.due(1_000)).toEqual(['decided', 'also decided'])
    for (const item of ['decided', 'also decided']) schedule.written(item, 1_000, true)
    expect(schedule.due(2_000)).toEqual([])
  })

  it('has no node that writes more than four times within the sharing time', () => {
    const schedule = new ShareSchedule<number>({ withinMs: 120_000, random: seeded(5) })
    for (let image = 0; image < 50; image++) schedule.add(image, 0)
    const times: number[] = []
    for (let now = 0; now < 1_200_000; now += 1_000) {
      const [first] = schedule.due(now)
      if (first === undefined) continue
      schedule.written(first, now, true)
      times.push(now)
    }
    for (const [i, time] of times.entries()) {
      if (i > 0) expect(time - (times[i - 1] ?? 0)).toBeGreaterThanOrEqual(30_000)
    }
    expect(times.length).toBeGreaterThan(30)
  })
})

describe('the profile of a fleet', () => {
  it('is the same in whatever order the nodes report', () => {
    const nodes = ['n1', 'n2', 'n3'].map((name, i) =>
      [`/${i}`, `/${(i + 1) % 3}`, '/all'].map((path) => nodeEntry(path, name)),
    )
    const merged = (order: readonly number[]) =>
      order.reduce<readonly ProfileEntry[]>(
        (all, i) => mergeEntries(all, nodes[i] ?? [], shaper),
        [],
      )
    expect(merged([2, 0, 1, 0])).toEqual(merged([0, 1, 2]))
  })
})
