import { isDeepStrictEqual } from 'node:util'
import { CustomObjectsApi, PatchStrategy, setHeaderOptions } from '@kubernetes/client-node'
import { describeError } from '../../errors.ts'
import { Backoff } from '../../support/backoff.ts'
import type { PublishedScopes } from '../../agent/records/versions/version-registry.ts'
import type { Contribution, Fleet, FleetLink, Published, PublishedMode } from '../fleet.ts'
import { type FleetImage, profileName } from '../fleet-image.ts'
import { type FleetSlice, FleetSlices } from '../slices/fleet-slices.ts'
import { headIn, type SliceHead } from '../slices/slice-head.ts'
import { asked, type KubeApi } from './api.ts'
import { Collection } from './collection.ts'
import {
  type Condition,
  fleetGroup,
  imageProfiles,
  fleetRoot,
  fleetVersion,
  type ImageProfile,
  type ImageProfileStatus,
  pageOf,
  profileObject,
  type ProfileSlice,
  sliceName,
  sliceObject,
} from './fleet-objects.ts'
import { parseImageProfile, parseSlice } from './fleet-schema.ts'
import { askedMs, hasAnswered, kubeBackoff } from './kube-error.ts'
import type { KubeObject } from './object.ts'
import { specDecisionOf } from './spec-decision.ts'
import { StatusTurn } from './status-turn.ts'

/** Decisions at a node come with its slices. */
export interface KubeFleetOptions extends Omit<FleetLink, 'onDecision'> {
  readonly api: KubeApi
  readonly node: string
  readonly now?: () => number
}

const slicesKind = { group: fleetGroup, version: fleetVersion, plural: 'profileslices' }

interface SliceView extends FleetSlice {
  readonly resourceVersion: string
}

/**
 * The fleet's profiles in the API server: an `ImageProfile` for each version, which people edit, and slices beside it,
 * each written by one node only.
 */
export class KubeFleet implements Fleet {
  readonly #options: KubeFleetOptions
  readonly #now: () => number
  readonly #objects: CustomObjectsApi
  readonly #profiles: Collection<ImageProfile>
  readonly #slices: Collection<SliceView>
  readonly #mirror: FleetSlices
  readonly #turn: StatusTurn
  /** Own slices: name → the version that the server has. */
  readonly #written = new Map<string, string>()
  /** Profile name → why this node could not publish it. */
  readonly #untold = new Map<string, string>()
  readonly #backoff = new Backoff(kubeBackoff)
  #notBefore = 0
  writes = 0

  constructor(options: KubeFleetOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
    const { api, node, onEntries, onSpecDecision, onSpecDecisionGone } = options
    this.#mirror = new FleetSlices(node, onEntries)
    this.#turn = new StatusTurn(node)
    this.#objects = api.client(CustomObjectsApi)
    this.#profiles = new Collection<ImageProfile>({
      api,
      path: `${fleetRoot}/imageprofiles`,
      take: (object, onLater) => parseImageProfile(object, this.#now(), onLater),
      onInvalid: (name, error) => options.onError?.(`imageprofile ${name}`, error),
      onPut: (profile, _, before) => {
        if (profile.metadata.generation !== before?.metadata.generation)
          onSpecDecision(specDecisionOf(profile))
      },
      onRemoved: ({ spec, metadata }) => {
        this.#turn.forget(metadata.name)
        onSpecDecisionGone(spec.image)
      },
    })
    this.#slices = new Collection<SliceView>({
      api,
      path: `${fleetRoot}/profileslices`,
      take: (object, onLater) => viewOf(parseSlice(object, this.#now(), onLater)),
      onInvalid: (name, error) => options.onError?.(`profileslice ${name}`, error),
      onPut: (slice, _, before) => this.#sliceCame(slice, before),
      onRemoved: (slice) => this.#sliceWent(slice),
    })
  }

  async start(signal: AbortSignal): Promise<void> {
    const listed = [this.#profiles, this.#slices].map(
      (each) => new Promise<void>((decided) => void each.run(signal, decided)),
    )
    await Promise.all(listed)
  }

  get ready(): boolean {
    return this.#profiles.listed && this.#slices.listed
  }

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
    return `an object of the fleet, or a part of it, is ignored: ${first} (KUBE_OBJECT_INVALID)${others}`
  }

  /** Whether both watches are running, so that the view of the fleet is current. */
  get current(): boolean {
    const states = [this.#profiles, this.#slices].map(({ state }) => state.kind)
    return this.ready && states.every((kind) => kind === 'running')
  }

  published(image: FleetImage): Iterable<Published> {
    return this.#mirror.of(image)
  }

  scopes(image: FleetImage): PublishedScopes {
    return this.#mirror.scopes(image)
  }

  learned(image: FleetImage): { readonly node: string; readonly at: string } | undefined {
    return this.#mirror.learned(image)
  }

  modeDecisions(image: FleetImage): readonly PublishedMode[] {
    return this.#mirror.modeDecisions(image)
  }

  /** One write for each slice that changes. False where the server was not available or asked for patience. */
  async publish(contribution: Contribution): Promise<boolean> {
    if (!this.ready || this.#now() < this.#notBefore) return false
    const { image } = contribution
    try {
      const { head, pages } = await this.#mirror.plan(contribution)
      for (const page of pages) await this.#write(image, page, page === 0 ? head : {})
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

  async #write(image: FleetImage, page: number, head: SliceHead): Promise<void> {
    const { node } = this.#options
    const owner = await this.#profileOf(image)
    const name = sliceName(image, node, page)
    const content = { entries: this.#mirror.page(image, page), ...head }
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
    this.#mirror.wrote(image, page, head)
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
      const made = objects.createClusterCustomObject({ ...imageProfiles, body })
      return (await asked(made)) as KubeObject
    } catch (error) {
      if (!hasAnswered(error, 409)) throw error
      const read = objects.getClusterCustomObject({ ...imageProfiles, name })
      return (await asked(read)) as KubeObject
    }
  }

  #profile(name: string): ImageProfile | undefined {
    for (const profile of this.#profiles.items.values()) {
      if (profile.metadata.name === name) return profile
    }
    return undefined
  }

  async #writeStatus({ image, summary }: Contribution): Promise<void> {
    const name = profileName(image)
    const profile = this.#profile(name)
    if (profile === undefined) return
    const nodes = this.#mirror.publishers(image)
    const status = statusOf(summary, nodes.size, profile, new Date(this.#now()).toISOString())
    if (!this.#turn.isHere(name, nodes, status, profile.status)) return
    // The API server returns keys in another order.
    if (isDeepStrictEqual(status, profile.status)) return
    this.writes += 1
    const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch)
    const what = { ...imageProfiles, name, body: { status } }
    await asked(this.#objects.patchClusterCustomObjectStatus(what, merge))
  }

  #sliceCame(slice: SliceView, before: SliceView | undefined): void {
    if (slice.node !== this.#options.node) {
      this.#mirror.came(slice)
      return
    }
    if (before === undefined && !this.#written.has(slice.name)) this.#mirror.restore(slice)
    this.#written.set(slice.name, slice.resourceVersion)
  }

  #sliceWent(slice: SliceView): void {
    this.#mirror.went(slice)
    if (slice.node === this.#options.node) this.#written.delete(slice.name)
  }
}

function viewOf({ metadata, image, node, entries, ...head }: ProfileSlice): SliceView {
  const { name, resourceVersion } = metadata
  const page = pageOf(name, image, node) ?? 0
  return { image, node, name, page, resourceVersion, entries: entries ?? [], head: headIn(head) }
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
