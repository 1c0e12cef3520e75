import { objectLine } from '../../core/behaviour/describe.ts'
import type { ModeDecision } from '../../core/lifecycle/mode-decision.ts'
import type { Decision } from '../../core/profile/profile-entry.ts'
import type { KubeApi } from '../kubernetes/api.ts'
import { Collection } from '../kubernetes/collection.ts'
import { type FleetImage, profileName } from '../fleet-image.ts'
import { fleetRoot, type ImageProfile } from '../kubernetes/fleet-objects.ts'
import { parseImageProfile, parseSlice } from '../kubernetes/fleet-schema.ts'
import type { KubeObject } from '../kubernetes/object.ts'
import type { Pod } from '../kubernetes/pod.ts'
import { type SpecDecision, specDecisionOf } from '../kubernetes/spec-decision.ts'

import { type PublishedConnection, publishedConnections } from './allowed-connections.ts'
import { Interned } from './interned.ts'

/** An ImageProfile without what only agents need. */
export interface KnownProfile {
  readonly name: string
  readonly image: FleetImage
  readonly createdAt: string
  readonly status: ImageProfile['status']
  readonly decision: SpecDecision
}

/** A slice without its evidence. */
export interface KnownSlice {
  readonly profile: string
  readonly node: string
  readonly image: FleetImage
  readonly entries: number
  readonly learnedAt?: string
  readonly mode?: ModeDecision
  readonly decided: readonly DecidedEntry[]
  readonly connections: readonly PublishedConnection[]
}

interface DecidedEntry {
  readonly id: string
  readonly text: string
  readonly decision: Pick<Decision, 'kind' | 'by' | 'at' | 'reason'>
}

export interface KnownNode {
  readonly name: string
  /** An agent can run there. */
  readonly linux: boolean
}

/** A pod of Snug's DaemonSet. */
export interface KnownAgent {
  readonly node: string
  readonly ready: boolean
  readonly startedAt: string
}

export interface FleetStateOptions {
  readonly api: KubeApi
  /** Of Snug's agents. */
  readonly namespace: string
  readonly onChange: () => void
  readonly onError: (what: string, error: unknown) => void
  readonly now?: () => number
}

const agentLabel = 'app.kubernetes.io/component=agent'

/** The fleet as the API server has it, by list and watch: of each object only what the console shows. */
export class FleetState {
  readonly #profiles: Collection<KnownProfile>
  readonly #slices: Collection<KnownSlice>
  readonly #nodes: Collection<KnownNode>
  readonly #agents: Collection<KnownAgent>
  readonly #byName = new Map<string, KnownProfile>()
  /** By profile, and by node. */
  readonly #slicesOf = new Map<string, Set<KnownSlice>>()
  readonly #slicesAt = new Map<string, Set<KnownSlice>>()
  /** Of each profile, when it or its slices changed last, as {@link revision}. */
  readonly #changedAt = new Map<string, number>()
  readonly #texts = new Interned()
  /** Rises with each change. */
  revision = 0

  constructor(options: FleetStateOptions) {
    const { api, namespace, onError, now = Date.now } = options
    const changed = (profile?: string): void => {
      this.revision += 1
      if (profile !== undefined) this.#changedAt.set(profile, this.revision)
      options.onChange()
    }
    const onListed = (): void => changed()
    this.#profiles = new Collection<KnownProfile>({
      api,
      path: `${fleetRoot}/imageprofiles`,
      inPages: true,
      take: (object) => knownProfile(parseImageProfile(object, now())),
      onInvalid: (name, error) => onError(`imageprofile ${name}`, error),
      onPut: (profile) => {
        this.#byName.set(profile.name, profile)
        changed(profile.name)
      },
      onRemoved: ({ name }) => {
        this.#byName.delete(name)
        changed()
        this.#changedAt.delete(name)
      },
      onListed,
    })
    this.#slices = new Collection<KnownSlice>({
      api,
      path: `${fleetRoot}/profileslices`,
      inPages: true,
      take: (object) => knownSlice(object, now(), this.#texts),
      onInvalid: (name, error) => onError(`profileslice ${name}`, error),
      onPut: (slice, _, before) => {
        if (before !== undefined) this.#without(before)
        add(this.#slicesOf, slice.profile, slice)
        add(this.#slicesAt, slice.node, slice)
        changed(slice.profile)
      },
      onRemoved: (slice) => {
        this.#without(slice)
        changed(slice.profile)
      },
      onListed,
    })
    this.#nodes = new Collection<KnownNode>({
      api,
      path: '/api/v1/nodes',
      inPages: true,
      take: knownNode,
      onPut: (node, _, before) => {
        // The kubelet writes the object every few minutes.
        if (node.linux !== before?.linux) changed()
      },
      onRemoved: () => changed(),
      onListed,
    })
    this.#agents = new Collection<KnownAgent>({
      api,
      path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`,
      query: { labelSelector: agentLabel },
      inPages: true,
      take: knownAgent,
      onPut: (agent, _, before) => {
        if (JSON.stringify(agent) !== JSON.stringify(before)) changed()
      },
      onRemoved: () => changed(),
      onListed,
    })
  }

  /** Watches until the signal aborts. Resolves once each collection was listed, or its listing failed. */
  async start(signal: AbortSignal): Promise<void> {
    await Promise.all(
      this.#all.map((each) => new Promise<void>((decided) => void each.run(signal, decided))),
    )
  }

  /** Whether all of it was read at some time. */
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
    return [...new Set(reasons), `an object of the fleet is ignored: ${first}${others}`]
  }

  profiles(): Iterable<KnownProfile> {
    return this.#byName.values()
  }

  profile(name: string): KnownProfile | undefined {
    return this.#byName.get(name)
  }

  slices(profile: string): Iterable<KnownSlice> {
    return this.#slicesOf.get(profile) ?? []
  }

  /** The revision of the last change of the profile, or of what the nodes published of it. */
  changedAt(profile: string): number {
    return this.#changedAt.get(profile) ?? 0
  }

  /** Of how many image versions the node published something, and how many it has learned. */
  published(node: string): { readonly images: number; readonly learned: number } {
    const [images, learned] = [new Set<string>(), new Set<string>()]
    for (const { profile, learnedAt } of this.#slicesAt.get(node) ?? []) {
      images.add(profile)
      if (learnedAt !== undefined) learned.add(profile)
    }
    return { images: images.size, learned: learned.size }
  }

  nodes(): Iterable<KnownNode> {
    return this.#nodes.items.values()
  }

  agents(): Iterable<KnownAgent> {
    return this.#agents.items.values()
  }

  #without(slice: KnownSlice): void {
    this.#slicesOf.get(slice.profile)?.delete(slice)
    this.#slicesAt.get(slice.node)?.delete(slice)
  }

  get #all(): readonly Collection<unknown>[] {
    return [this.#profiles, this.#slices, this.#nodes, this.#agents] as Collection<unknown>[]
  }
}

function add(map: Map<string, Set<KnownSlice>>, name: string, slice: KnownSlice): void {
  const known = map.get(name)
  if (known === undefined) map.set(name, new Set([slice]))
  else known.add(slice)
}

function knownProfile(profile: ImageProfile): KnownProfile {
  const { metadata, spec, status } = profile
  return {
    name: metadata.name,
    image: spec.image,
    createdAt: metadata.creationTimestamp ?? '',
    status,
    decision: specDecisionOf(profile),
  }
}

function knownSlice(object: KubeObject, nowMs: number, texts: Interned): KnownSlice {
  const { image, node, entries, learnedAt, mode } = parseSlice(object, nowMs)
  const decided = entries.flatMap(({ id, object: what, decision }) => {
    if (decision === undefined) return []
    const { kind, by, at, reason } = decision
    const kept = { kind, by, at, ...(reason === undefined ? {} : { reason }) }
    return [{ id, text: objectLine(what), decision: kept }]
  })
  return {
    profile: profileName(image),
    node,
    image,
    entries: entries.length,
    decided,
    connections: publishedConnections(entries, texts),
    ...(learnedAt === undefined ? {} : { learnedAt }),
    ...(mode === undefined ? {} : { mode }),
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
