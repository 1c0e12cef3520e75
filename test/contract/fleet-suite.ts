import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Decision, ProfileEntry } from '../../src/core/profile/profile-entry.ts'
import type { Contribution, Fleet, FleetLink } from '../../src/fleet/fleet.ts'
import type { FleetImage } from '../../src/fleet/fleet-image.ts'
import { nodeEntry } from '../fixtures/node-entries.ts'

export type MakeFleet = (node: string, link: FleetLink) => Fleet

export interface FleetSuiteOptions {
  readonly name: string
  /** In the store that all nodes of one test share. */
  readonly make: MakeFleet
  /** An image that no other test uses. */
  readonly image: () => FleetImage
}

/** A node that has joined a fleet, and what the fleet reported to it. */
export class FleetMember {
  readonly fleet: Fleet
  readonly errors: string[] = []
  readonly #stop = new AbortController()

  constructor(node: string, make: MakeFleet) {
    this.fleet = make(node, {
      onEntries: () => undefined,
      onDecision: () => undefined,
      onSpecDecision: () => undefined,
      onSpecDecisionGone: () => undefined,
      onError: (what, error) => this.errors.push(`${what}: ${String(error)}`),
    })
  }

  async join(): Promise<this> {
    await this.fleet.start(this.#stop.signal)
    return this
  }

  leave(): void {
    this.#stop.abort()
  }

  /** Paths of the behaviours that others published, sorted. */
  paths(image: FleetImage): readonly string[] {
    const entries = [...this.fleet.published(image)].flatMap((each) => each.entries)
    return entries.map(pathOf).sort()
  }

  decision(image: FleetImage, path: string): Decision | undefined {
    const entries = [...this.fleet.published(image)].flatMap((each) => each.entries)
    return entries.find((entry) => pathOf(entry) === path && entry.decision !== undefined)?.decision
  }
}

export function contribution(
  image: FleetImage,
  entries: readonly ProfileEntry[],
  more: Partial<Contribution> = {},
): Contribution {
  const summary = {
    state: 'learning',
    mode: 'learn',
    behaviours: 0,
    pending: 0,
    because: 'the window is open',
  }
  return { image, entries, summary, ...more }
}

/** A behaviour that a node knows of by a decision. */
export function decidedEntry(path: string, decision: Omit<Decision, 'grants'>): ProfileEntry {
  return { ...nodeEntry(path, 'n1'), cells: [], decision: { ...decision, grants } }
}

const grants = [{ origin: 'entrypoint' }] as const

function pathOf({ object }: ProfileEntry): string {
  return 'path' in object ? object.path : object.kind
}

/** The conformance suite of every `Fleet`, with the real store that it is for. */
export function fleetSuite({ name, make, image: fresh }: FleetSuiteOptions): void {
  describe(`the fleet in ${name}`, () => {
    let image: FleetImage
    let members: FleetMember[]

    beforeEach(() => {
      image = fresh()
      members = []
    })
    afterEach(() => {
      for (const member of members) member.leave()
    })

    const join = async (node: string): Promise<FleetMember> => {
      const member = new FleetMember(node, make)
      members.push(member)
      await member.join()
      // Its first listing may have failed.
      await expect.poll(() => member.fleet.ready).toBe(true)
      return member
    }

    it('brings what a node learned to the others, and to one that joins later', async () => {
      const [first, second] = [await join('n1'), await join('n2')]
      const isDone = await first.fleet.publish(contribution(image, [nodeEntry('/a', 'n1')]))
      expect(isDone, first.errors.join()).toBe(true)
      await expect.poll(() => second.paths(image)).toEqual(['/a'])
      expect((await join('n3')).paths(image)).toEqual(['/a'])
      expect(first.paths(image)).toEqual([])
    })

    it('gets no second report of one behaviour, and none without news', async () => {
      const [first, second] = [await join('n1'), await join('n2')]
      await first.fleet.publish(contribution(image, [nodeEntry('/a', 'n1')]))
      await expect.poll(() => second.paths(image)).toEqual(['/a'])
      const known = second.fleet.writes
      expect(await second.fleet.publish(contribution(image, [nodeEntry('/a', 'n2')]))).toBe(true)
      expect(second.fleet.writes).toBe(known)
      // A store with a status gets it once its objects are known here.
      const again = async (): Promise<number> => {
        const written = first.fleet.writes
        await first.fleet.publish(contribution(image, [nodeEntry('/a', 'n1')]))
        return first.fleet.writes - written
      }
      await expect.poll(again).toBe(0)
    })

    it('has all behaviours of a node that published many, also after its restart', async () => {
      const first = await join('n1')
      const second = await join('n2')
      const many = Array.from({ length: 1_500 }, (_, i) => nodeEntry(`/${i}`, 'n1'))
      await first.fleet.publish(contribution(image, many))
      const paths = many.map(pathOf).sort()
      await expect.poll(() => second.paths(image)).toEqual(paths)
      first.leave()
      const again = await join('n1')
      await again.fleet.publish(contribution(image, [...many, nodeEntry('/new', 'n1')]))
      await expect.poll(() => second.paths(image)).toEqual([...paths, '/new'].sort())
      // The page of the new one, and where the store has one, the status.
      expect(again.fleet.writes).toBeLessThanOrEqual(2)
    })

    it('reports the first node whose window ended', async () => {
      const [first, second, third] = [await join('n1'), await join('n2'), await join('n3')]
      const ended = (at: string) => ({ learnedAt: `2026-11-24T${at}:00.000Z` })
      await second.fleet.publish(contribution(image, [nodeEntry('/b', 'n2')], ended('13:00')))
      await expect.poll(() => third.fleet.learned(image)?.node).toBe('n2')
      await first.fleet.publish(contribution(image, [nodeEntry('/a', 'n1')], ended('12:00')))
      await expect.poll(() => third.paths(image)).toEqual(['/a', '/b'])
      const earlier = { node: 'n1', at: '2026-11-24T12:00:00.000Z' }
      await expect.poll(() => third.fleet.learned(image)).toEqual(earlier)
    })

    it('brings a decision on a behaviour and on the mode to all nodes, and to one that joins later', async () => {
      const [first, second] = [await join('n1'), await join('n2')]
      const at = '2026-11-24T12:00:00.000Z'
      const by = { by: 'cli:root', at, reason: 'the new cache', until: '2027-11-24T12:00:00.000Z' }
      const mode = { mode: 'block', by: 'cli:root', at, canary: { fraction: 0.5 } } as const
      const decided = [decidedEntry('/a', { kind: 'approved', ...by })]
      await first.fleet.publish(contribution(image, decided, { mode }))
      const late = await join('n3')
      for (const member of [second, late]) {
        await expect
          .poll(() => member.decision(image, '/a'))
          .toEqual({ kind: 'approved', ...by, grants })
        await expect
          .poll(() => member.fleet.modeDecisions(image))
          .toEqual([{ ...mode, node: 'n1' }])
      }
    })

    it('has the decision on the mode of a node that lost its data', async () => {
      const first = await join('n1')
      const mode = { mode: 'block', by: 'cli:root', at: '2026-11-24T12:00:00.000Z' } as const
      await first.fleet.publish(contribution(image, [], { mode }))
      first.leave()
      const again = await join('n1')
      await expect.poll(() => again.fleet.modeDecisions(image)).toEqual([{ ...mode, node: 'n1' }])
    })
  })
}
