import { CustomObjectsApi, PatchStrategy, setHeaderOptions } from '@kubernetes/client-node'
import { describeError } from '../../errors.ts'
import type { ModeDecision } from '../../core/lifecycle/mode-decision.ts'
import type { ProfileEntry } from '../../core/profile/profile-entry.ts'
import { isReported } from '../../core/behaviour/shared-form.ts'
import { Backoff } from '../../support/backoff.ts'
import { Pace } from '../../support/pace.ts'
import { asked, type KubeApi } from './api.ts'
import { Collection } from './collection.ts'
import {
  type Condition,
  type FleetImage,
  fleetGroup,
  fleetRoot,
  fleetVersion,
  type ImageProfile,
  type ImageProfileStatus,
  pageOf,
  profileName,
  profileObject,
  type ProfileSlice,
  sliceName,
  sliceObject,
} from './fleet-objects.ts'
import { askedMs, hasAnswered, kubeBackoff } from './kube-error.ts'
import { parseImageProfile, parseSlice } from './fleet-schema.ts'
import { type SpecDecision, specDecisionOf } from './spec-decision.ts'
import type { KubeObject } from './object.ts'
import type { PublishedScopes } from '../../state/versions/version-registry.ts'
import { ScopeIndex } from './scope-index.ts'
import { SlicePages } from './slice-pages.ts'
import { isWorthWriting, nextHead, type SliceHead } from './slice-head.ts'

/** What a node publishes for one version. */
export interface Contribution extends SliceHead {
  readonly image: FleetImage
  readonly entries: readonly ProfileEntry[]
  readonly summary: Pick<ImageProfileStatus, 'state' | 'mode' | 'behaviours' | 'pending'> & {
    readonly because: string
  }
}

export interface KubeFleetOptions {
  readonly api: KubeApi
  readonly node: string
  /** Other nodes published something for this version. */
  readonly onEntries: (image: FleetImage) => void
  readonly onSpecDecision: (decision: SpecDecision) => void
  /** The object was deleted, and its decisions with it. */
  readonly onSpecDecisionGone: (image: FleetImage) => void
  readonly onError?: (what: string, error: unknown) => void
  readonly now?: () => number
}

const profilesKind = { group: fleetGroup, version: fleetVersion, plural: 'imageprofiles' }
const slicesKind = { group: fleetGroup, version: fleetVersion, plural: 'profileslices' }

/** A decision on the mode, and the node that published it. */
export type PublishedMode = ModeDecision & { readonly node: string }

interface SliceView {
  readonly image: FleetImage
  readonly node: string
  readonly name: string
  readonly resourceVersion: string
  readonly head: SliceHead
  readonly entries: readonly ProfileEntry[]
}

/**
 * The fleet's profiles in the API server: an `ImageProfile` for each version, which people edit, and slices beside it,
 * each written by one node only. No node writes what another one wrote, so writes cannot conflict and lose data. The
 * slices add up by law 8.
 */
export class KubeFleet {
  readonly #options: KubeFleetOptions
  readonly #now: () => number
  readonly #objects: CustomObjectsApi
  readonly #profiles: Collection<ImageProfile>
  readonly #slices: Collection<SliceView>
  /** Profile name → slices of other nodes. */
  readonly #others = new Map<string, Map<string, SliceView>>()
  readonly #scopes = new ScopeIndex()
  readonly #books = new Map<string, SlicePages>()
  /** Own slices: name → the version that the server has. */
  readonly #written = new Map<string, string>()
  /** Pages of own slices that the server does not have yet. */
  readonly #owed = new Map<string, Set<number>>()
  /** The heads of this node's slices, as the server has them. */
  readonly #writtenHeads = new Map<string, SliceHead>()
  /** Profile name → why this node could not publish it. */
  readonly #untold = new Map<string, string>()
  readonly #backoff = new Backoff(kubeBackoff)
  #notBefore = 0
  writes = 0

  constructor(options: KubeFleetOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
    const { api, onSpecDecision, onSpecDecisionGone } = options
    this.#objects = api.client(CustomObjectsApi)
    this.#profiles = new Collection<ImageProfile>({
      api,
      path: `${fleetRoot}/imageprofiles`,
      take: (object) => parseImageProfile(object, this.#now()),
      onInvalid: (name, error) => options.onError?.(`imageprofile ${name}`, error),
      onPut: (profile, _, before) => {
        if (profile.metadata.generation !== before?.metadata.generation)
          onSpecDecision(specDecisionOf(profile))
      },
      onRemoved: ({ spec }) => onSpecDecisionGone(spec.image),
    })
    this.#slices = new Collection<SliceView>({
      api,
      path: `${fleetRoot}/profileslices`,
      take: (object) => viewOf(parseSlice(object, this.#now())),
      onInvalid: (name, error) => options.onError?.(`profileslice ${name}`, error),
      onPut: (slice, _, before) => this.#sliceCame(slice, before),
      onRemoved: (slice) => this.#sliceWent(slice),
    })
  }

  /** Runs until the signal aborts. The promise resolves once both collections were listed, or the listing failed. */
  async start(signal: AbortSignal): Promise<void> {
    const listed = [this.#profiles, this.#slices].map(
      (each) => new Promise<void>((decided) => void each.run(signal, decided)),
    )
    await Promise.all(listed)
  }

  /**
   * Whether the slices of other nodes are listed. Nothing is published before that, so that nothing is published twice.
   */
  get ready(): boolean {
    return this.#profiles.listed && this.#slices.listed
  }

  /** Why reading or publishing fails; undefined if both work. */
  get fault(): string | undefined {
    for (const { state } of [this.#profiles, this.#slices]) {
      if (state.kind === 'degraded') return state.reason
    }
    return [...this.#untold.values()][0] ?? this.#invalidObject
  }

  get #invalidObject(): string | undefined {
    const [first, ...more] = [...this.#profiles.invalid.values(), ...this.#slices.invalid.values()]
    if (first === undefined) return undefined
    const others = more.length === 0 ? '' : `, and ${more.length} more`
    return `an object of the fleet is ignored: ${first} (KUBE_OBJECT_INVALID)${others}`
  }

  /** Whether both watches are running, so that the view of the fleet is current. */
  get current(): boolean {
    const states = [this.#profiles, this.#slices].map(({ state }) => state.kind)
    return this.ready && states.every((kind) => kind === 'running')
  }

  /** What other nodes published for the version. */
  entries(image: FleetImage): readonly ProfileEntry[] {
    return this.#of(image).flatMap(({ entries }) => entries)
  }

  /** The same by node: each may only publish what it learned and what was decided there. */
  published(image: FleetImage): Iterable<Pick<SliceView, 'node' | 'entries'>> {
    return this.#of(image)
  }

  /** What other nodes published of the image in scopes whose window has ended on one of them. */
  scopes(image: FleetImage): PublishedScopes {
    return this.#scopes.of(image)
  }

  /** The first node whose window ended with nothing missing. */
  learned(image: FleetImage): { readonly node: string; readonly at: string } | undefined {
    let first: { node: string; at: string } | undefined
    for (const { node, head } of this.#of(image)) {
      const { learnedAt } = head
      if (learnedAt !== undefined && (first === undefined || learnedAt < first.at)) {
        first = { node, at: learnedAt }
      }
    }
    return first
  }

  /** Decisions on the mode at any node; for this node, those that it published before its data was lost. */
  modeDecisions(image: FleetImage): readonly PublishedMode[] {
    const { node } = this.#options
    return [...this.#of(image), { node, head: this.#writtenHead(image) }].flatMap(
      ({ node: from, head: { mode } }) => (mode === undefined ? [] : { ...mode, node: from }),
    )
  }

  /**
   * Publishes what the fleet does not have for this version yet: one write for each slice that changes, none without
   * news. False if the server was not available or asked for patience; the caller tries again later.
   */
  async publish(contribution: Contribution): Promise<boolean> {
    if (!this.ready || this.#now() < this.#notBefore) return false
    const { image } = contribution
    try {
      const name = profileName(image)
      const others = byId(this.entries(image))
      const slices = this.#pagesOf(name)
      const pages = new Set<number>()
      const pace = new Pace()
      for (const entry of contribution.entries) {
        if (pace.isOver) await pace.turn()
        if (!slices.has(entry.id) && isReported(entry, others.get(entry.id) ?? [])) continue
        for (const page of slices.put([entry])) pages.add(page)
      }
      const head = nextHead(contribution, this.#writtenHead(image))
      const othersLearned = this.learned(image) !== undefined
      if (isWorthWriting(head, this.#writtenHead(image), othersLearned)) pages.add(0)
      for (const page of this.#unwritten(name, pages)) {
        await this.#write(image, slices, page, page === 0 ? head : {})
      }
      await this.#writeStatus(contribution)
      this.#backoff.reset()
      this.#untold.delete(profileName(image))
      return true
    } catch (error) {
      // A slice that another version replaced on the server is written the next time.
      if (!hasAnswered(error, 404, 409)) {
        const reason = `cannot report ${image.repository}: ${describeError(error)}`
        this.#untold.set(profileName(image), reason)
      }
      this.#notBefore = this.#now() + this.#backoff.next(askedMs(error))
      this.#options.onError?.(`report of ${image.repository} to the fleet`, error)
      return false
    }
  }

  /** Includes the pages that could not be written before. */
  #unwritten(name: string, pages: ReadonlySet<number>): readonly number[] {
    const owed = this.#owed.get(name) ?? new Set<number>()
    for (const page of pages) owed.add(page)
    this.#owed.set(name, owed)
    return [...owed].sort((a, b) => a - b)
  }

  async #write(
    image: FleetImage,
    slices: SlicePages,
    page: number,
    head: SliceHead,
  ): Promise<void> {
    const { node } = this.#options
    const profile = profileName(image)
    const owner = await this.#profileOf(image)
    const name = sliceName(image, node, page)
    const content = { entries: slices.page(page), ...head }
    const known = this.#written.get(name)
    const body = sliceObject(image, node, page, owner, content, known)
    const objects = this.#objects
    this.writes += 1
    let stored: unknown
    try {
      stored = await asked(
        known === undefined
          ? objects.createClusterCustomObject({ ...slicesKind, body })
          : objects.replaceClusterCustomObject({ ...slicesKind, name, body }),
      )
    } catch (error) {
      // The stored version differs from the known one, or is missing. The slice is still ours; read it before the next
      // write.
      if (hasAnswered(error, 404)) this.#written.delete(name)
      if (hasAnswered(error, 409)) await this.#readAgain(name)
      throw error
    }
    this.#written.set(name, (stored as KubeObject).metadata.resourceVersion)
    this.#owed.get(profile)?.delete(page)
    if (page === 0) this.#writtenHeads.set(profile, head)
  }

  async #readAgain(name: string): Promise<void> {
    const read = this.#objects.getClusterCustomObject({ ...slicesKind, name })
    const { metadata } = (await asked(read)) as KubeObject
    this.#written.set(name, metadata.resourceVersion)
  }

  /** The profile that owns the slices; the first node that publishes something creates it. */
  async #profileOf(image: FleetImage): Promise<KubeObject> {
    const name = profileName(image)
    const known = this.#profile(name)
    if (known !== undefined) return known
    const objects = this.#objects
    try {
      this.writes += 1
      const body = profileObject(image)
      const made = objects.createClusterCustomObject({ ...profilesKind, body })
      return (await asked(made)) as KubeObject
    } catch (error) {
      if (!hasAnswered(error, 409)) throw error
      const read = objects.getClusterCustomObject({ ...profilesKind, name })
      return (await asked(read)) as KubeObject
    }
  }

  #profile(name: string): ImageProfile | undefined {
    for (const profile of this.#profiles.items.values()) {
      if (profile.metadata.name === name) return profile
    }
    return undefined
  }

  /** One node writes the status, by a rule that all nodes share: the first by name among those with slices. */
  async #writeStatus({ image, summary }: Contribution): Promise<void> {
    const { node } = this.#options
    const name = profileName(image)
    const nodes = new Set([node, ...this.#of(image).map((slice) => slice.node)])
    const profile = this.#profile(name)
    if (profile === undefined || [...nodes].sort()[0] !== node) return
    const status = statusOf(summary, nodes.size, profile, new Date(this.#now()).toISOString())
    if (JSON.stringify(status) === JSON.stringify(profile.status)) return
    this.writes += 1
    const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch)
    const what = { ...profilesKind, name, body: { status } }
    await asked(this.#objects.patchClusterCustomObjectStatus(what, merge))
  }

  #of(image: FleetImage): readonly SliceView[] {
    return [...(this.#others.get(profileName(image))?.values() ?? [])]
  }

  #writtenHead(image: FleetImage): SliceHead {
    return this.#writtenHeads.get(profileName(image)) ?? {}
  }

  #pagesOf(name: string): SlicePages {
    const slices = this.#books.get(name) ?? new SlicePages()
    this.#books.set(name, slices)
    return slices
  }

  #sliceCame(slice: SliceView, before: SliceView | undefined): void {
    const name = profileName(slice.image)
    if (slice.node !== this.#options.node) {
      this.#scopes.came(slice)
      const others = this.#others.get(name) ?? new Map<string, SliceView>()
      others.set(slice.name, slice)
      this.#others.set(name, others)
      this.#options.onEntries(slice.image)
      return
    }
    // Our own, from before a restart: entries keep their page.
    if (before === undefined && !this.#written.has(slice.name)) {
      const page = pageOf(slice.name, slice.image, slice.node) ?? 0
      this.#pagesOf(name).restore(page, slice.entries)
      if (page === 0) this.#writtenHeads.set(name, slice.head)
    }
    this.#written.set(slice.name, slice.resourceVersion)
  }

  #sliceWent(slice: SliceView): void {
    const name = profileName(slice.image)
    this.#others.get(name)?.delete(slice.name)
    this.#scopes.went(slice)
    if (slice.node !== this.#options.node) return
    // The profile was deleted, so the fleet forgets it. This node publishes again what it still has.
    this.#written.delete(slice.name)
    this.#books.delete(name)
    this.#writtenHeads.delete(name)
  }
}

function viewOf({ metadata, image, node, entries, learnedAt, mode }: ProfileSlice): SliceView {
  const { name, resourceVersion } = metadata
  const head = {
    ...(learnedAt === undefined ? {} : { learnedAt }),
    ...(mode === undefined ? {} : { mode }),
  }
  return { image, node, name, resourceVersion, entries: entries ?? [], head }
}

function byId(entries: readonly ProfileEntry[]): ReadonlyMap<string, readonly ProfileEntry[]> {
  const map = new Map<string, ProfileEntry[]>()
  for (const entry of entries) map.set(entry.id, [...(map.get(entry.id) ?? []), entry])
  return map
}

function statusOf(
  { because, ...summary }: Contribution['summary'],
  nodes: number,
  { status, metadata }: ImageProfile,
  now: string,
): ImageProfileStatus {
  const learned = summary.state === 'learning' ? 'False' : 'True'
  const before = status?.conditions?.find(({ type }) => type === 'Learned')
  const condition: Condition = {
    type: 'Learned',
    status: learned,
    reason: learned === 'True' ? 'WindowEnded' : 'WindowOpen',
    // The texts change with time; they alone do not justify a write.
    message: before?.status === learned ? before.message : because,
    lastTransitionTime: before?.status === learned ? before.lastTransitionTime : now,
  }
  return {
    ...summary,
    nodes,
    observedGeneration: metadata.generation ?? 0,
    conditions: [condition],
  }
}
