import type { Alert } from '../../core/event/alert.ts'
import type { ActEvent, EventKind, ImageRef, Origin } from '../../core/event/event.ts'
import type { ContainerIdentity } from '../../pipeline/identity/identity.ts'
import type { TimedDecisions } from '../../core/lifecycle/reported.ts'
import type { ModeDecision } from '../../core/lifecycle/mode-decision.ts'
import type { Version } from '../../core/lifecycle/version.ts'
import type { BehaviourTag } from '../../core/compile/kernel-profile.ts'
import type { BehaviourId } from '../../core/behaviour/behaviour.ts'
import type { Profile } from '../../core/profile/profile.ts'
import type { BehaviourKey, ContainerSeen } from '../../pipeline/sources/source.ts'
import type { ScanRecord } from '../../supplychain/scan/kept-scan.ts'
import { LossLedger } from './loss-ledger.ts'
import { allKinds, type Kinds } from '../../pipeline/judge/source-coverage.ts'

/** The meaning of a behaviour key of the kernel, used to attribute counts reported by key. */
export interface KeyMeaning {
  readonly behaviours: readonly BehaviourId[]
  readonly origin: Origin
  readonly session?: string
  readonly source: string
  readonly expected: boolean
}

/**
 * An unexpected event that was reported. Its repeats are counted by key, also after a restart.
 * Plain data: it is stored.
 */
export interface ReportedEvent extends KeyMeaning {
  readonly key: BehaviourKey
  readonly container: string
  readonly action: Alert['action']
  /** Fingerprint of the alert that it shares with others. */
  readonly alert?: string
}

/** From a start of a container to its end, before it was started again. */
export interface PastStint {
  readonly from: string
  readonly to: string
  readonly before: boolean
}

/** One container of the version, on this node. Plain data: it is stored. */
export interface Run {
  readonly container: string
  readonly name?: string
  /** RFC 3339 */
  readonly from: string
  /**
   * End of the run, absent while it runs. If no source announced the container, the time of its
   * latest event.
   */
  to?: string
  /** Known only from events: recorded events include no start and no end of containers. */
  readonly actsOnly?: true
  /** It already ran when it was first seen: its start is missing from the evidence. */
  readonly before: boolean
  /** It ended while nobody watched. */
  endUnseen?: true
  /** Before it was started again under the same id, oldest first. */
  readonly earlier?: readonly PastStint[]
}

/** The state of the ImageProfile that was reconciled last. Plain data: it is stored. */
export interface ReconciledSpec {
  /** Uid of that object, empty if none was observed. A new object restarts the generation. */
  readonly profile: string
  readonly generation: number
  /** Ids of behaviours that it names and this node does not know yet. */
  readonly awaited: readonly string[]
  /** When each decision in it was made. */
  readonly decisions: readonly TimedDecisions[]
  /** What the server noted of when the mode was written: that need not move where the mode does. */
  readonly modeNoted?: string
}

/** Decisions of people about the mode. Plain data: it is stored. */
export interface ModeDecisions {
  /** The latest decision made on this node, which it reports to the fleet. */
  readonly own?: ModeDecision
  /** The latest decision that the version applied, from any node. */
  readonly done?: ModeDecision
}

const noKinds: Kinds = new Set()

/** Names a version: the same digest deployed as two repositories is two lines of life. */
export type VersionKey = string & { readonly __brand: 'VersionKey' }

export function versionKey(image: ImageRef): VersionKey {
  return `${image.repository}@${image.digest}` as VersionKey
}

/** Runs that a version remembers; the oldest ended ones go first. Evidence keeps all of them. */
const runsKept = 5_000
/** Starts of one container that are kept apart. The oldest are removed first. */
const stintsKept = 100
/** Unexpected events whose keys survive a restart of the daemon. The oldest are removed first. */
const reportedKept = 1_000
/** Blocked events that may repeat. A repeat that is not listed here counts as alerted. */
const actionsKept = 65_536

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
  readonly runs = new Map<string, Run>()
  /** Container runs ever seen, the forgotten ones too. */
  runsSeen = 0
  runsBefore = 0
  firstSeen: string
  lastSeen: string
  life: Version
  /** Digests that the same image got later, by being pushed, and the ids of its configuration. */
  readonly otherDigests = new Set<string>()
  readonly imageIds = new Set<string>()
  /** Its prior is that of a version which had its whole window. */
  inherited = false
  /** One of its containers: the way to the image's files. */
  identity: ContainerIdentity | undefined
  reconciled: ReconciledSpec = { profile: '', generation: 0, awaited: [], decisions: [] }
  modeDecisions: ModeDecisions = {}
  /** Behaviours when the window ended. */
  learnedSize = 0
  /**
   * Kinds of events that were observed while it learned. The profile makes no statement about
   * others.
   */
  observed: Kinds = noKinds
  /** The same of the version that it was handed over from, to judge by while it learns. */
  observedBefore: Kinds = noKinds
  /** Further kinds of which an event was reported. */
  readonly alertedKinds = new Set<EventKind>()
  /** Scope of the kernel's keys for this version. A new scope invalidates them. */
  scope = 0
  /** Rises with each decision and each step of its life, never with counts; no value comes twice, restarts included. */
  revision = 0
  changed = true
  /** The latest reported scan of the version. */
  scan: ScanRecord | undefined
  scanChanged = false
  /** Behaviour was seen or decided on that the store does not have: more than counts. */
  news = true
  /** Epoch milliseconds */
  persistedAt = 0
  /** What to report beside the state: how the profile was widened, or why it cannot block. */
  notes: readonly string[] = []
  /** By these the kernel counts reads that follow from the image's files. */
  derivedTags: ReadonlySet<BehaviourTag> = new Set()
  readonly reported = new Map<string, ReportedEvent>()
  #actions = new Map<string, Alert['action']>()
  /** Sets that `observed` holds already. */
  readonly #watched = new WeakSet<Kinds>()
  readonly #tagged = new Map<BehaviourTag, BehaviourId>()
  #keys = new Map<BehaviourKey, KeyMeaning>()
  #oldKeys = new Map<BehaviourKey, KeyMeaning>()

  constructor(image: ImageRef, life: Version, profile: Profile, seenAt: string) {
    this.key = versionKey(image)
    this.image = image
    this.life = life
    this.profile = profile
    this.firstSeen = seenAt
    this.lastSeen = seenAt
    if (image.tag !== undefined) this.tags.add(image.tag)
  }

  /** What was decided on before is not what stands now. */
  revise(nowMs: number): void {
    // By the clock, so that a number that was lost with the process is not given to something else.
    this.revision = Math.max(this.revision + 1, nowMs)
    this.changed = true
  }

  /** Kinds that were not watched for, of those that there are. */
  get unobserved(): readonly EventKind[] {
    return [...allKinds].filter((kind) => !this.observed.has(kind))
  }

  /** These kinds are watched for while it learns. */
  watchedFor(kinds: Kinds): void {
    if (this.#watched.has(kinds)) return
    this.#watched.add(kinds)
    if ([...kinds].every((kind) => this.observed.has(kind))) return
    this.observed = new Set([...this.observed, ...kinds])
    this.changed = true
  }

  get running(): number {
    let count = 0
    for (const { to } of this.runs.values()) if (to === undefined) count += 1
    return count
  }

  started(identity: ContainerIdentity, seen: ContainerSeen): void {
    // One that was over before anyone could look at its layers does not take away what is known of them.
    const rootfs = identity.rootfs ?? this.identity?.rootfs
    this.identity = rootfs === undefined ? identity : { ...identity, rootfs }
    if (identity.image.tag !== undefined) this.tags.add(identity.image.tag)
    const known = this.runs.get(identity.id)
    if (known === undefined || known.actsOnly === true) {
      const run = { container: identity.id, name: identity.name, from: seen.time }
      this.#begin({ ...run, before: seen.before })
    } else {
      // Restarted under the same id, or the agent was: one run, whose evidence goes on.
      this.runs.set(identity.id, resumed(known, seen))
    }
    this.#seenAt(seen.time)
  }

  /** `watched`: it was seen ending, and not only found to be gone. */
  ended(container: string, time: string, watched = true): void {
    const run = this.runs.get(container)
    if (run === undefined) return
    run.to = time
    if (!watched) run.endUnseen = true
    this.#seenAt(time)
  }

  /** Records an event. No source may have announced its container: recordings hold only events. */
  touched(event: ActEvent): void {
    const { container, image, time } = event
    let run = this.runs.get(container.id)
    if (run === undefined) {
      const before = container.before === true
      run = { container: container.id, from: time, to: time, before, actsOnly: true }
      this.#begin(container.name === undefined ? run : { ...run, name: container.name })
    }
    if (run.actsOnly === true && time > (run.to ?? '')) run.to = time
    if (time > this.lastSeen) this.lastSeen = time
    if (image?.tag !== undefined && image.tag !== this.image.tag) this.tags.add(image.tag)
  }

  remember(key: BehaviourKey, meaning: KeyMeaning): void {
    this.#keys.set(key, meaning)
  }

  meaning(key: BehaviourKey): KeyMeaning | undefined {
    return this.#keys.get(key) ?? this.#oldKeys.get(key)
  }

  /** Records the action for the container's latest event of that key, which its repeats share. */
  rememberAction(key: BehaviourKey, container: string, action: Alert['action']): void {
    const name = `${key} ${container}`
    if (action === 'alerted') this.#actions.delete(name)
    else this.#actions.set(name, action)
    if (this.#actions.size > actionsKept) this.#actions.clear()
  }

  /**
   * Remembers an event that was reported in full. A later daemon may receive its repeats as a
   * count.
   */
  rememberReported(act: ReportedEvent): void {
    const name = `${act.key} ${act.container}`
    this.reported.delete(name)
    this.reported.set(name, act)
    const [oldest] = this.reported.keys()
    if (this.reported.size > reportedKept && oldest !== undefined) this.reported.delete(oldest)
    this.changed = true
  }

  /** Fingerprint of the alert that this container's latest event of that key shares with others. */
  sharedAlertOf(key: BehaviourKey, container: string): string | undefined {
    return this.reported.get(`${key} ${container}`)?.alert
  }

  actionOf(key: BehaviourKey, container: string): Alert['action'] {
    return this.#actions.get(`${key} ${container}`) ?? 'alerted'
  }

  /** The behaviour that the kernel counts by this tag; undefined where it is not in the profile any more. */
  tagged(tag: BehaviourTag): BehaviourId | undefined {
    const known = this.#tagged.get(tag)
    if (known !== undefined && this.profile.has(known)) return known
    const [found] = this.profile.startingWith(`b${tag}`)
    if (found !== undefined) this.#tagged.set(tag, found)
    return found
  }

  /**
   * Sets a new scope: the kernel reports each event of this version again. Late counts still find
   * their key.
   */
  renewScope(scope: number): void {
    this.scope = scope
    this.#oldKeys = this.#keys
    this.#keys = new Map()
  }

  #begin(run: Run): void {
    if (!this.runs.has(run.container)) {
      this.runsSeen += 1
      if (run.before) this.runsBefore += 1
    }
    this.runs.set(run.container, run)
    this.changed = true
    this.#forgetRuns()
  }

  #seenAt(time: string): void {
    if (time > this.lastSeen) this.lastSeen = time
    this.changed = true
  }

  #forgetRuns(): void {
    if (this.runs.size <= runsKept) return
    for (const [container, { to }] of this.runs) {
      if (to === undefined) continue
      this.runs.delete(container)
      return
    }
  }
}

function resumed(run: Run, seen: ContainerSeen): Run {
  const { to, endUnseen, earlier, ...goesOn } = run
  // Nobody saw it end, and it runs: it was there all the time.
  if (to === undefined || endUnseen === true || to >= seen.time) {
    return earlier === undefined ? goesOn : { ...goesOn, earlier }
  }
  const past = [...(earlier ?? []), { from: run.from, to, before: run.before }].slice(-stintsKept)
  return { ...goesOn, from: seen.time, before: seen.before, earlier: past }
}
