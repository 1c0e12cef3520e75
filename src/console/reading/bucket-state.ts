import { type Author, timeAfter } from '../../core/lifecycle/author.ts'
import { decidedBy } from '../../core/lifecycle/decided-spec.ts'
import { isOver, orderedHold, releasedHold, unknownHold } from '../../core/lifecycle/shared-hold.ts'
import type { ModeDecision } from '../../core/lifecycle/mode-decision.ts'
import { Grants } from '../../core/profile/allowance.ts'
import type { Decision, ProfileEntry } from '../../core/profile/profile-entry.ts'
import { SnugError } from '../../errors.ts'
import type { NatsAccess } from '../../support/config/nats-access.ts'
import { type FleetImage, profileName, shortHash } from '../../fleet/fleet-image.ts'
import type { Condition } from '../../fleet/kubernetes/fleet-objects.ts'
import { FleetBucket } from '../../fleet/nats/fleet-bucket.ts'
import { decisionKey, holdSubject, modeSubject } from '../../fleet/nats/fleet-keys.ts'
import {
  type DecisionContent,
  type FleetValue,
  type SharedDecision,
  subjectOf,
} from '../../fleet/nats/fleet-values.ts'
import type { FleetSlice } from '../../fleet/slices/fleet-slices.ts'
import type { AlertEvidence } from './alert-evidence.ts'
import type {
  ConsoleFleet,
  ImageDecision,
  KnownNode,
  KnownProfile,
  WrittenDecision,
} from './console-fleet.ts'
import { Interned } from './interned.ts'
import { type KnownSlice, knownSlice, KnownSlices } from './known-slices.ts'
import type { FleetReviewItem } from './views.ts'

export interface BucketStateOptions {
  readonly access: NatsAccess
  readonly bucket: string
  readonly onChange: () => void
  readonly onError: (what: string, error: unknown) => void
  /** What waits for review, of all profiles. */
  readonly waiting: () => readonly FleetReviewItem[]
  /** Errors: ALERT_LOG_UNAVAILABLE. */
  readonly evidence: (profile: string, ids: ReadonlySet<string>) => Promise<AlertEvidence>
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

/** In place of the name of a node, in a decision. */
const consoleNode = 'console'
/** Decisions that are written at the same time. */
const atOnce = 64

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

type HoldChange = Extract<ImageDecision['change'], { readonly kind: 'hold' | 'release-hold' }>
type BehaviourAction = 'approve' | 'release' | 'reject'

/** The fleet as a bucket of NATS has it: a version is known by its slices and decisions, and a node by those too. */
export class BucketState implements ConsoleFleet {
  readonly store = 'nats'
  readonly #options: BucketStateOptions
  readonly #now: () => number
  readonly #bucket: FleetBucket
  readonly #known: KnownSlices
  readonly #versions = new Map<string, Version>()
  readonly #texts = new Interned()
  #decided: () => void = () => undefined

  constructor(options: BucketStateOptions) {
    this.#options = options
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

  /**
   * One write for each behaviour.
   *
   * Errors: PROFILE_UNKNOWN, REVISION_STALE, BEHAVIOUR_UNKNOWN where neither a slice nor an alert has the behaviour,
   * DECISION_INVALID, ALERT_LOG_UNAVAILABLE, and those of {@link FleetBucket.decide}.
   */
  async decide({ profile, change, author, revision }: ImageDecision): Promise<WrittenDecision> {
    const { image } = this.#read(profile, revision)
    const by = { by: author, at: new Date(this.#now()).toISOString() }
    if (change.kind === 'mode') {
      await this.#write(image, modeSubject, revision, (before) => ({
        mode: { mode: change.mode, by: author, at: timeAfter(before, by.at) },
      }))
      return { revision: this.#written(profile) }
    }
    if (change.kind === 'hold' || change.kind === 'release-hold') {
      await this.#holdBy(image, change, by, revision)
      return { revision: this.#written(profile) }
    }
    const actions = this.#actions(profile, change)
    const entries = await this.#entries(profile, actions)
    // Someone may have decided while the alerts were read.
    this.#read(profile, revision)
    try {
      const all = [...entries]
      for (let from = 0; from < all.length; from += atOnce) {
        const some = all.slice(from, from + atOnce)
        await settled(some.map((each) => this.#decideOn(image, each, actions, by, revision)))
      }
    } finally {
      this.#written(profile)
    }
    return { revision: this.#written(profile), behaviours: entries.length }
  }

  /** Those that are over leave the bucket with the next one. */
  async #holdBy(
    image: FleetImage,
    change: HoldChange,
    by: Author,
    revision: string | undefined,
  ): Promise<void> {
    const id = change.kind === 'hold' ? change.hold.id : change.id
    await this.#write(image, holdSubject(id), revision, () => {
      if (change.kind === 'hold') return { hold: orderedHold(change.hold, by) }
      const stands = this.#bucket.decisions.holds(image).find((each) => each.id === id)
      if (stands === undefined) throw unknownHold(id)
      return { hold: releasedHold(stands, by, change.reason) }
    })
    const over = this.#bucket.decisions.holds(image).filter((hold) => isOver(hold, this.#now()))
    // The order is written. What cannot be removed now, as another replica does it, leaves later.
    await Promise.allSettled(
      over.map(async (hold) => this.#bucket.remove(decisionKey(image, holdSubject(hold.id)))),
    )
  }

  async #decideOn(
    image: FleetImage,
    { grants, ...entry }: Undecided,
    actions: ReadonlyMap<string, BehaviourAction>,
    { by, at }: Author,
    revision: string | undefined,
  ): Promise<void> {
    const kind = decidedBy[actions.get(entry.id) ?? 'reject']
    await this.#write(image, entry.id, revision, (before) => {
      const decision: Decision = { kind, by, at: timeAfter(before, at), grants: grants.toJSON() }
      return { entry: { ...entry, cells: [], decision } }
    })
  }

  /** Over what stands. One that read a revision does not overwrite what came after it. */
  async #write(
    image: FleetImage,
    subject: string,
    revision: string | undefined,
    make: (before: Author | undefined) => DecisionContent,
  ): Promise<void> {
    let isAgain = false
    await this.#bucket.decide(image, subject, consoleNode, () => {
      if (isAgain && revision !== undefined) throw stale()
      isAgain = true
      const stands = this.#bucket.decisions.of(image).find((each) => subjectOf(each) === subject)
      return make(stands && authorOf(stands))
    })
  }

  /** The version, where it is as it was read. */
  #read(profile: string, revision: string | undefined): KnownProfile {
    const now = this.profile(profile)
    if (now === undefined) throw new SnugError('PROFILE_UNKNOWN', `no profile \`${profile}\``)
    if (revision !== undefined && now.revision !== revision) throw stale()
    return now
  }

  /** The watch does not bring what was written here. */
  #written(profile: string): string {
    const version = this.#versions.get(profile)
    if (version !== undefined) {
      for (const decision of this.#bucket.decisions.of(version.image))
        version.decisions.add(decisionKey(version.image, subjectOf(decision)))
      version.profile = undefined
    }
    this.#known.changed(profile)
    return this.profile(profile)?.revision ?? ''
  }

  #actions(
    profile: string,
    change: Exclude<ImageDecision['change'], HoldChange | { readonly kind: 'mode' }>,
  ): ReadonlyMap<string, BehaviourAction> {
    const actions = new Map<string, BehaviourAction>()
    if (change.kind === 'reject') {
      for (const id of change.behaviours) actions.set(id, 'reject')
      return actions
    }
    if (change.all) for (const id of this.#waiting(profile)) actions.set(id, 'approve')
    for (const id of change.behaviours) actions.set(id, 'approve')
    for (const id of change.quarantined) actions.set(id, 'release')
    if (actions.size === 0)
      throw new SnugError('DECISION_INVALID', 'nothing of this image waits here for review')
    return actions
  }

  /** Without quarantined ones: those are approved by name. */
  #waiting(profile: string): readonly string[] {
    return this.#options
      .waiting()
      .filter((item) => item.profile === profile && item.guardrails.length === 0)
      .flatMap(({ behaviours }) => behaviours)
  }

  async #entries(
    profile: string,
    actions: ReadonlyMap<string, BehaviourAction>,
  ): Promise<readonly Undecided[]> {
    const ids = new Set(actions.keys())
    const { forms, held } = await this.#options.evidence(profile, ids)
    for (const [id, action] of actions) {
      if (action !== 'approve' || !held.has(id)) continue
      const why = 'a guardrail fired on this behaviour: approve it as quarantined, or reject it'
      throw new SnugError('DECISION_INVALID', `\`${id}\`: ${why}`)
    }
    const found = new Map<string, Undecided>()
    for (const { id, actor, uid, object, cells, decision } of this.#published(profile)) {
      if (!ids.has(id)) continue
      const entry = found.get(id) ?? undecided({ id, actor, uid, object })
      found.set(id, entry)
      for (const grant of [...cells, ...(decision?.grants ?? [])]) entry.grants.merge(grant)
    }
    for (const [id, shown] of forms) {
      for (const { actor, uid, object, origin, literal } of shown) {
        const entry =
          found.get(id) ?? undecided({ id: id as ProfileEntry['id'], actor, uid, object })
        found.set(id, entry)
        entry.grants.add(origin, literal)
      }
    }
    const missing = [...ids].filter((id) => !found.has(id))
    if (missing.length === 0) return [...found.values()]
    const which = missing.map((id) => `\`${id}\``).join(', ')
    throw new SnugError(
      'BEHAVIOUR_UNKNOWN',
      `${which}: no node published it, and no alert in memory has it`,
    )
  }

  *#published(profile: string): Iterable<ProfileEntry> {
    const version = this.#versions.get(profile)
    if (version === undefined) return
    for (const { entries } of version.slices.values()) yield* entries
    for (const { entry } of this.#bucket.decisions.of(version.image))
      if (entry !== undefined) yield entry
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
      decision: { image, generation: 0, isGit: false, decisions: [], holds: [] },
      ...(mode === undefined ? {} : { mode }),
      holds: this.#bucket.decisions.holds(image),
      revision: this.#revisionOf(image, standing.keys()),
      isDecided: (behaviour) =>
        isForAll(standing.get(behaviour), new Date(this.#now()).toISOString()),
    }
  }

  /** The same for the same decisions, at each replica. */
  #revisionOf(image: FleetImage, subjects: Iterable<string>): string {
    const keys = [...subjects].map((subject) => decisionKey(image, subject)).sort()
    return shortHash(keys.map((key) => `${key} ${this.#bucket.revision(key)}`).join('\n'))
  }
}

/** A behaviour with all that was seen of it, which a decision covers. */
type Undecided = Omit<ProfileEntry, 'cells' | 'decision'> & { readonly grants: Grants }

function undecided(entry: Pick<ProfileEntry, 'id' | 'actor' | 'uid' | 'object'>): Undecided {
  return { schema: 'snug.behaviour/v1', ...entry, grants: new Grants() }
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

function authorOf({ entry, mode, hold }: DecisionContent): Author | undefined {
  return entry?.decision ?? mode ?? hold
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

/** All of them are tried. Errors: the first one. */
async function settled(all: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(all))
    if (result.status === 'rejected') throw result.reason
}

function stale(): SnugError {
  return new SnugError('REVISION_STALE', 'this image changed after you read it')
}
