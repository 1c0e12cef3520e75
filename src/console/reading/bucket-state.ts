import type { ModeDecision } from '../../core/lifecycle/mode-decision.ts'
import { SnugError } from '../../errors.ts'
import type { NatsAccess } from '../../support/config/nats-access.ts'
import { type FleetImage, profileName, shortHash } from '../../fleet/fleet-image.ts'
import type { Condition } from '../../fleet/kubernetes/fleet-objects.ts'
import { FleetBucket } from '../../fleet/nats/fleet-bucket.ts'
import { decisionKey, modeSubject } from '../../fleet/nats/fleet-keys.ts'
import { type FleetValue, type SharedDecision, subjectOf } from '../../fleet/nats/fleet-values.ts'
import type { FleetSlice } from '../../fleet/slices/fleet-slices.ts'
import { authorOf, BucketDecisions, consoleNode, type EvidenceOptions } from './bucket-decisions.ts'
import type {
  ConsoleFleet,
  ImageDecision,
  KnownNode,
  KnownProfile,
  WrittenDecision,
} from './console-fleet.ts'
import { Interned } from './interned.ts'
import { type KnownSlice, knownSlice, KnownSlices } from './known-slices.ts'

export interface BucketStateOptions extends EvidenceOptions {
  readonly access: NatsAccess
  readonly bucket: string
  readonly onChange: () => void
  readonly onError: (what: string, error: unknown) => void
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

/** What the bucket has of one version. */
interface Version {
  readonly image: FleetImage
  readonly slices: Map<string, FleetSlice>
  readonly known: Map<string, KnownSlice>
  /** Keys of decisions. */
  readonly decisions: Set<string>
  /** When the first of it was seen, as RFC 3339. */
  since: string
  profile: KnownProfile | undefined
}

/** The fleet as a bucket of NATS has it: a version is known by its slices and decisions, and a node by those too. */
export class BucketState implements ConsoleFleet {
  readonly store = 'nats'
  readonly #now: () => number
  readonly #bucket: FleetBucket
  readonly #known: KnownSlices
  readonly #decisions: BucketDecisions
  readonly #versions = new Map<string, Version>()
  readonly #texts = new Interned()
  #decided: () => void = () => undefined

  constructor(options: BucketStateOptions) {
    this.#now = options.now ?? Date.now
    const { access, bucket, onChange, onError } = options
    this.#known = new KnownSlices(onChange)
    this.#bucket = new FleetBucket({
      access,
      bucket,
      now: this.#now,
      onValue: (value, key) => this.#came(value, key),
      onGone: (value, key) => this.#went(value, key),
      onListed: () => {
        this.#decided()
        this.#known.changed()
      },
      onState: (fault) => {
        if (fault !== undefined) this.#decided()
        this.#known.changed()
      },
      onError,
    })
    const { waiting, evidence } = options
    this.#decisions = new BucketDecisions({
      bucket: this.#bucket,
      now: this.#now,
      waiting,
      evidence,
    })
  }

  async start(signal: AbortSignal): Promise<void> {
    await new Promise<void>((decided) => {
      this.#decided = decided
      void this.#bucket.run(signal)
    })
  }

  get listed(): boolean {
    return this.#bucket.listed
  }

  get faults(): readonly string[] {
    const { unread, ignored } = this.#bucket
    return [unread, ignored].filter((fault) => fault !== undefined)
  }

  get revision(): number {
    return this.#known.revision
  }

  *profiles(): Iterable<KnownProfile> {
    for (const [name, version] of this.#versions) yield this.#profileOf(name, version)
  }

  profile(name: string): KnownProfile | undefined {
    const version = this.#versions.get(name)
    return version && this.#profileOf(name, version)
  }

  slices(profile: string): Iterable<KnownSlice> {
    return this.#known.of(profile)
  }

  decisions(profile: string): Iterable<KnownSlice> {
    const version = this.#versions.get(profile)
    if (version === undefined) return []
    return this.#bucket.decisions.of(version.image).map((decision) => {
      const { image, node, entry, mode } = decision
      const content = { entries: entry === undefined ? [] : [entry], ...(mode && { mode }) }
      const where = isOfConsole(decision) ? {} : { node }
      return knownSlice({ image, ...content, ...where }, this.#texts)
    })
  }

  changedAt(profile: string): number {
    return this.#known.changedAt(profile)
  }

  published(node: string): { readonly images: number; readonly learned: number } {
    return this.#known.published(node)
  }

  /** Those that published something, or where someone decided. */
  nodes(): Iterable<KnownNode> {
    const names = new Set(this.#known.nodes())
    for (const { image } of this.#versions.values())
      for (const decision of this.#bucket.decisions.of(image))
        if (!isOfConsole(decision)) names.add(decision.node)
    return [...names].map((name) => ({ name, linux: true }))
  }

  /** The watch does not bring what was written here. */
  #written(profile: string, version: Version): void {
    for (const decision of this.#bucket.decisions.of(version.image))
      version.decisions.add(decisionKey(version.image, subjectOf(decision)))
    version.profile = undefined
    this.#known.changed(profile)
  }

  #came(value: FleetValue, key: string): void {
    const image = value.kind === 'slice' ? value.slice.image : value.decision.image
    const name = profileName(image)
    const since = sinceOf(value) ?? new Date(this.#now()).toISOString()
    const version = this.#versions.get(name) ?? newVersion(image, since)
    this.#versions.set(name, version)
    if (since < version.since) version.since = since
    version.profile = undefined
    if (value.kind === 'decision') {
      version.decisions.add(key)
      this.#known.changed(name)
      return
    }
    const { head, ...slice } = value.slice
    const known = knownSlice({ ...slice, ...head }, this.#texts)
    const before = version.known.get(key)
    version.slices.set(key, value.slice)
    version.known.set(key, known)
    this.#known.put(known, before)
  }

  #went(value: FleetValue, key: string): void {
    const name = profileName(value.kind === 'slice' ? value.slice.image : value.decision.image)
    const version = this.#versions.get(name)
    if (version === undefined) return
    const known = version.known.get(key)
    version.decisions.delete(key)
    version.slices.delete(key)
    version.known.delete(key)
    version.profile = undefined
    if (known !== undefined) this.#known.remove(known)
    if (version.decisions.size + version.slices.size > 0) this.#known.changed(name)
    else {
      this.#versions.delete(name)
      this.#known.gone(name)
    }
  }

  /** Errors: PROFILE_UNKNOWN, and those of {@link BucketDecisions.decide}. */
  async decide(decision: ImageDecision): Promise<WrittenDecision> {
    const { profile } = decision
    const version = this.#versions.get(profile)
    if (version === undefined) throw new SnugError('PROFILE_UNKNOWN', `no profile \`${profile}\``)
    const { image, slices } = version
    const revision = (): string => this.#profileOf(profile, version).revision
    let behaviours: number | undefined
    try {
      behaviours = await this.#decisions.decide(decision, { image, slices, revision })
    } finally {
      this.#written(profile, version)
    }
    return { revision: revision(), ...(behaviours === undefined ? {} : { behaviours }) }
  }

  #profileOf(name: string, version: Version): KnownProfile {
    version.profile ??= this.#made(name, version)
    return version.profile
  }

  #made(name: string, { image, known, since }: Version): KnownProfile {
    const standing = new Map(
      this.#bucket.decisions.of(image).map((decision) => [subjectOf(decision), decision]),
    )
    const { mode } = standing.get(modeSubject) ?? {}
    const slices = [...known.values()]
    const isLearned = slices.some(({ learnedAt }) => learnedAt !== undefined)
    const behaviours = slices.reduce((sum, { entries }) => sum + entries, 0)
    return {
      name,
      image,
      createdAt: since,
      status: {
        state: stateOf(mode?.mode, isLearned),
        mode: mode?.mode ?? 'learn',
        behaviours,
        conditions: [condition(mode, isLearned)],
      },
      decision: { image, generation: 0, isGit: false, decisions: [], holds: [], closings: [] },
      ...(mode === undefined ? {} : { mode }),
      holds: this.#bucket.decisions.holds(image),
      closings: this.#bucket.decisions.closings(image),
      revision: this.#revisionOf(image, standing.keys()),
      isDecided: (behaviour) =>
        isForAll(standing.get(behaviour), new Date(this.#now()).toISOString()),
    }
  }

  /** Equal for equal decisions, at each replica. */
  #revisionOf(image: FleetImage, subjects: Iterable<string>): string {
    const keys = [...subjects].map((subject) => decisionKey(image, subject)).sort()
    return shortHash(keys.map((key) => `${key} ${this.#bucket.revision(key)}`).join('\n'))
  }
}

function newVersion(image: FleetImage, since: string): Version {
  return {
    image,
    slices: new Map(),
    known: new Map(),
    decisions: new Set(),
    since,
    profile: undefined,
  }
}

/** It was made at no node. */
function isOfConsole(decision: SharedDecision): boolean {
  const { by = '' } = authorOf(decision) ?? {}
  return decision.node === consoleNode && by.startsWith(`${consoleNode}:`)
}

function sinceOf(value: FleetValue): string | undefined {
  const times =
    value.kind === 'slice'
      ? value.slice.entries.flatMap(({ cells }) => cells.map(({ first }) => first))
      : [authorOf(value.decision)?.at]
  const known = times.filter((time) => time !== undefined).map((time) => Date.parse(time))
  const firstMs = known.reduce((a, b) => Math.min(a, b), Infinity)
  return firstMs === Infinity ? undefined : new Date(firstMs).toISOString()
}

/** Nodes do not share the state that they are in: it follows from the mode, and from a window that has ended. */
function stateOf(mode: string | undefined, isLearned: boolean): string {
  if (mode === 'learn') return 'learning'
  if (mode !== undefined) return 'enforced'
  return isLearned ? 'learned' : 'learning'
}

/** Why it is in that state. */
function condition(mode: ModeDecision | undefined, isLearned: boolean): Condition {
  const message =
    mode !== undefined
      ? `set by ${mode.by}`
      : isLearned
        ? 'a learning window has ended: each agent goes on as its configuration has it'
        : 'no learning window has ended yet'
  const status = isLearned ? 'True' : 'False'
  return { type: 'Learned', status, reason: 'Published', message, lastTransitionTime: '' }
}

/** Whether it holds now for each user and workload. */
function isForAll(stands: SharedDecision | undefined, now: string): boolean {
  const decision = stands?.entry?.decision
  if (decision === undefined || decision.kind === 'withdrawn') return false
  const { until, onlyUid, onlyWorkload } = decision
  return onlyUid === undefined && onlyWorkload === undefined && (until === undefined || until > now)
}
