import { objectLine } from '../../core/behaviour/describe.ts'
import type { Decision } from '../../core/profile/profile-entry.ts'
import { type FleetImage, profileName } from '../../fleet/fleet-image.ts'
import type { Published } from '../../fleet/fleet.ts'
import { headIn, type SliceHead } from '../../fleet/slices/slice-head.ts'
import { type PublishedConnection, publishedConnections } from './allowed-connections.ts'
import type { Interned } from './interned.ts'

/** A slice without its evidence. */
export interface KnownSlice extends SliceHead {
  readonly profile: string
  /** Absent of a decision that was made at no node. */
  readonly node?: string
  readonly image: FleetImage
  readonly entries: number
  readonly decided: readonly DecidedEntry[]
  readonly connections: readonly PublishedConnection[]
}

interface DecidedEntry {
  readonly id: string
  readonly text: string
  readonly decision: Pick<Decision, 'kind' | 'by' | 'at' | 'reason'>
}

export function knownSlice(
  {
    image,
    node,
    entries,
    ...head
  }: SliceHead &
    Pick<Published, 'entries'> & { readonly image: FleetImage; readonly node?: string },
  texts: Interned,
): KnownSlice {
  const decided = entries.flatMap(({ id, object: what, decision }) => {
    if (decision === undefined) return []
    const { kind, by, at, reason } = decision
    const kept = { kind, by, at, ...(reason === undefined ? {} : { reason }) }
    return [{ id, text: objectLine(what), decision: kept }]
  })
  return {
    profile: profileName(image),
    ...(node === undefined ? {} : { node }),
    image,
    entries: entries.length,
    decided,
    connections: publishedConnections(entries, texts),
    ...headIn(head),
  }
}

/** The slices of a fleet by profile and by node, and when each profile changed last. */
export class KnownSlices {
  readonly #onChange: () => void
  readonly #slicesOf = new Map<string, Set<KnownSlice>>()
  readonly #slicesAt = new Map<string, Set<KnownSlice>>()
  /** Of each profile, when it or its slices changed last, as {@link revision}. */
  readonly #changedAt = new Map<string, number>()
  /** Rises with each change. */
  revision = 0

  constructor(onChange: () => void) {
    this.#onChange = onChange
  }

  /** Something of the fleet changed, of that profile where there is one. */
  changed(profile?: string): void {
    this.revision += 1
    if (profile !== undefined) this.#changedAt.set(profile, this.revision)
    this.#onChange()
  }

  /** The profile is there no more. */
  gone(profile: string): void {
    this.changed()
    this.#changedAt.delete(profile)
  }

  put(slice: KnownSlice, before: KnownSlice | undefined): void {
    if (before !== undefined) this.#without(before)
    add(this.#slicesOf, slice.profile, slice)
    if (slice.node !== undefined) add(this.#slicesAt, slice.node, slice)
    this.changed(slice.profile)
  }

  remove(slice: KnownSlice): void {
    this.#without(slice)
    this.changed(slice.profile)
  }

  of(profile: string): Iterable<KnownSlice> {
    return this.#slicesOf.get(profile) ?? []
  }

  /** That have slices. */
  nodes(): Iterable<string> {
    return this.#slicesAt.keys()
  }

  changedAt(profile: string): number {
    return this.#changedAt.get(profile) ?? 0
  }

  published(node: string): { readonly images: number; readonly learned: number } {
    const [images, learned] = [new Set<string>(), new Set<string>()]
    for (const { profile, learnedAt } of this.#slicesAt.get(node) ?? []) {
      images.add(profile)
      if (learnedAt !== undefined) learned.add(profile)
    }
    return { images: images.size, learned: learned.size }
  }

  #without(slice: KnownSlice): void {
    take(this.#slicesOf, slice.profile, slice)
    if (slice.node !== undefined) take(this.#slicesAt, slice.node, slice)
  }
}

function add(map: Map<string, Set<KnownSlice>>, name: string, slice: KnownSlice): void {
  const known = map.get(name)
  if (known === undefined) map.set(name, new Set([slice]))
  else known.add(slice)
}

function take(map: Map<string, Set<KnownSlice>>, name: string, slice: KnownSlice): void {
  const known = map.get(name)
  known?.delete(slice)
  if (known?.size === 0) map.delete(name)
}
