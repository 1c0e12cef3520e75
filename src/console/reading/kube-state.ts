import { SnugError } from '../../errors.ts'
import type { KubeApi } from '../../fleet/kubernetes/api.ts'
import { clearError } from '../../fleet/kubernetes/clear-error.ts'
import { Collection } from '../../fleet/kubernetes/collection.ts'
import { decideProfile } from '../../fleet/kubernetes/decide.ts'
import { agentLabel, fleetRoot, type ImageProfile } from '../../fleet/kubernetes/fleet-objects.ts'
import { parseImageProfile, parseSlice } from '../../fleet/kubernetes/fleet-schema.ts'
import type { KubeObject } from '../../fleet/kubernetes/object.ts'
import type { Pod } from '../../fleet/kubernetes/pod.ts'
import {
  approving,
  closing,
  holding,
  rejecting,
  releasing,
  settingMode,
  type SpecChange,
} from '../../fleet/kubernetes/spec-change.ts'
import { specDecisionOf } from '../../fleet/kubernetes/spec-decision.ts'
import type {
  ConsoleFleet,
  ImageDecision,
  KnownAgent,
  KnownNode,
  KnownProfile,
  WrittenDecision,
} from './console-fleet.ts'
import { Interned } from './interned.ts'
import { type KnownSlice, knownSlice, KnownSlices } from './known-slices.ts'

export interface KubeStateOptions {
  readonly api: KubeApi
  /** Of Snug's agents. */
  readonly namespace: string
  readonly onChange: () => void
  readonly onError: (what: string, error: unknown) => void
  readonly now?: () => number
}

/** The fleet as the API server has it, by list and watch: of each object only what the console shows. */
export class KubeState implements ConsoleFleet {
  readonly store = 'kubernetes'
  readonly #api: KubeApi
  readonly #profiles: Collection<KnownProfile>
  readonly #slices: Collection<KnownSlice>
  readonly #nodes: Collection<KnownNode>
  readonly #agents: Collection<KnownAgent>
  readonly #byName = new Map<string, KnownProfile>()
  readonly #known: KnownSlices
  readonly #texts = new Interned()

  constructor(options: KubeStateOptions) {
    const { api, namespace, onError, now = Date.now } = options
    this.#api = api
    const known = new KnownSlices(options.onChange)
    this.#known = known
    const onListed = (): void => known.changed()
    this.#profiles = new Collection<KnownProfile>({
      api,
      path: `${fleetRoot}/imageprofiles`,
      inPages: true,
      take: (object, onLater) => knownProfile(parseImageProfile(object, now(), onLater)),
      onInvalid: (name, error) => onError(`imageprofile ${name}`, error),
      onPut: (profile) => {
        this.#byName.set(profile.name, profile)
        known.changed(profile.name)
      },
      onRemoved: ({ name }) => {
        this.#byName.delete(name)
        known.gone(name)
      },
      onListed,
    })
    this.#slices = new Collection<KnownSlice>({
      api,
      path: `${fleetRoot}/profileslices`,
      inPages: true,
      take: (object, onLater) => knownSlice(parseSlice(object, now(), onLater), this.#texts),
      onInvalid: (name, error) => onError(`profileslice ${name}`, error),
      onPut: (slice, _, before) => known.put(slice, before),
      onRemoved: (slice) => known.remove(slice),
      onListed,
    })
    this.#nodes = new Collection<KnownNode>({
      api,
      path: '/api/v1/nodes',
      inPages: true,
      take: knownNode,
      onPut: (node, _, before) => {
        // The kubelet writes the object every few minutes.
        if (node.linux !== before?.linux) known.changed()
      },
      onRemoved: () => known.changed(),
      onListed,
    })
    this.#agents = new Collection<KnownAgent>({
      api,
      path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`,
      query: { labelSelector: agentLabel },
      inPages: true,
      take: knownAgent,
      onPut: (agent, _, before) => {
        if (JSON.stringify(agent) !== JSON.stringify(before)) known.changed()
      },
      onRemoved: () => known.changed(),
      onListed,
    })
  }

  async start(signal: AbortSignal): Promise<void> {
    await Promise.all(
      this.#all.map((each) => new Promise<void>((decided) => void each.run(signal, decided))),
    )
  }

  get listed(): boolean {
    return this.#all.every(({ listed }) => listed)
  }

  get faults(): readonly string[] {
    const reasons = this.#all.flatMap(({ state }) =>
      state.kind === 'degraded' ? [`the API server: ${state.reason}`] : [],
    )
    const ignored = this.#profiles.invalid.size + this.#slices.invalid.size
    const [first] = [...this.#profiles.invalid.values(), ...this.#slices.invalid.values()]
    if (first === undefined) return [...new Set(reasons)]
    const others = ignored === 1 ? '' : `, and ${ignored - 1} more`
    const what = `an object of the fleet, or a part of it, is ignored: ${first}`
    return [...new Set(reasons), `${what} (KUBE_OBJECT_INVALID)${others}`]
  }

  get revision(): number {
    return this.#known.revision
  }

  profiles(): Iterable<KnownProfile> {
    return this.#byName.values()
  }

  profile(name: string): KnownProfile | undefined {
    return this.#byName.get(name)
  }

  slices(profile: string): Iterable<KnownSlice> {
    return this.#known.of(profile)
  }

  /** They are in the objects and in the slices. */
  decisions(): Iterable<KnownSlice> {
    return []
  }

  changedAt(profile: string): number {
    return this.#known.changedAt(profile)
  }

  published(node: string): { readonly images: number; readonly learned: number } {
    return this.#known.published(node)
  }

  nodes(): Iterable<KnownNode> {
    return this.#nodes.items.values()
  }

  agents(): Iterable<KnownAgent> {
    return this.#agents.items.values()
  }

  /** Errors: REVISION_STALE, PROFILE_OF_GIT, and those of `clearError`. */
  async decide(
    { profile: name, change, author, revision }: ImageDecision,
    signal: AbortSignal,
  ): Promise<WrittenDecision> {
    const check = (now: ImageProfile): void => {
      if (revision !== undefined && revisionOf(now) !== revision)
        throw new SnugError('REVISION_STALE', 'this image changed after you read it')
    }
    try {
      const allowsNothing = ['hold', 'release-hold', 'close'].includes(change.kind)
      const decision = { name, change: specChange(change), author, allowsNothing, check }
      const changed = await decideProfile(this.#api, decision, signal)
      // The watch brings the object a moment later.
      return { revision: revisionOf(changed) }
    } catch (error) {
      throw clearError(error)
    }
  }

  get #all(): readonly Collection<unknown>[] {
    return [this.#profiles, this.#slices, this.#nodes, this.#agents] as Collection<unknown>[]
  }
}

function specChange(change: ImageDecision['change']): SpecChange {
  switch (change.kind) {
    case 'approve':
      return approving(change)
    case 'reject':
      return rejecting(change.behaviours)
    case 'mode':
      return settingMode(change.mode)
    case 'hold':
      return holding(change.hold)
    case 'release-hold':
      return releasing(change.id, change.reason)
    case 'close':
      return closing(change.closing)
  }
}

function revisionOf({ metadata }: ImageProfile): string {
  return String(metadata.generation ?? 0)
}

export function knownProfile(profile: ImageProfile): KnownProfile {
  const { metadata, spec, status } = profile
  const decision = specDecisionOf(profile)
  const { mode, decisions } = decision
  const actions = new Map(decisions.map(({ behaviour, action }) => [behaviour, action]))
  return {
    name: metadata.name,
    image: spec.image,
    createdAt: metadata.creationTimestamp ?? '',
    status,
    decision,
    ...(mode === undefined ? {} : { mode }),
    holds: decision.holds,
    closings: decision.closings,
    revision: revisionOf(profile),
    isDecided: (behaviour, isQuarantined) => {
      const action = actions.get(behaviour)
      return action !== undefined && !(isQuarantined && action === 'approve')
    },
  }
}

function knownNode({ metadata: { name, labels = {} } }: KubeObject): KnownNode {
  return { name, linux: (labels['kubernetes.io/os'] ?? 'linux') === 'linux' }
}

function knownAgent(object: KubeObject): KnownAgent | undefined {
  const { spec, status, metadata } = object as Pod
  if (spec.nodeName === undefined) return undefined
  const ready = (status?.conditions ?? []).some(
    ({ type, status: is }) => type === 'Ready' && is === 'True',
  )
  return { node: spec.nodeName, ready, startedAt: metadata.creationTimestamp ?? '' }
}
