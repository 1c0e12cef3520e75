import { blindText } from '../../../core/sight/blindness.ts'
import { settleBlocking } from '../../../core/lifecycle/blocking.ts'
import { inheritedExpireAt } from '../../../core/lifecycle/inheritance.ts'
import {
  advance,
  type LearnRules,
  type Step,
  type Version,
  type WindowEvidence,
} from '../../../core/lifecycle/version.ts'
import { type ContainerRun, sawStart, sliceMicrosFor } from '../../../core/coverage/coverage.ts'
import type { Micros } from '../../../core/event/time.ts'
import type { Cell } from '../../../core/profile/evidence.ts'
import { type ProfileEntry, starterName } from '../../../core/profile/profile-entry.ts'
import { finish, type Steps } from '../../../core/steps.ts'
import { Rounds } from '../../../support/rounds.ts'
import type { DeployedVersion } from './deployed-version.ts'
import { enforcementGap, profileFull } from './loss-ledger.ts'
import type { VersionBounds } from './version-bounds.ts'
import type { VersionEvents } from './version-events.ts'
import type { VersionIndex } from './version-index.ts'
import { watchedRuns } from './watched-runs.ts'

/** A learning version, as of the last tick. */
export interface Learning {
  readonly version: DeployedVersion
  /** Upper bound of the probability that the next unit shows new behaviour. */
  readonly bound: number
}

export interface VersionLifecycleOptions {
  readonly node: string
  readonly rules: LearnRules
  readonly now: () => number
  /** What starter profiles add to a version after its window; absent: there are none. */
  readonly starters?: (version: DeployedVersion) => readonly ProfileEntry[]
}

/** Moves the versions through their lives: estimates of coverage, ends of windows, blocking. */
export class VersionLifecycle {
  /** Versions that learned at the last tick. */
  learning: readonly Learning[] = []
  /** Effective from the next tick. */
  rules: LearnRules
  readonly #options: VersionLifecycleOptions
  readonly #index: VersionIndex
  readonly #bounds: VersionBounds
  readonly #events: VersionEvents
  /** Version → the deadline at which its inherited behaviours last expired. */
  readonly #letGo = new WeakMap<DeployedVersion, number>()
  readonly #estimates = new WeakMap<DeployedVersion, { atMs: number; bound: number }>()
  readonly #parkRounds = new Rounds(parkedEveryMs)

  constructor(
    index: VersionIndex,
    bounds: VersionBounds,
    events: VersionEvents,
    options: VersionLifecycleOptions,
  ) {
    this.#index = index
    this.#events = events
    this.#bounds = bounds
    this.#options = options
    this.rules = options.rules
  }

  remove(version: DeployedVersion): void {
    this.learning = this.learning.filter((each) => each.version !== version)
  }

  evidence(version: DeployedVersion, nowMs: number): WindowEvidence {
    return finish(this.evidenceSteps(version, nowMs))
  }

  /** {@link evidence} with pauses. */
  *evidenceSteps(version: DeployedVersion, nowMs: number): Steps<WindowEvidence> {
    const spans = version.losses.spans.filter(({ reason }) => reason !== enforcementGap)
    const last = spans.toSorted((a, b) => Date.parse(a.to) - Date.parse(b.to)).at(-1)
    const runs = this.runsOf(version, nowMs)
    const unmet = this.rules.mustSee?.(version.image)
    const blind = version.blindSince(nowMs - this.rules.floorMs)
    const unblockable = this.rules.unblockable?.(version.image) ?? version.unstoppable
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
      startSeen: sawStart(runs),
      unobserved: version.unobserved,
      ...(unmet === undefined ? {} : { unmet: () => unmet(version.profile) }),
      ...(unblockable === undefined ? {} : { unblockable }),
      ...(blind === undefined ? {} : { blind: blindText(blind) }),
    }
  }

  /** Observed runs of its containers so far. */
  runsOf(version: DeployedVersion, nowMs: number): readonly ContainerRun[] {
    return watchedRuns(version, nowMs, this.#options.node)
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
    for (const { profile, runs } of this.#index) {
      const isOver = ({ container, session, last }: Cell): boolean => {
        if (last > restingSince) return false
        const run = runs.get(container)
        return session !== undefined || run === undefined || run.to !== undefined
      }
      profile.fold({ node, isOver }, hasTime)
      if (!hasTime()) return
    }
  }

  /**
   * Profiles of versions without a container leave memory until they are asked for, where nobody asked for the last
   * minute: see {@link Profile.park}.
   */
  *parkSteps(): Steps<void> {
    if (!this.#parkRounds.begins(this.#options.now())) return
    for (const version of this.#index) {
      if (!isIdle(version)) continue
      yield
      if (isIdle(version)) version.park()
    }
  }

  /** Somebody set the clock by `stepMs`. */
  clockStepped(stepMs: number): void {
    const nowMs = this.#options.now()
    for (const version of this.#index) {
      version.clockStepped(stepMs, nowMs)
      const known = this.#estimates.get(version)
      if (known !== undefined) this.#estimates.set(version, { ...known, atMs: known.atMs + stepMs })
    }
  }

  /** Advances the lifecycle of every version. */
  tick(): void {
    finish(this.tickSteps())
  }

  /** {@link tick} with pauses. */
  *tickSteps(): Steps<void> {
    const nowMs = this.#options.now()
    this.#countBehaviours()
    const unsettled: DeployedVersion[] = []
    for (const version of this.#index) {
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
    for (const { profile } of learning) if (profile.isToSettle) yield* profile.settleSteps()
    for (const version of this.#toEstimate(unsettled, nowMs)) {
      const { life } = version
      const evidence = yield* this.evidenceSteps(version, nowMs)
      // A person decided meanwhile, or removed it.
      if (version.life !== life || !this.#index.has(version)) continue
      this.#estimates.set(version, { atMs: nowMs, bound: evidence.coverage.bound })
      const step = advance(life, evidence, this.rules, nowMs)
      if (step.transitions.some(({ from }) => from.state === 'learning')) {
        yield* version.profile.prepareSettle()
        if (version.life !== life || !this.#index.has(version)) continue
      }
      this.apply(version, step)
    }
    this.learning = learning.map((version) => ({
      version,
      bound: this.#estimates.get(version)?.bound ?? 1,
    }))
  }

  #countBehaviours(): void {
    let total = 0
    for (const { profile } of this.#index) total += profile.size
    this.#bounds.behaviours.counted(total, this.#index.size)
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
    this.#expire(version, (from) => starterName(from) === undefined)
  }

  #expire(version: DeployedVersion, isFrom: (from: string) => boolean): void {
    const gone = version.profile.expireInherited(isFrom)
    if (gone.length === 0) return
    version.news = true
    this.#events.emit('inherited-expired', version, gone)
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
        version.profile.merge(this.#options.starters?.(version) ?? [])
      }
      this.#events.emit('transition', version, transition)
    }
    // What blocks was seen, or a person allowed it.
    if (life.mode === 'block' && before.mode !== 'block') {
      this.#expire(version, (from) => starterName(from) !== undefined)
    }
    if (hasMoved(before, life)) this.#events.emit('mode-changed', version, before)
  }
}

/** An estimate of coverage is at most so old, or a hundredth of the window. */
const estimatedEveryMs = 10_000
/** Estimates of one tick. */
const estimatesAtOnce = 16
/** Evidence of an ended container, or of a session, is added to that of others after this time without an event. */
const foldedAfterMs = 600_000
const parkedEveryMs = 60_000

function isIdle({ running, life, profile }: DeployedVersion): boolean {
  return running === 0 && life.state !== 'learning' && !profile.isParked
}

function hasMoved(a: Version, b: Version): boolean {
  return (
    a.state !== b.state ||
    a.mode !== b.mode ||
    a.blocking !== b.blocking ||
    a.breakGlass !== b.breakGlass
  )
}
