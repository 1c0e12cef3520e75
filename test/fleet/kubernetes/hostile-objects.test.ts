import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Profile } from '../../../src/core/profile/profile.ts'
import type { ProfileEntry } from '../../../src/core/profile/profile-entry.ts'
import { profileName } from '../../../src/fleet/fleet-image.ts'
import { sliceName } from '../../../src/fleet/kubernetes/fleet-objects.ts'
import { parseSlice } from '../../../src/fleet/kubernetes/fleet-schema.ts'
import { KubeFleet } from '../../../src/fleet/kubernetes/kube-fleet.ts'
import { SnugError } from '../../../src/errors.ts'
import { shaper } from '../../fixtures/event-fixture.ts'
import { nodeEntry } from '../../fixtures/node-entries.ts'
import { ScriptedApi } from '../../fixtures/kube-server.ts'

/** An agent reads what a node wrote that an attacker controls, or any client with its token. */
const image = { repository: 'shop/web', digest: `sha256:${'a'.repeat(64)}` }
const at = '2026-11-24T12:00:00.000Z'
const nowMs = Date.parse(at)

let profiles: ScriptedApi
let slices: ScriptedApi
let stop: AbortController
let fleet: KubeFleet
let reported: string[]

beforeEach(async () => {
  profiles = new ScriptedApi('/apis/snug.dev/v1alpha1/imageprofiles')
  slices = new ScriptedApi('/apis/snug.dev/v1alpha1/profileslices')
  profiles.beside = slices
  await profiles.start()
  stop = new AbortController()
  reported = []
  fleet = new KubeFleet({
    api: profiles.api(),
    node: 'n1',
    onEntries: () => undefined,
    onSpecDecision: ({ mode, decisions }) =>
      reported.push([mode?.mode ?? '', ...decisions.map(({ action }) => action)].join(' ')),
    onSpecDecisionGone: () => undefined,
    now: () => nowMs,
  })
  await fleet.start(stop.signal)
})

afterEach(async () => {
  stop.abort()
  await profiles.kill()
})

const entryOf = (path: string, node: string): ProfileEntry =>
  nodeEntry(path, node, { witnesses: { literals: [path], places: [] } })

function put(node: string, more: object = {}, name = sliceName(image, node, 0)): void {
  slices.put(name, { image, node, entries: [entryOf(`/etc/${node}`, node)], ...more })
}

const nodes = (): readonly string[] => [...fleet.published(image)].map(({ node }) => node)

/** Resolves once the agent has read everything that was put before. */
async function read(): Promise<void> {
  put('last')
  await expect.poll(() => nodes()).toContain('last')
}

const decision = (when: string) => ({ kind: 'approved', by: 'cli:root', at: when, grants: [] })

describe('a slice that no agent writes', () => {
  it.each<[string, object]>([
    ['cells that are a number', { entries: [{ ...entryOf('/a', 'n2'), cells: 5 }] }],
    ['entries that are text', { entries: 'all' }],
    [
      'witnesses without places',
      {
        entries: [
          {
            ...entryOf('/a', 'n2'),
            cells: entryOf('/a', 'n2').cells.map((cell) => ({ ...cell, witnesses: {} })),
          },
        ],
      },
    ],
    [
      'the id of another behaviour',
      { entries: [{ ...entryOf('/a', 'n2'), id: entryOf('/b', 'n2').id }] },
    ],
    [
      'a decision of next year',
      { entries: [{ ...entryOf('/a', 'n2'), decision: decision('2027-11-24T12:00:00.000Z') }] },
    ],
    [
      'a mode of next year',
      { mode: { mode: 'learn', by: 'cli:root', at: '2027-11-24T12:00:00.000Z' } },
    ],
    ['a mode without an author', { mode: { mode: 'alert', at } }],
  ])('is one coded fault, and other slices are read: %s', async (_, content) => {
    put('n2', content)
    put('n3')
    await read()
    expect(nodes()).toEqual(['n3', 'last'])
    expect(fleet.fault).toContain(sliceName(image, 'n2', 0))
    expect(fleet.fault).toContain('KUBE_OBJECT_INVALID')
    expect(fleet.current).toBe(true)
    // Its own node repairs it.
    put('n2')
    await expect.poll(() => nodes()).toContain('n2')
    expect(fleet.fault).toBeUndefined()
  })

  it('is ignored where it has the name of another node’s slice', async () => {
    put('n3', {}, sliceName(image, 'n2', 0))
    put('n2', {}, 'any-name')
    await read()
    expect(nodes()).toEqual(['last'])
    expect(fleet.fault).toMatch(/not one of a slice of the node `n3`.*1 more/)
  })

  it('brings evidence of its own node alone, and only such as allows the behaviour', async () => {
    const [cell] = entryOf('/a', 'n2').cells
    const foreign = { ...entryOf('/foreign', 'n9'), inherited: { from: 'x', grants: [] } }
    const session = { ...entryOf('/session', 'n2'), cells: [{ ...cell, origin: 'exec-in' }] }
    const both = { ...entryOf('/both', 'n2'), cells: [{ ...cell, nodes: ['n1', 'n2'] }] }
    put('n2', { entries: [foreign, session, both] })
    await read()
    const [{ entries } = { entries: [] }] = fleet.published(image)
    expect(entries).toHaveLength(1)
    expect(entries[0]).toMatchObject({ object: { path: '/both' }, cells: [{ nodes: ['n2'] }] })
  })
})

describe('what an agent of a later version writes', () => {
  const known = entryOf('/a', 'n2')
  const later = { schema: 'snug.behaviour/v3', id: 'c1', what: ['it', 'does'] }

  it.each<[string, object]>([
    ['a behaviour of another format', { entries: [later, known] }],
    [
      'a kind of behaviour',
      { entries: [{ ...known, object: { kind: 'mount', path: '/a' } }, known] },
    ],
    [
      'a member of a behaviour',
      { entries: [{ ...known, object: { ...known.object, how: 'often' } }, known] },
    ],
    ['a mode', { entries: [known], mode: { mode: 'watch', by: 'cli:root', at } }],
  ])('is left out alone with a coded fault: %s', async (_, content) => {
    put('n2', content)
    await read()
    const [slice] = fleet.published(image)
    expect(slice?.entries.map(({ id }) => id)).toEqual([known.id])
    expect(fleet.modeDecisions(image)).toEqual([])
    expect(fleet.fault).toContain(sliceName(image, 'n2', 0))
    expect(fleet.fault).toMatch(/a part is left out, .*KUBE_OBJECT_INVALID/)
    put('n2')
    await expect.poll(() => fleet.fault).toBeUndefined()
  })

  it('is left out alone where a person decided it, and what else they decided applies', async () => {
    const by = { by: 'ann', at }
    const decisions = [
      { behaviour: known.id, action: 'forget', ...by },
      { behaviour: entryOf('/b', 'n2').id, action: 'reject', ...by },
    ]
    profiles.put(profileName(image), {
      metadata: { generation: 1 },
      spec: { image, mode: { value: 'alert', ...by }, decisions },
    })
    await expect.poll(() => reported).toEqual(['alert reject'])
    expect(fleet.fault).toMatch(/a part is left out, .*KUBE_OBJECT_INVALID/)
    profiles.put(profileName(image), {
      metadata: { generation: 2 },
      spec: { image, mode: { value: 'watch', ...by }, decisions: [decisions[1]] },
    })
    await expect.poll(() => reported.at(-1)).toBe(' reject')
  })
})

describe('a profile that no person writes', () => {
  const metadata = { generation: 1 }
  const by = { by: 'ann', at }
  const reject = { behaviour: entryOf('/a', 'n1').id, action: 'reject', ...by }

  it.each<[string, object]>([
    ['decisions that are a number', { decisions: 5 }],
    ['a mode without an author', { mode: { value: 'block', at } }],
    ['a decision without a time', { decisions: [{ ...reject, at: undefined }] }],
    ['an action that is a number', { decisions: [{ ...reject, action: 5 }] }],
    ['a rejection of everything', { decisions: [{ ...reject, behaviour: '*' }] }],
    ['a decision of next year', { decisions: [{ ...reject, at: '2027-11-24T12:00:00Z' }] }],
    ['a mode of next year', { mode: { value: 'block', by: 'ann', at: '2027-11-24T12:00:00Z' } }],
  ])('is one coded fault, and other profiles are read: %s', async (_, spec) => {
    profiles.put('bad', { metadata, spec: { image, ...spec } })
    profiles.put('worse', { metadata, spec: 'block' })
    profiles.put(profileName(image), {
      metadata,
      spec: { image, mode: { value: 'alert', ...by }, decisions: [reject] },
    })
    await expect.poll(() => reported).toEqual(['alert reject'])
    expect(fleet.fault).toMatch(/`bad`: .*(decision|mode).*KUBE_OBJECT_INVALID.*1 more/)
    profiles.remove('bad')
    profiles.remove('worse')
    await expect.poll(() => fleet.fault).toBeUndefined()
  })
})

it('whatever a slice holds, it is refused with a code, or its entries merge', () => {
  const slice = {
    metadata: { name: sliceName(image, 'n2', 0), uid: 'u', resourceVersion: '1' },
    image,
    node: 'n2',
    mode: { mode: 'alert', by: 'cli:root', at },
    entries: [{ ...entryOf('/a', 'n2'), decision: decision(at) }],
  }
  const paths = placesIn(slice)
  fc.assert(
    fc.property(fc.constantFrom(...paths), fc.jsonValue({ maxDepth: 2 }), (path, value) => {
      const changed: unknown = structuredClone(slice)
      let inside = changed as Record<string, unknown>
      for (const key of path.slice(0, -1)) inside = inside[key] as Record<string, unknown>
      inside[path.at(-1) ?? ''] = value
      try {
        const { entries } = parseSlice(changed as never, nowMs)
        new Profile(shaper).merge(entries)
      } catch (error) {
        expect(error).toBeInstanceOf(SnugError)
      }
    }),
    { numRuns: 2_000 },
  )
})

/** The paths of all members, at any depth. */
function placesIn(value: unknown, at: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [at]
  const inner = Object.entries(value).flatMap(([key, each]) => placesIn(each, [...at, key]))
  return at.length === 0 ? inner : [at, ...inner]
}
