import type { ActEvent, ImageRef, LossEvent, WorkloadRef } from '../../core/event/event.ts'
import type { Micros } from '../../core/event/time.ts'
import { SnugError } from '../../errors.ts'
import { lineageName, unscoped } from '../../core/event/image-key.ts'
import type { ContainerIdentity } from '../../pipeline/identity/identity.ts'
import { settleBlocking } from '../../core/lifecycle/blocking.ts'
import { givenToOthers, inheritedExpireAt, passedOn } from '../../core/lifecycle/inheritance.ts'
import {
  advance,
  type LearnRules,
  startVersion,
  type Step,
  type Transition,
  type Version,
  type WindowEvidence,
} from '../../core/lifecycle/version.ts'
import { type ContainerRun, countStarts, sliceMicrosFor } from '../../core/coverage/coverage.ts'
import type { Cell } from '../../core/profile/evidence.ts'
import { Profile } from '../../core/profile/profile.ts'
import type { BehaviourId } from '../../core/behaviour/behaviour.ts'
import type { BehaviourState, ProfileEntry } from '../../core/profile/profile-entry.ts'
import { finish, type Steps } from '../../core/steps.ts'
import type { Shaper } from '../../core/behaviour/shape.ts'
import type { ContainerSeen } from '../../pipeline/sources/source.ts'
import {
  addName,
  DeployedVersion,
  usersKept,
  type VersionKey,
  versionKey,
} from './deployed-version.ts'
import { enforcementGap, LossLedger, profileFull } from './loss-ledger.ts'
import { VersionBounds } from './version-bounds.ts'
import { isNamed } from './image-name.ts'
import { splitFrom } from './split-version.ts'
import { watchedRuns } from './watched-runs.ts'

export interface VersionRegistryOptions {
  readonly node: string
  readonly shaper: Shaper
  readonly rules: LearnRules
  readonly now: () => number
  /**
   * A container runs, or its version has a new scope, which the kernel uses for the version's
   * events.
   */
  readonly onAssign: (container: string, version: DeployedVersion, seen?: ContainerSeen) => void
  readonly onEnded: (container: string, version: DeployedVersion) => void
  readonly onTransition: (version: DeployedVersion, transition: Transition) => void
  /** Behaviours that were recorded for a numeric uid now apply to the declared user too. */
  readonly onDeclared: (version: DeployedVersion) => void
  /** A change of the lifecycle that is more than a change of its text. */
  readonly onMoved: (version: DeployedVersion, before: Version) => void
  /** There are {@link versionsKept} versions: some have to go before the next one. */
  readonly onFull: () => void
  /** Absent: those of every node. */
  readonly bounds?: VersionBounds
  /** The version no longer expects behaviours of its predecessor that it never showed. */
  readonly onInheritedExpired: (version: DeployedVersion, gone: readonly ProfileEntry[]) => void
}

/** A learning version, as of the last tick. */
export interface Learning {
  readonly version: DeployedVersion
  /** Upper bound of the probability that the next unit shows new behaviour. */
  readonly bound: number
}

/** A scope of an image whose window has ended on some node, as other nodes published it. */
export interface PublishedScope {
  readonly scope: string
  /** By behaviour: one entry of each node. */
  readonly entries: ReadonlyMap<BehaviourId, readonly ProfileEntry[]>
}

export interface PublishedScopes {
  /** Changes with each change of what was published of the image. */
  readonly revision: number
  readonly scopes: readonly PublishedScope[]
}

const nothingPublished: PublishedScopes = { revision: 0, scopes: [] }

/** What a new version inherits, of its predecessor as it was at that revision. */
interface Prepared {
  readonly origin: Origin
  readonly revision: number
  readonly profile: Profile
}

/** Whose profile a new version begins with. */
interface Origin {
  readonly version: DeployedVersion
  /**
   * `all`: the same image, before its profile was split by scope. The new version goes on as it stands.
   * `predecessor`: an earlier image of the lineage, which is the prior.
   */
  readonly as: 'all' | 'predecessor'
}

function isPrepared(prepared: Prepared | undefined, { version, as }: Origin): prepared is Prepared {
  const { origin, revision } = prepared ?? {}
  return origin?.version === version && origin.as === as && revision === version.revision
}

/** All versions of all lineages on this node, and the version of each container. */
export class VersionRegistry {
  /** Losses of the whole node. */
  readonly losses = new LossLedger()
  readonly bounds: VersionBounds
  /** Counts without a version: their containers ended before the daemon restarted. */
  unplacedCountUpdates = 0
  /** Versions that learned at the last tick. */
  learning: readonly Learning[] = []
  /** What other nodes published of an image in all scopes. Nothing without a fleet. */
  publishedScopes: (image: ImageRef) => PublishedScopes = () => nothingPublished
  readonly #options: VersionRegistryOptions
  readonly #versions = new Map<VersionKey, DeployedVersion>()
  readonly #byContainer = new Map<string, DeployedVersion>()
  readonly #byScope = new Map<number, DeployedVersion>()
  #lastScope = 0
  #last: DeployedVersion | undefined
  readonly #ended: string[] = []
  /** Containers that only events named: no source reports their start and end. */
  readonly #unannounced: string[] = []
  /** Aliases of a version: later digests, and the id of the image. */
  readonly #aliases = new Map<VersionKey, DeployedVersion>()
  /** Image → its versions in each scope. */
  readonly #scopes = new Map<VersionKey, Set<DeployedVersion>>()
  /** Version → the deadline at which its inherited behaviours last expired. */
  readonly #letGo = new WeakMap<DeployedVersion, number>()
  readonly #estimates = new WeakMap<DeployedVersion, { atMs: number; bound: number }>()
  /** Profiles of versions of which no container was judged yet. */
  readonly #prepared = new Map<VersionKey, Prepared>()
  /** Runs from before a restart that no source has reported yet. */
  readonly #unconfirmed = new Set<string>()

  #rules: LearnRules

  constructor(options: VersionRegistryOptions) {
    this.#options = options
    this.#rules = options.rules
    this.bounds = options.bounds ?? new VersionBounds()
  }

  get node(): string {
    return this.#options.node
  }

  get shaper(): Shaper {
    return this.#options.shaper
  }

  get rules(): LearnRules {
    return this.#rules
  }

  /** Effective from the next tick. */
  set rules(rules: LearnRules) {
    this.#rules = rules
  }

  get versions(): Iterable<DeployedVersion> {
    return this.#versions.values()
  }

  has(version: DeployedVersion): boolean {
    return this.#versions.get(version.key) === version
  }

  /** All versions of its lineage, itself included. */
  lineageOf({ image }: DeployedVersion): readonly DeployedVersion[] {
    const name = lineageName(image)
    return [...this.#versions.values()].filter((each) => lineageName(each.image) === name)
  }

  /**
   * Drops the version and every reference to it. A later container of its image starts a new
   * version. None of its containers may run.
   */
  remove(version: DeployedVersion): void {
    if (!this.has(version)) return
    this.#versions.delete(version.key)
    version.unshare()
    this.#scopes.get(versionKey(unscoped(version.image)))?.delete(version)
    dropValue(this.#aliases, version)
    dropValue(this.#byScope, version)
    dropValue(this.#byContainer, version)
    if (this.#last === version) this.#last = undefined
    this.learning = this.learning.filter((each) => each.version !== version)
  }

  get watched(): number {
    let count = 0
    for (const version of this.#versions.values()) count += version.running
    return count
  }

  /** Restores a stored version. */
  restore(version: DeployedVersion): void {
    this.#keep(version)
    this.#rememberNames(version)
    version.scope = this.#freshScope(version)
    version.share(this.bounds)
    version.forgetReportedOfEnded()
    for (const { container, to } of version.runs.values()) {
      if (to !== undefined) continue
      this.#byContainer.set(container, version)
      this.#unconfirmed.add(container)
    }
  }

  /**
   * Called after the sources have reported all running containers. A restored run that no source
   * reported ended with the restart.
   */
  settleRestored(endedAt: string): void {
    for (const container of this.#unconfirmed) this.containerEnded(container, endedAt, false)
    this.#unconfirmed.clear()
  }

  /** The version of an event, created for its first event. Undefined if the image is unknown. */
  versionOf({ image, container, time, process }: ActEvent): DeployedVersion | undefined {
    if (image === undefined) return undefined
    // Usually the version of the previous event.
    const last = this.#last?.image
    const isLast = last?.digest === image.digest && last.repository === image.repository
    if (!isLast || last.scope !== image.scope) {
      this.#last = this.#of(image, time)
    }
    if (this.#last !== undefined && !this.#byContainer.has(container.id)) {
      this.#byContainer.set(container.id, this.#last)
      this.#unannounced.push(container.id)
      if (this.#unannounced.length > unannouncedKept)
        this.#forgetContainer(this.#unannounced.shift())
    }
    const { uid, declaredUser } = process
    if (declaredUser === true && this.#last?.declaredUsers.has(uid) === false) {
      this.#declared(this.#last, uid)
    }
    return this.#last
  }

  versionOfContainer(container: string): DeployedVersion | undefined {
    return this.#byContainer.get(container)
  }

  /** The version of an image, if one was observed before. */
  versionOfImage(image: ImageRef, imageId?: string): DeployedVersion | undefined {
    const key = versionKey(image)
    const known = this.#versions.get(key) ?? this.#aliases.get(key)
    if (known !== undefined || imageId === undefined) return known
    return this.#aliases.get(versionKey({ ...image, digest: imageId }))
  }

  /** The version of a scope, including its earlier scopes. */
  versionOfScope(scope: number): DeployedVersion | undefined {
    return this.#byScope.get(scope)
  }

  /** The version of an image, created if none of its containers was observed yet. */
  ofImage(image: ImageRef, time: string, imageId?: string): DeployedVersion {
    return this.#of(image, time, imageId)
  }

  containerStarted(identity: ContainerIdentity, seen: ContainerSeen): void {
    const version = this.#of(identity.image, seen.time, identity.imageId)
    this.#moveRun(identity.id, version)
    const known = version.runs.get(identity.id)
    // An earlier daemon assigned it.
    const goesOn = known !== undefined && known.actsOnly !== true && known.to === undefined
    version.started(identity, seen, this.teaches(identity.workload))
    this.#unconfirmed.delete(identity.id)
    this.#byContainer.set(identity.id, version)
    if (identity.user !== undefined) this.#declared(version, identity.user)
    this.#options.onAssign(identity.id, version, goesOn ? undefined : seen)
  }

  /** The container ran before its profile was split by scope: it goes on in its own version. */
  #moveRun(container: string, version: DeployedVersion): void {
    const before = this.#byContainer.get(container)
    const run = before?.runs.get(container)
    if (before === undefined || before === version || run === undefined) return
    before.runs.delete(container)
    before.changed = true
    if (!version.runs.has(container)) version.runs.set(container, run)
  }

  /** Whether containers of the workload's namespace teach their version. */
  teaches(workload: WorkloadRef | undefined): boolean {
    return this.#rules.teaches?.(workload?.namespace) ?? true
  }

  /** Applies behaviours of the numeric uid to the declared user. */
  #declared(version: DeployedVersion, uid: number): void {
    if (version.declaredUsers.size >= usersKept) return
    version.declaredUsers.add(uid)
    if (version.profile.declare(uid, version.image.digest)) this.#options.onDeclared(version)
  }

  /** `watched`: the end was observed. */
  containerEnded(container: string, time: string, watched = true): void {
    const version = this.#byContainer.get(container)
    if (version === undefined) return
    version.ended(container, time, watched)
    this.#options.onEnded(container, version)
    // Late counts may still arrive. The entry stays until this many later containers have ended.
    this.#ended.push(container)
    if (this.#ended.length > endedRemembered) this.#forgetContainer(this.#ended.shift())
  }

  /** Keeps a container that was started again. */
  #forgetContainer(container: string | undefined): void {
    if (container === undefined) return
    const version = this.#byContainer.get(container)
    const run = version?.runs.get(container)
    if (run !== undefined && run.to === undefined) return
    this.#byContainer.delete(container)
    version?.forgetReported(container)
  }

  /**
   * Adds a loss to the evidence of the container's version, or of every running version for a loss
   * of the node.
   */
  addLoss({ container, image, loss }: LossEvent): void {
    this.losses.add(loss)
    const one =
      container === undefined
        ? undefined
        : (this.#byContainer.get(container.id) ??
          (image === undefined ? undefined : this.versionOfImage(image)))
    if (container !== undefined) {
      one?.losses.add({ ...loss, container: container.id })
      return
    }
    for (const version of this.#versions.values()) {
      if (overlaps(version, loss.from, loss.to)) version.losses.add(loss)
    }
  }

  predecessorOf(version: DeployedVersion): DeployedVersion | undefined {
    const { predecessor } = version.life
    if (predecessor === undefined) return undefined
    const image = { ...version.image, digest: predecessor }
    return this.versionOfImage(image) ?? this.versionOfImage(unscoped(image))
  }

  /**
   * Makes the kernel report known events of this version again, because a decision changed what is
   * expected.
   */
  renew(version: DeployedVersion): void {
    version.renewScope(this.#freshScope(version))
    for (const { container, to } of version.runs.values()) {
      if (to === undefined) this.#options.onAssign(container, version)
    }
  }

  evidence(version: DeployedVersion, nowMs: number): WindowEvidence {
    return finish(this.evidenceSteps(version, nowMs))
  }

  /** The same, with pauses. */
  *evidenceSteps(version: DeployedVersion, nowMs: number): Steps<WindowEvidence> {
    const spans = version.losses.spans.filter(({ reason }) => reason !== enforcementGap)
    const last = spans.toSorted((a, b) => Date.parse(a.to) - Date.parse(b.to)).at(-1)
    const runs = this.runsOf(version, nowMs)
    const unrecorded = spans
      .filter(
        ({ reason, to }) => reason === profileFull && Date.parse(to) >= version.life.learningSince,
      )
      .reduce((sum, { count }) => sum + count, 0)
    return {
      ...(unrecorded === 0 ? {} : { unrecorded }),
      coverage: yield* version.profile.coverageSteps(runs, this.slice),
      lost: spans.reduce((sum, { count }) => sum + count, 0),
      ...(last === undefined
        ? {}
        : { lastLossMs: Date.parse(last.to), lastLossReason: last.reason }),
      startSeen: countStarts(runs) > 0,
      unobserved: version.unobserved,
    }
  }

  /** Observed runs of its containers so far. */
  runsOf(version: DeployedVersion, nowMs: number): readonly ContainerRun[] {
    return watchedRuns(version, nowMs, this.node)
  }

  /** Length of the slices into which long runs are divided. */
  get slice(): Micros {
    return sliceMicrosFor(this.rules.floorMs)
  }

  /**
   * Adds up evidence of containers that ended. Late counts of the sensor arrive within its flush interval, so the
   * evidence rests for a while first.
   *
   * @param hasTime false ends the work, which continues with the next call
   */
  fold(hasTime: () => boolean): void {
    const { node, now } = this.#options
    const restingSince = (now() - foldedAfterMs) * 1_000
    for (const { profile, runs } of this.#versions.values()) {
      const isOver = ({ container, session, last }: Cell): boolean => {
        if (last > restingSince) return false
        const run = runs.get(container)
        return session !== undefined || run === undefined || run.to !== undefined
      }
      profile.fold({ node, isOver }, hasTime)
      if (!hasTime()) return
    }
  }

  /** Advances the lifecycle of every version. */
  tick(): void {
    finish(this.tickSteps())
  }

  /** The same, with pauses. */
  *tickSteps(): Steps<void> {
    const nowMs = this.#options.now()
    this.#countBehaviours()
    const unsettled: DeployedVersion[] = []
    for (const version of this.#versions.values()) {
      yield
      this.#expireInherited(version, nowMs)
      const { state, mode } = version.life
      if (mode === 'block') {
        this.apply(version, { version: settleBlocking(version.life, nowMs), transitions: [] })
        continue
      }
      const settled = state !== 'learning' && !(mode === 'alert' && this.rules.after === 'block')
      if (!settled) unsettled.push(version)
    }
    const learning = unsettled.filter(({ life }) => life.state === 'learning')
    for (const version of this.#toEstimate(unsettled, nowMs)) {
      const { life } = version
      const evidence = yield* this.evidenceSteps(version, nowMs)
      // A person decided meanwhile, or removed it.
      if (version.life !== life || !this.has(version)) continue
      this.#estimates.set(version, { atMs: nowMs, bound: evidence.coverage.bound })
      this.apply(version, advance(version.life, evidence, this.rules, nowMs))
    }
    this.learning = learning.map((version) => ({
      version,
      bound: this.#estimates.get(version)?.bound ?? 1,
    }))
  }

  #countBehaviours(): void {
    let total = 0
    for (const { profile } of this.#versions.values()) total += profile.size
    this.bounds.behaviours.counted(total, this.#versions.size)
  }

  /**
   * Versions whose evidence is estimated again in this tick, the longest waiting first. An estimate costs what the
   * version's containers and behaviours cost, so an old window is not looked at every second.
   */
  #toEstimate(unsettled: readonly DeployedVersion[], nowMs: number): readonly DeployedVersion[] {
    const atMs = (version: DeployedVersion): number =>
      this.#estimates.get(version)?.atMs ?? -Infinity
    const due = unsettled.filter((version) => {
      const age = nowMs - version.life.learningSince
      return nowMs - atMs(version) >= Math.min(estimatedEveryMs, age / 100)
    })
    if (due.length <= estimatesAtOnce) return due
    return due.sort((a, b) => atMs(a) - atMs(b)).slice(0, estimatesAtOnce)
  }

  /**
   * Once for each window: removes inherited behaviours that were not shown in it or in the grace
   * period after it.
   */
  #expireInherited(version: DeployedVersion, nowMs: number): void {
    const at = inheritedExpireAt(version.life, this.rules)
    if (at === undefined || nowMs < at || this.#letGo.get(version) === at) return
    this.#letGo.set(version, at)
    const gone = version.profile.expireInherited()
    if (gone.length === 0) return
    version.news = true
    this.#options.onInheritedExpired(version, gone)
  }

  /** Applies a step of the state machine. */
  apply(version: DeployedVersion, { version: life, transitions }: Step): void {
    if (life === version.life) return
    const before = version.life
    const { because } = before
    version.life = life
    if (transitions.length > 0 || because !== life.because) version.changed = true
    for (const transition of transitions) {
      if (transition.from.state === 'learning') {
        version.profile.settle()
        version.learnedSize = version.profile.size
      }
      this.#options.onTransition(version, transition)
    }
    if (hasMoved(before, life)) this.#options.onMoved(version, before)
  }

  /**
   * Versions that match an operator's IMAGE: `repository`, `repository:tag` or
   * `repository@sha256:prefix`. `repository#scope` names those of one scope, and `repository` those of all.
   *
   * Errors: `IMAGE_UNKNOWN`.
   */
  find(ref: string): readonly DeployedVersion[] {
    // The key of one version, which may be a name of versions in other scopes as well.
    const named = this.#versions.get(ref as VersionKey)
    if (named !== undefined) return [named]
    const found = [...this.#versions.values()].filter((version) => isNamed(ref, version))
    if (found.length === 0) {
      throw new SnugError('IMAGE_UNKNOWN', `no image that was observed is named \`${ref}\``)
    }
    return found.sort((a, b) => (a.firstSeen < b.firstSeen ? -1 : 1))
  }

  /**
   * Versions that match IMAGE, which are of one lineage.
   *
   * Errors: `IMAGE_UNKNOWN`; `IMAGE_AMBIGUOUS` where several scopes have a profile of it.
   */
  findLineage(ref: string): readonly DeployedVersion[] {
    const found = this.find(ref)
    const lineages = [...new Set(found.map(({ image }) => lineageName(image)))]
    if (lineages.length <= 1) return found
    const which = lineages.map((name) => `\`${name}\``).join(', ')
    throw new SnugError('IMAGE_AMBIGUOUS', `\`${ref}\` has a profile for each of ${which}`)
  }

  /**
   * The version that IMAGE names; the newest one if a repository or tag has several in one scope.
   *
   * Errors: `IMAGE_UNKNOWN`, `IMAGE_AMBIGUOUS`.
   */
  findOne(ref: string): DeployedVersion {
    const found = this.findLineage(ref)
    const newest = found.at(-1)
    if (newest === undefined || (ref.includes('@') && found.length > 1)) {
      const digests = found.map(({ image }) => image.digest.slice(0, 19)).join(', ')
      throw new SnugError('IMAGE_AMBIGUOUS', `\`${ref}\` names several versions: ${digests}`)
    }
    return newest
  }

  /** Other scopes of the image that expect all of these behaviours. What they learned is no licence here. */
  scopesExpecting(version: DeployedVersion, ids: readonly BehaviourId[]): readonly string[] {
    const here = this.otherScopes(version)
      .filter(({ life, profile }) => {
        return life.state !== 'learning' && ids.every((id) => isExpected(profile.state(id)))
      })
      .map(({ image }) => image.scope ?? '')
    const published = this.publishedScopes(version.image)
      .scopes.filter(({ scope, entries }) => {
        return scope !== version.image.scope && ids.every((id) => isGiven(entries.get(id)))
      })
      .map(({ scope }) => scope)
    return [...new Set([...here, ...published])].sort()
  }

  /** Versions of the same image in other scopes. */
  otherScopes({ image }: DeployedVersion): readonly DeployedVersion[] {
    const scopes = this.#scopes.get(versionKey(unscoped(image)))
    return [...(scopes ?? [])].filter((other) => other.image.scope !== image.scope)
  }

  #of(image: ImageRef, time: string, imageId?: string): DeployedVersion {
    const known = this.versionOfImage(image, imageId)
    if (known !== undefined) {
      this.#named(known, image, imageId)
      return known
    }
    if (this.#versions.size >= versionsKept) this.#options.onFull()
    const origin = this.#originOf(image, imageId)
    const profile = this.#initialProfile(image, origin)
    const version =
      origin?.as === 'all'
        ? splitFrom(origin.version, image, profile, time)
        : this.#successor(image, origin?.version, profile, time)
    version.scope = this.#freshScope(version)
    version.share(this.bounds)
    this.#keep(version)
    this.#named(version, image, imageId)
    return version
  }

  #successor(
    image: ImageRef,
    before: DeployedVersion | undefined,
    profile: Profile,
    time: string,
  ): DeployedVersion {
    const life = startVersion(image.digest, this.#options.now(), before?.image.digest)
    const version = new DeployedVersion(image, life, profile, time)
    version.inherited = before?.life.learnedAt !== undefined
    if (before !== undefined) version.observedBefore = before.observed
    return version
  }

  #originOf(image: ImageRef, imageId?: string): Origin | undefined {
    if (image.scope !== undefined) {
      const all = this.versionOfImage(unscoped(image), imageId)
      // Half a window of all scopes together is no evidence of this one.
      if (all !== undefined && all.life.state !== 'learning') return { version: all, as: 'all' }
    }
    const before = this.#newestBefore(image, lineageName(image)) ?? this.#newestBefore(image)
    return before === undefined ? undefined : { version: before, as: 'predecessor' }
  }

  #keep(version: DeployedVersion): void {
    this.#versions.set(version.key, version)
    const { image } = version
    if (image.scope === undefined) return
    const key = versionKey(unscoped(image))
    const scopes = this.#scopes.get(key)
    if (scopes === undefined) this.#scopes.set(key, new Set([version]))
    else scopes.add(version)
  }

  /**
   * Has a new version inherit before its first container is judged, where that is long work. Undefined: the version is
   * known, or inherits little.
   */
  prepare(image: ImageRef, imageId: string): Steps<void> | undefined {
    if (this.versionOfImage(image, imageId) !== undefined) return undefined
    const origin = this.#originOf(image, imageId)
    if (origin === undefined || origin.version.profile.size < preparedFrom) return undefined
    const key = versionKey(image)
    return isPrepared(this.#prepared.get(key), origin) ? undefined : this.#prepare(key, origin)
  }

  *#prepare(key: VersionKey, origin: Origin): Steps<void> {
    const { revision } = origin.version
    const profile = yield* this.#profileFrom(origin)
    this.#prepared.set(key, { origin, revision, profile })
    const [oldest] = this.#prepared.keys()
    if (this.#prepared.size > preparedKept && oldest !== undefined) this.#prepared.delete(oldest)
  }

  #initialProfile(image: ImageRef, origin: Origin | undefined): Profile {
    const key = versionKey(image)
    const prepared = this.#prepared.get(key)
    this.#prepared.delete(key)
    if (origin === undefined) return new Profile(this.#options.shaper)
    return isPrepared(prepared, origin) ? prepared.profile : finish(this.#profileFrom(origin))
  }

  *#profileFrom({ version: { image, life, profile }, as }: Origin): Steps<Profile> {
    const predecessor = { digest: image.digest, windowDone: life.learnedAt !== undefined }
    const next = new Profile(this.#options.shaper)
    for (const entry of profile.outline()) {
      yield
      const prior = as === 'all' ? entry.toJSON() : passedOn(predecessor, entry.inheritable())
      if (prior !== undefined) next.merge([prior])
    }
    return next
  }

  /** Joins the names of one image: a local build has only an id, and each push adds a digest. */
  #named(version: DeployedVersion, { digest }: ImageRef, imageId: string | undefined): void {
    const { image, otherDigests, imageIds } = version
    const known = digest === image.digest || otherDigests.has(digest)
    if (known && (imageId === undefined || imageIds.has(imageId))) return
    const gone = [
      digest === image.digest ? undefined : addName(otherDigests, digest),
      imageId === undefined ? undefined : addName(imageIds, imageId),
    ]
    for (const old of gone) {
      if (old !== undefined) this.#aliases.delete(versionKey({ ...image, digest: old }))
    }
    version.changed = true
    this.#rememberNames(version)
  }

  #rememberNames(version: DeployedVersion): void {
    const { image, otherDigests, imageIds } = version
    for (const digest of [...otherDigests, ...imageIds]) {
      this.#aliases.set(versionKey({ ...image, digest }), version)
    }
  }

  #freshScope(version: DeployedVersion): number {
    this.#lastScope += 1
    this.#byScope.set(this.#lastScope, version)
    if (this.#byScope.size > this.#versions.size + oldScopesKept) {
      for (const [scope, { scope: present }] of this.#byScope) {
        if (scope === present) continue
        this.#byScope.delete(scope)
        break
      }
    }
    return this.#lastScope
  }

  /** The latest version of the lineage before a new one; by default of the lineage for all scopes. */
  #newestBefore(image: ImageRef, lineage = image.repository): DeployedVersion | undefined {
    let newest: DeployedVersion | undefined
    for (const version of this.#versions.values()) {
      if (lineageName(version.image) !== lineage || version.image.digest === image.digest) continue
      if (newest === undefined || version.firstSeen >= newest.firstSeen) newest = version
    }
    return newest
  }
}

function isGiven(entries: readonly ProfileEntry[] | undefined): boolean {
  return entries?.some((entry) => givenToOthers(entry).length > 0) === true
}

function isExpected(state: BehaviourState | undefined): boolean {
  return state === 'learned' || state === 'approved'
}

/** An estimate of coverage is at most so old, or a hundredth of the window. */
const estimatedEveryMs = 10_000
/** Estimates of one tick. */
const estimatesAtOnce = 16
/** Evidence of an ended container, or of a session, is added to that of others after this time without an event. */
const foldedAfterMs = 600_000
/** Ended containers whose late counts can still be attributed to their version. */
export const endedRemembered = 1_024
/** Behaviours of a predecessor from which on a new version inherits beside judging. */
const preparedFrom = 250
/** Profiles that are prepared, and whose first container was not judged yet. */
const preparedKept = 16
/** Versions of all lineages together. */
export const versionsKept = 2_048
/** Containers without a reported end. An event of one that was forgotten names its image again. */
export const unannouncedKept = 8_192
/** Earlier scopes of all versions: late reports of the kernel still name them. */
export const oldScopesKept = 1_024

function dropValue<K>(index: Map<K, DeployedVersion>, version: DeployedVersion): void {
  for (const [key, value] of index) if (value === version) index.delete(key)
}

function hasMoved(a: Version, b: Version): boolean {
  return (
    a.state !== b.state ||
    a.mode !== b.mode ||
    a.blocking !== b.blocking ||
    a.breakGlass !== b.breakGlass
  )
}

function overlaps(version: DeployedVersion, from: string, to: string): boolean {
  for (const run of version.runs.values()) {
    const goesOn = run.to === undefined || run.actsOnly === true || run.to >= from
    if (run.from <= to && goesOn) return true
  }
  return false
}
