import { isReported } from '../../core/behaviour/shared-form.ts'
import type { ProfileEntry } from '../../core/profile/profile-entry.ts'
import type { PublishedScopes } from '../../agent/records/versions/version-registry.ts'
import { Pace } from '../../support/pace.ts'
import type { Contribution, Published, PublishedMode } from '../fleet.ts'
import { type FleetImage, profileName } from '../fleet-image.ts'
import { ScopeIndex } from './scope-index.ts'
import { isWorthWriting, nextHead, type SliceHead } from './slice-head.ts'
import { SlicePages } from './slice-pages.ts'

/** A part of one node's observations of one version. */
export interface FleetSlice extends Published {
  readonly image: FleetImage
  /** Of one slice in the fleet. */
  readonly name: string
  readonly page: number
  readonly head: SliceHead
}

/** What a node has to write of a version. */
export interface SlicePlan {
  readonly head: SliceHead
  /** Numbers of pages, in order; the head goes with page 0. */
  readonly pages: readonly number[]
}

/**
 * The slices of a fleet, each written by one node only, as this node knows them: those of the others, and the layout of
 * its own. No node writes what another one wrote, so writes cannot conflict and lose data. The slices add up by law 8.
 */
export class FleetSlices {
  readonly #node: string
  readonly #onEntries: (image: FleetImage) => void
  readonly #pageBytes: (() => number) | undefined
  /** Profile name → slices of other nodes. */
  readonly #others = new Map<string, Map<string, FleetSlice>>()
  readonly #scopes = new ScopeIndex()
  readonly #pages = new Map<string, SlicePages>()
  /** Pages of own slices that were not written yet. */
  readonly #owed = new Map<string, Set<number>>()
  /** The heads of this node's slices, as they are written. */
  readonly #heads = new Map<string, SliceHead>()

  /** @param pageBytes the most that the store takes of a page; absent: as {@link SlicePages} has it */
  constructor(node: string, onEntries: (image: FleetImage) => void, pageBytes?: () => number) {
    this.#node = node
    this.#onEntries = onEntries
    this.#pageBytes = pageBytes
  }

  /** One of another node is new or has changed. */
  came(slice: FleetSlice): void {
    const name = profileName(slice.image)
    this.#scopes.came(slice)
    const others = this.#others.get(name) ?? new Map<string, FleetSlice>()
    others.set(slice.name, slice)
    this.#others.set(name, others)
    this.#onEntries(slice.image)
  }

  /** One of this node, from before a restart: entries keep their page. */
  restore({ image, page, entries, head }: FleetSlice): void {
    const name = profileName(image)
    this.#pagesOf(name).restore(page, entries)
    if (page === 0) this.#heads.set(name, head)
  }

  went(slice: FleetSlice): void {
    const name = profileName(slice.image)
    this.#others.get(name)?.delete(slice.name)
    this.#scopes.went(slice)
    // Somebody removed it, so the fleet forgets it. This node publishes again what it still has.
    if (slice.node === this.#node) this.forget(slice.image)
  }

  /** All that this node has written of the version is gone. */
  forget(image: FleetImage): void {
    const name = profileName(image)
    this.#pages.delete(name)
    this.#owed.delete(name)
    this.#heads.delete(name)
  }

  /** Those of other nodes. */
  of(image: FleetImage): readonly FleetSlice[] {
    return [...(this.#others.get(profileName(image))?.values() ?? [])]
  }

  /** Nodes with slices of the version, this one too. */
  publishers(image: FleetImage): ReadonlySet<string> {
    const nodes = new Set(this.of(image).map(({ node }) => node))
    // Page 0 is written first, and the head with it.
    return this.#heads.has(profileName(image)) ? nodes.add(this.#node) : nodes
  }

  scopes(image: FleetImage): PublishedScopes {
    return this.#scopes.of(image)
  }

  learned(image: FleetImage): { readonly node: string; readonly at: string } | undefined {
    let first: { node: string; at: string } | undefined
    for (const { node, head } of this.of(image)) {
      const { learnedAt } = head
      if (learnedAt !== undefined && (first === undefined || learnedAt < first.at)) {
        first = { node, at: learnedAt }
      }
    }
    return first
  }

  modeDecisions(image: FleetImage): readonly PublishedMode[] {
    return [...this.of(image), { node: this.#node, head: this.#head(image) }].flatMap(
      ({ node: from, head: { mode } }) => (mode === undefined ? [] : { ...mode, node: from }),
    )
  }

  /** What this node has to write, with what it could not write before. */
  async plan({
    image,
    entries,
    ...news
  }: Pick<Contribution, 'image' | keyof SliceHead> & {
    readonly entries: Iterable<ProfileEntry>
  }): Promise<SlicePlan> {
    const name = profileName(image)
    const others = byId(this.of(image))
    const slices = this.#pagesOf(name)
    const owed = this.#owed.get(name) ?? new Set<number>()
    this.#owed.set(name, owed)
    for (const page of slices.shrink()) owed.add(page)
    const pace = new Pace()
    for (const entry of entries) {
      if (pace.isOver) await pace.turn()
      if (!slices.has(entry.id) && isReported(entry, others.get(entry.id) ?? [])) continue
      for (const page of slices.put([entry])) owed.add(page)
    }
    const written = this.#head(image)
    const head = nextHead(news, written)
    if (isWorthWriting(head, written, this.learned(image) !== undefined)) owed.add(0)
    return { head, pages: [...owed].sort((a, b) => a - b) }
  }

  page(image: FleetImage, page: number): readonly ProfileEntry[] {
    return this.#pagesOf(profileName(image)).page(page)
  }

  /** The page is written. `head`: of page 0. */
  wrote(image: FleetImage, page: number, head: SliceHead): void {
    const name = profileName(image)
    this.#owed.get(name)?.delete(page)
    if (page === 0) this.#heads.set(name, head)
  }

  #head(image: FleetImage): SliceHead {
    return this.#heads.get(profileName(image)) ?? {}
  }

  #pagesOf(name: string): SlicePages {
    const pages = this.#pages.get(name) ?? new SlicePages(this.#pageBytes)
    this.#pages.set(name, pages)
    return pages
  }
}

function byId(entries: readonly FleetSlice[]): ReadonlyMap<string, readonly ProfileEntry[]> {
  const map = new Map<string, ProfileEntry[]>()
  for (const entry of entries.flatMap((slice) => slice.entries)) {
    const known = map.get(entry.id)
    if (known === undefined) map.set(entry.id, [entry])
    else known.push(entry)
  }
  return map
}
