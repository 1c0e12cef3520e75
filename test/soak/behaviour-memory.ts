import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import type { ActEvent } from '../../src/core/event/event.ts'
import { isoOf } from '../../src/core/event/time.ts'
import { Shaper } from '../../src/core/behaviour/shape.ts'
import { shaper } from '../fixtures/event-fixture.ts'
import { actsOf, Dice, runsOf } from './workload.ts'
import { writeOf } from '../fixtures/stored-copy.ts'

export interface BehaviourMemory {
  readonly behaviours: number
  readonly cells: number
  /** Live heap, after a collection. */
  readonly bytes: number
}

const startMs = Date.parse('2026-08-01T00:00:00Z')
const containersEach = 30

/** The heap of the profiles of so many images, thirty containers each, with old evidence folded. Needs `--expose-gc`. */
export function behaviourMemory(images: number): BehaviourMemory {
  const collect = (globalThis as { gc?: () => void }).gc
  if (collect === undefined) throw new Error('node needs --expose-gc')
  collect()
  const before = process.memoryUsage().heapUsed
  const profiles = profilesOf(images)
  const { behaviours, cells } = sizeOf(profiles)
  collect()
  const bytes = process.memoryUsage().heapUsed - before
  // Until here the profiles are in use: they must not be collected.
  if (profiles.length < images) throw new Error('there are too few profiles')
  return { behaviours, cells, bytes }
}

function sizeOf(profiles: readonly Profile[]): Omit<BehaviourMemory, 'bytes'> {
  let behaviours = 0
  let cells = 0
  for (const profile of profiles) {
    for (const entry of profile.outline()) {
      behaviours += 1
      for (const _ of entry.allCells()) cells += 1
    }
  }
  return { behaviours, cells }
}

function profilesOf(images: number): readonly Profile[] {
  // Shapes of paths that were found before are kept as well, up to a limit: that is no part of a profile.
  const own = new Shaper(shaper.rules, shaper.isGuarded)
  const containers = images * containersEach
  const scale = { containers, images, days: containers / 1_000, alertsPerDay: 0 }
  const profiles = new Map<string, Profile>()
  const ends = new Map<string, number>()
  const dice = new Dice(11)
  for (const run of runsOf(scale, startMs)) {
    ends.set(run.identity.id, run.atMs + run.lastsMs)
    const profile = profiles.get(run.image.ref.digest) ?? new Profile(own)
    profiles.set(run.image.ref.digest, profile)
    for (const { event } of actsOf(run, dice)) {
      const act = event as ActEvent
      const refs = behavioursOf(act, own)
      profile.observe(act, refs, { phase: 'learned' })
      const { node, source, process } = act
      const last = isoOf((run.atMs + run.lastsMs) * 1_000)
      const seen = { container: run.identity.id, origin: process.origin, node, source }
      for (const ref of refs) {
        const counted = { ...seen, count: 5, first: act.time, last }
        profile.addCountUpdate(profile.idOf(ref), counted, 'learned')
      }
    }
    const isOver = ({ container }: { readonly container: string }): boolean =>
      (ends.get(container) ?? 0) < run.atMs
    for (const each of profiles.values()) each.fold({ node: 'n1', isOver }, () => true)
    writeOf(profile)
  }
  return [...profiles.values()]
}
