import { imageKey } from '../../../core/event/image-key.ts'
import type { ActEvent, ImageRef } from '../../../core/event/event.ts'
import type { ContainerIdentity } from '../../pipeline/identity/identity.ts'
import {
  type BlindContainers,
  blindnessText,
  blindText,
  stateShown,
} from '../../../core/sight/blindness.ts'
import type { ModeDecision } from '../../../core/lifecycle/mode-decision.ts'
import { afterClockStep, type Version } from '../../../core/lifecycle/version.ts'
import type { VersionState } from '../../../core/lifecycle/mode.ts'
import type { BehaviourTag } from '../../../core/compile/kernel-profile.ts'
import type { BehaviourId } from '../../../core/behaviour/behaviour.ts'
import type { Profile } from '../../../core/profile/profile.ts'
import type { BehaviourKey, ContainerSeen } from '../../pipeline/sources/source.ts'
import type { ScanRecord } from '../../../supplychain/findings/kept-scan.ts'
import { type KeyMeaning, KeyMeanings } from './key-meanings.ts'
import { LossLedger } from './loss-ledger.ts'
import { type ReportedEvent, ReportedActs } from './reported-acts.ts'
import { isUnseen, type Run, Runs } from './runs.ts'
import type { Share } from './shared-bound.ts'
import type { VersionBounds } from './version-bounds.ts'
import { behaviourKinds, type EventKind } from '../../../core/event/event-words.ts'
import type { Observable, Observed } from '../../../core/coverage/observable.ts'
import { withChanges } from '../../../core/with-changes.ts'

/** What was applied of the ImageProfile. Plain data: it is stored. */
export interface AppliedSpec {
  /** Decisions stand there. */
  readonly decides?: true
  /** RFC 3339: when everything that waited was approved there. */
  readonly approvedAll?: string
  /** Ids of closings that stand for the version and were applied: an undone one is not applied again. */
  readonly closed?: readonly string[]
}

/** Decisions of people about the mode. Plain data: it is stored. */
export interface ModeDecisions {
  /** The latest decision made on this node, which it reports to the fleet. */
  readonly own?: ModeDecision
  /** The latest decision that the version applied, from any node. */
  readonly done?: ModeDecision
}

const nothing: Observed = new Set()

/** Names a version: the same digest in two repositories, or in two scopes, is two versions. */
export type VersionKey = string & { readonly __brand: 'VersionKey' }

export function versionKey(image: ImageRef): VersionKey {
  return imageKey(image) as VersionKey
}

/**
 * Runs that a version remembers. The oldest ended ones are removed first. Evidence keeps all of
 * them.
 */
export const runsKept = 1_000
/** Starts of one container that are kept apart. The oldest are removed first. */
export const stintsKept = 100
/**
 * Keys of the kernel in each of two generations. Counts for a key that nobody used for a whole
 * generation match no behaviour, and are counted as such.
 */
export const keysKept = 16_384
/** At the bound of all versions together, a version loses so much of its runs at once. */
const shedPart = 1 / 8
/** Runs of a version that does not learn go before eight times as many of one that does. */
const settledWeight = 8
/** Tags, and other digests and ids of the same image. The oldest are removed first. */
export const namesKept = 256
/** Declared uids of its containers. Further ones stay numeric users. */
export const usersKept = 1_024

/**
 * A deployed version: its profile, lifecycle state, containers, and the keys that the kernel uses
 * for its events.
 */
export class DeployedVersion {
  readonly key: VersionKey
  readonly image: ImageRef
  readonly tags = new Set<string>()
  /** Uids that its containers were declared to run as. */
  readonly declaredUsers = new Set<number>()
  readonly profile: Profile
  readonly losses = new LossLedger()
  readonly runs = new Runs()
  /** Total container runs, including forgotten ones. */
  runsSeen = 0
  runsBefore = 0
  firstSeen: string
  lastSeen: string
  life: Version
  /** Later digests of the same image after a push, and the ids of its configuration. */
  readonly otherDigests = new Set<string>()
  readonly imageIds = new Set<string>()
  /** Its prior comes from a version that completed its learning window, or from a vendor. */
  inherited = false
  /** The identity of one of its containers, to find the files of the image. */
  identity: ContainerIdentity | undefined
  appliedSpec: AppliedSpec = {}
  modeDecisions: ModeDecisions = {}
  /** Number of behaviours at the end of the window. */
  learnedSize = 0
  /**
   * What was observed while it learned. The profile makes no statement about anything else.
   */
  observed: Observed = nothing
  /** What was observed while the predecessor learned, whose profile judges until this version has its own. */
  observedBefore: Observed = nothing
  /** Further kinds of which an event was reported. */
  readonly alertedKinds = new Set<Observable>()
  /** Scope of the kernel's keys for this version. A new scope invalidates them. */
  scope = 0
  /**
   * Increases with each decision and each lifecycle step, never with counts. INVARIANT: no value
   * repeats, even after a restart.
   */
  revision = 0
  changed = true
  /** The latest reported scan of the version. */
  scan: ScanRecord | undefined
  scanChanged = false
  /** Unstored behaviour or decisions, beyond counts. */
  news = true
  /** A person decided at this node, and that is not published yet. */
  decidedHere = false
  /** What to report beside the state: how the profile was widened, or why it cannot block. */
  notes: readonly string[] = []
  /** The kernel counts reads derived from the image's files by these tags. */
  derivedTags: ReadonlySet<BehaviourTag> = new Set()
  readonly reported = new ReportedActs()
  /** Sets that `observed` already includes. */
  readonly #watched = new WeakSet<Observed>()
  readonly #tagged = new Map<BehaviourTag, BehaviourId>()
  readonly #keys = new KeyMeanings(keysKept)
  readonly #runsShare: Share
  #bounds: VersionBounds | undefined

  constructor(image: ImageRef, life: Version, profile: Profile, seenAt: string) {
    this.key = versionKey(image)
    this.image = image
    this.life = life
    this.profile = profile
    this.firstSeen = seenAt
    this.lastSeen = seenAt
    const { runs } = this
    this.#runsShare = {
      get size(): number {
        return runs.size
      },
      // The estimate of a version that learns is what ends its window.
      get weight(): number {
        return isLearning() ? 1 : settledWeight
      },
      shed: () => this.#dropRuns(Math.ceil(runs.size * shedPart)),
    }
    const isLearning = (): boolean => this.life.state === 'learning'
    if (image.tag !== undefined) this.tags.add(image.tag)
  }

  /** From now on, what it keeps is a part of what all versions together may keep. */
  share(bounds: VersionBounds): void {
    this.#bounds = bounds
    this.#keys.share(bounds.keys)
    this.reported.share(bounds.reported)
    bounds.runs.join(this.#runsShare)
  }

  /** It was removed, and keeps nothing of that any more. */
  unshare(): void {
    this.#bounds?.keys.leave(this.#keys)
    this.#bounds?.reported.leave(this.reported)
    this.#bounds?.runs.leave(this.#runsShare)
    this.#bounds = undefined
  }

  /** Starts a new revision: earlier decisions referred to an outdated state. */
  revise(nowMs: number): void {
    // Uses the clock, so that a number that a crash lost is not used again.
    this.revision = Math.max(this.revision + 1, nowMs)
    this.changed = true
  }

  /** Behaviour kinds that were not observed. */
  get unobserved(): readonly EventKind[] {
    return behaviourKinds.filter((kind) => !this.observed.has(kind))
  }

  /** A person approved it as a whole, set its mode, or decided on it in its ImageProfile. */
  get isDecided(): boolean {
    const { own, done } = this.modeDecisions
    return own !== undefined || done !== undefined || this.appliedSpec.decides === true
  }

  /** Adds the kinds that are observed while it learns. */
  watchedFor(kinds: Observed): void {
    if (this.#watched.has(kinds)) return
    this.#watched.add(kinds)
    if ([...kinds].every((kind) => this.observed.has(kind))) return
    this.observed = new Set([...this.observed, ...kinds])
    this.changed = true
  }

  /** A shipped profile judges it for these kinds while it learns, besides the predecessor's. */
  judgedByPrior(kinds: Observed): void {
    this.inherited = true
    this.observedBefore = new Set([...this.observedBefore, ...kinds])
    this.changed = true
  }

  get running(): number {
    return this.runs.counts.running
  }

  /** Whether evidence of the container counts as learned while the version learns. */
  learnsFrom(container: string): boolean {
    return this.runs.get(container)?.outside !== true
  }

  /** What the host's kernel sees of the container is its sandbox, which is no behaviour of the image. */
  isSandbox(container: string): boolean {
    return this.runs.get(container)?.blind?.why === 'own-kernel'
  }

  /** Containers whose behaviour the host's kernel does not see: those that run, and those that ended since then. */
  blindSince(sinceMs: number): BlindContainers | undefined {
    const reasons = new Set<string>()
    for (const run of this.runs.values()) {
      const { blind, to } = run
      if (blind === undefined || !isUnseen(run)) continue
      if (to === undefined || Date.parse(to) >= sinceMs) reasons.add(blindnessText(blind))
    }
    const { running: of, blind: running } = this.runs.counts
    return reasons.size === 0 ? undefined : { running, of, reasons: [...reasons].sort() }
  }

  /** Why block mode would promise what cannot be had; undefined where it would not. */
  get unstoppable(): string | undefined {
    const { running, sandboxed } = this.runs.counts
    if (sandboxed === 0) return undefined
    return `${sandboxed} of ${running} running containers have their own kernel, where Snug stops nothing`
  }

  /** Blind containers that run now. */
  get blind(): BlindContainers | undefined {
    return this.runs.counts.blind === 0 ? undefined : this.blindSince(Infinity)
  }

  get shownState(): VersionState {
    return stateShown(this.life.state, this.runs.counts.blind > 0)
  }

  /** Why it is in that state, and what no state is worth for containers that nobody sees. */
  get shownBecause(): string {
    const { blind } = this
    const { because } = this.life
    if (blind === undefined) return because
    const text = blindText(blind)
    return because.includes(text) ? because : `${text}; ${because}`
  }

  /** A process of the container is found to run on the kernel of this host. */
  prove(container: string): void {
    const run = this.runs.get(container)
    if (run?.blind === undefined) return
    const { blind: _, blindReported: __, ...seeing } = run
    this.runs.set(container, { ...seeing, proven: true })
    this.#sightChanged()
  }

  /**
   * Its own kernel reports what the container does from now on, or does not any more. A sandbox connects once, before its
   * first program: so its start was observed, also where the engine was the first to report it.
   */
  observedInside(container: string, on: boolean): void {
    const run = this.runs.get(container)
    if (run?.blind?.why !== 'own-kernel' || on === (run.inside === true)) return
    const { inside: _, blindReported: __, ...rest } = run
    if (on && run.before) this.runsBefore -= 1
    this.runs.set(container, on ? { ...rest, before: false, inside: true } : rest)
    this.#sightChanged()
  }

  /** A loss reports that this container is blind. */
  reportedBlind(container: string): void {
    const run = this.runs.get(container)
    if (run === undefined) return
    this.runs.set(container, withChanges(run, { blindReported: true as const }))
    this.changed = true
  }

  started(identity: ContainerIdentity, seen: ContainerSeen, teaches = true): void {
    // A container that ended before its layers were found must not remove the known layers.
    const rootfs = identity.rootfs ?? this.identity?.rootfs
    this.identity = rootfs === undefined ? identity : { ...identity, rootfs }
    if (identity.image.tag !== undefined) addName(this.tags, identity.image.tag)
    const known = this.runs.get(identity.id)
    if (known === undefined || known.actsOnly === true) {
      const run = { container: identity.id, name: identity.name, from: seen.time }
      this.#begin(
        withChanges(run, { before: seen.before, ...(teaches ? {} : { outside: true as const }) }),
      )
    } else {
      // A restart of the container under the same id, or of the agent, is the same run and
      // continues its evidence.
      this.runs.set(identity.id, resumed(known, seen))
    }
    this.#setBlind(identity)
    this.#seenAt(seen.time)
  }

  #setBlind({ id, blind }: ContainerIdentity): void {
    const run = this.runs.get(id)
    if (run === undefined || blind === undefined || (blind.why === 'unproven' && run.proven)) return
    if (run.blind?.why === blind.why) return
    this.runs.set(id, withChanges(run, { blind }))
    this.#sightChanged()
  }

  /** It is stored at once: a restart must not show the version as enforced. */
  #sightChanged(): void {
    this.changed = true
    this.news = true
  }

  /** `watched`: the end was observed, not inferred later. */
  ended(container: string, time: string, watched = true): void {
    const run = this.runs.get(container)
    if (run === undefined) return
    if (run.blind !== undefined) this.#sightChanged()
    this.runs.set(
      container,
      withChanges(run, { to: time, ...(watched ? {} : { endUnseen: true as const }) }),
    )
    this.#seenAt(time)
  }

  /** Records an event. No source may have announced its container: recordings hold only events. */
  touched(event: ActEvent, teaches = true): void {
    const { container, image, time } = event
    const run = this.runs.get(container.id)
    if (run === undefined) {
      const { id, name } = container
      const before = container.before === true
      const outside = teaches ? {} : { outside: true as const }
      const begun = { container: id, from: time, to: time, before, ...outside }
      this.#begin(
        withChanges(begun, { actsOnly: true as const, ...(name === undefined ? {} : { name }) }),
      )
    } else if (run.actsOnly === true && time > (run.to ?? '')) {
      this.runs.set(container.id, withChanges(run, { to: time }))
    }
    if (time > this.lastSeen) this.lastSeen = time
    if (image?.tag !== undefined && image.tag !== this.image.tag) addName(this.tags, image.tag)
  }

  remember(key: BehaviourKey, meaning: KeyMeaning): void {
    this.#keys.set(key, meaning)
  }

  meaning(key: BehaviourKey): KeyMeaning | undefined {
    return this.#keys.get(key)
  }

  /** Remembers an event that was reported in full, for its repeats. A later daemon may receive them as a count. */
  rememberReported(act: ReportedEvent): void {
    this.reported.add(act)
  }

  /** No count of the container can arrive any more. */
  forgetReported(container: string): void {
    this.reported.forget(new Set([container]))
  }

  /**
   * The behaviour that the kernel counts by this tag; undefined if the profile no longer has it.
   */
  tagged(tag: BehaviourTag): BehaviourId | undefined {
    const known = this.#tagged.get(tag)
    if (known !== undefined && this.profile.has(known)) return known
    const [found] = this.profile.startingWith(`b${tag}`)
    if (this.#tagged.size >= keysKept) this.#tagged.clear()
    if (found !== undefined) this.#tagged.set(tag, found)
    return found
  }

  /** See {@link Profile.park}. */
  park(): void {
    this.profile.park()
    if (this.profile.isParked) this.#tagged.clear()
  }

  /** {@link forgetReported} of all containers that ended before a restart. */
  forgetReportedOfEnded(): void {
    const ended = new Set<string>()
    for (const container of this.reported.containers()) {
      const run = this.runs.get(container)
      const isEnded = run === undefined || (run.to !== undefined && run.actsOnly !== true)
      if (isEnded) ended.add(container)
    }
    if (ended.size > 0) this.reported.forget(ended)
  }

  /**
   * Sets a new scope: the kernel reports each event of this version again. Late counts still find
   * their key.
   */
  renewScope(scope: number): void {
    this.scope = scope
    this.#keys.renew()
  }

  #begin(run: Run): void {
    if (!this.runs.has(run.container)) {
      this.runsSeen += 1
      if (run.before) this.runsBefore += 1
    }
    const isNew = !this.runs.has(run.container)
    this.runs.set(run.container, run)
    this.changed = true
    this.#forgetRuns()
    if (isNew) this.#bounds?.runs.grew()
  }

  #seenAt(time: string): void {
    if (time > this.lastSeen) this.lastSeen = time
    this.changed = true
  }

  /** The clock was set: each run goes on by the new time, with another stint. */
  clockStepped(stepMs: number, nowMs: number): void {
    this.life = afterClockStep(this.life, stepMs)
    // The last event may have been since then.
    const moved = (seen: string): string =>
      new Date(Math.min(Date.parse(seen) + stepMs, nowMs)).toISOString()
    this.firstSeen = moved(this.firstSeen)
    this.lastSeen = moved(this.lastSeen)
    this.changed = true
    const to = new Date(nowMs - stepMs).toISOString()
    const time = new Date(nowMs).toISOString()
    for (const run of this.runs.values()) {
      if (run.to !== undefined) continue
      const { earlier = [], from, before } = run
      // It may have begun since then.
      const age = nowMs - Date.parse(from)
      if (stepMs > 0 ? age < stepMs : age >= 0 && age < noticedWithinMs) continue
      const past = [...earlier, { from, to, before }].slice(-stintsKept)
      this.runs.set(run.container, withChanges(run, { from: time, before: true, earlier: past }))
    }
  }

  #forgetRuns(): void {
    if (this.runs.size > runsKept) this.#dropRuns(1)
  }

  /** Drops the oldest runs that have ended. Returns how many. */
  #dropRuns(count: number): number {
    let dropped = 0
    for (const [container, { to }] of this.runs) {
      if (dropped >= count) break
      if (to === undefined) continue
      this.runs.delete(container)
      dropped += 1
    }
    if (dropped > 0) this.changed = true
    return dropped
  }
}

/** Returns the name that had to go. */
export function addName(names: Set<string>, name: string): string | undefined {
  names.add(name)
  if (names.size <= namesKept) return undefined
  const [oldest] = names
  if (oldest !== undefined) names.delete(oldest)
  return oldest
}

/** A step of the clock is noticed within this time: see `ClockSteps`. */
const noticedWithinMs = 10_000

function resumed(run: Run, seen: ContainerSeen): Run {
  const { to, endUnseen, earlier, ...goesOn } = run
  // The end was not observed and the container runs, so it ran all the time.
  if (to === undefined || endUnseen === true || to >= seen.time) {
    return earlier === undefined ? goesOn : withChanges(goesOn, { earlier })
  }
  const past = [...(earlier ?? []), { from: run.from, to, before: run.before }].slice(-stintsKept)
  // Another sandbox has to report it now.
  const { inside: _, ...again } = goesOn
  return withChanges(again, { from: seen.time, before: seen.before, earlier: past })
}
