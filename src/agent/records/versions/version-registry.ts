import type { ActEvent, ImageRef, LossEvent, WorkloadRef } from '../../../core/event/event.ts'
import type { ContainerIdentity } from '../../pipeline/identity/identity.ts'
import { givenToOthers } from '../../../core/lifecycle/inheritance.ts'
import { startVersion } from '../../../core/lifecycle/version.ts'
import type { Profile } from '../../../core/profile/profile.ts'
import type { BehaviourId } from '../../../core/behaviour/behaviour.ts'
import type { BehaviourState, ProfileEntry } from '../../../core/profile/profile-entry.ts'
import type { Shaper } from '../../../core/behaviour/shape.ts'
import type { ContainerSeen } from '../../pipeline/sources/source.ts'
import { DeployedVersion, usersKept } from './deployed-version.ts'
import { LossLedger } from './loss-ledger.ts'
import { VersionBounds } from './version-bounds.ts'
import { VersionEvents } from './version-events.ts'
import { VersionIndex } from './version-index.ts'
import { VersionLifecycle, type VersionLifecycleOptions } from './version-lifecycle.ts'
import { VersionOrigins } from './version-origins.ts'
import { splitFrom } from './split-version.ts'

export interface VersionRegistryOptions extends VersionLifecycleOptions {
  readonly shaper: Shaper
  /** Absent: those of every node. */
  readonly bounds?: VersionBounds
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

/** All versions of all lineages on this node, and the version of each container. */
export class VersionRegistry {
  /** Losses of the whole node. */
  readonly losses = new LossLedger()
  readonly bounds: VersionBounds
  /** Counts without a version: their containers ended before the daemon restarted. */
  unplacedCountUpdates = 0
  /** What other nodes published of an image in all scopes. Nothing without a fleet. */
  publishedScopes: (image: ImageRef) => PublishedScopes = () => nothingPublished
  readonly index = new VersionIndex()
  /** A use case that changes a version emits the event here. */
  readonly events = new VersionEvents()
  readonly lifecycle: VersionLifecycle
  readonly origins: VersionOrigins
  readonly #options: VersionRegistryOptions
  readonly #byContainer = new Map<string, DeployedVersion>()
  #last: DeployedVersion | undefined
  readonly #ended: string[] = []
  /** Containers that only events named: no source reports their start and end. */
  readonly #unannounced: string[] = []
  /** Runs from before a restart that no source has reported yet. */
  readonly #unconfirmed = new Set<string>()

  constructor(options: VersionRegistryOptions) {
    this.#options = options
    this.bounds = options.bounds ?? new VersionBounds()
    this.lifecycle = new VersionLifecycle(this.index, this.bounds, this.events, options)
    this.origins = new VersionOrigins(this.index, options.shaper)
  }

  get node(): string {
    return this.#options.node
  }

  get shaper(): Shaper {
    return this.#options.shaper
  }

  /**
   * Drops the version and every reference to it. A later container of its image starts a new
   * version. None of its containers may run.
   */
  remove(version: DeployedVersion): void {
    if (!this.index.has(version)) return
    this.index.remove(version)
    this.lifecycle.remove(version)
    version.unshare()
    for (const [container, of] of this.#byContainer) {
      if (of === version) this.#byContainer.delete(container)
    }
    if (this.#last === version) this.#last = undefined
  }

  get watched(): number {
    let count = 0
    for (const version of this.index) count += version.running
    return count
  }

  /** Restores a stored version. */
  restore(version: DeployedVersion): void {
    this.index.add(version)
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
      this.#last = this.ofImage(image, time)
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

  /** The version of an image, created if none of its containers was observed yet. */
  ofImage(image: ImageRef, time: string, imageId?: string): DeployedVersion {
    const known = this.index.ofImage(image, imageId)
    if (known !== undefined) {
      this.index.addNames(known, image, imageId)
      return known
    }
    if (this.index.size >= versionsKept) this.events.emit('full')
    const origin = this.origins.of(image, imageId)
    const profile = this.origins.profile(image, origin)
    const version =
      origin?.as === 'all'
        ? splitFrom(origin.version, image, profile, time)
        : this.#successor(image, origin?.version, profile, time)
    this.index.add(version)
    version.share(this.bounds)
    this.index.addNames(version, image, imageId)
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

  containerStarted(identity: ContainerIdentity, seen: ContainerSeen): void {
    const version = this.ofImage(identity.image, seen.time, identity.imageId)
    this.#moveRun(identity.id, version)
    const known = version.runs.get(identity.id)
    // An earlier daemon assigned it.
    const goesOn = known !== undefined && known.actsOnly !== true && known.to === undefined
    version.started(identity, seen, this.teaches(identity.workload))
    this.#unconfirmed.delete(identity.id)
    this.#byContainer.set(identity.id, version)
    if (identity.user !== undefined) this.#declared(version, identity.user)
    const report = goesOn ? undefined : seen
    this.events.emit('container-started', version, identity.id, report)
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
    return this.lifecycle.rules.teaches?.(workload?.namespace) ?? true
  }

  /** Applies behaviours of the numeric uid to the declared user. */
  #declared(version: DeployedVersion, uid: number): void {
    if (version.declaredUsers.size >= usersKept) return
    version.declaredUsers.add(uid)
    if (version.profile.declare(uid, version.image.digest)) this.events.emit('learned', version)
  }

  /** `watched`: the end was observed. */
  containerEnded(container: string, time: string, watched = true): void {
    const version = this.#byContainer.get(container)
    if (version === undefined) return
    version.ended(container, time, watched)
    this.events.emit('container-ended', version, container)
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
  addLoss(event: LossEvent): void {
    const { container, loss } = event
    this.losses.add(loss)
    const span = container === undefined ? loss : { ...loss, container: container.id }
    for (const version of this.concernedBy(event)) version.losses.add(span)
  }

  /** The version of the container that a loss is of; of a loss of the node, those that ran then. */
  concernedBy({ container, image, loss }: LossEvent): readonly DeployedVersion[] {
    if (container === undefined)
      return [...this.index].filter((version) => overlaps(version, loss.from, loss.to))
    const one =
      this.#byContainer.get(container.id) ??
      (image === undefined ? undefined : this.index.ofImage(image))
    return one === undefined ? [] : [one]
  }

  /**
   * Makes the kernel report known events of this version again, because a decision changed what is
   * expected.
   */
  renew(version: DeployedVersion): void {
    version.renewScope(this.index.freshScope(version))
    for (const { container, to } of version.runs.values()) {
      if (to === undefined) this.events.emit('container-started', version, container, undefined)
    }
  }

  /** Other scopes of the image that expect all of these behaviours. What they learned is no licence here. */
  scopesExpecting(version: DeployedVersion, ids: readonly BehaviourId[]): readonly string[] {
    const here = this.index
      .otherScopes(version)
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
}

function isGiven(entries: readonly ProfileEntry[] | undefined): boolean {
  return entries?.some((entry) => givenToOthers(entry).length > 0) === true
}

function isExpected(state: BehaviourState | undefined): boolean {
  return state === 'learned' || state === 'approved'
}

/** Ended containers whose late counts can still be attributed to their version. */
export const endedRemembered = 1_024
/** Versions of all lineages together. */
export const versionsKept = 2_048
/** Containers without a reported end. An event of one that was forgotten names its image again. */
export const unannouncedKept = 8_192

function overlaps(version: DeployedVersion, from: string, to: string): boolean {
  for (const run of version.runs.values()) {
    const goesOn = run.to === undefined || run.actsOnly === true || run.to >= from
    if (run.from <= to && goesOn) return true
  }
  return false
}
