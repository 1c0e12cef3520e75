import { SnugError } from '../../errors.ts'
import type { Coverage } from '../coverage/coverage.ts'
import type { ImageRef } from '../event/event.ts'
import type { Profile } from '../profile/profile.ts'
import {
  blockingAfterStep,
  type Blocking,
  type BlockRules,
  blockingText,
  type BreakGlass,
  type CanaryChoice,
  defaultBlockRules,
  settleBlocking,
  startBlocking,
  withoutBlocking,
} from './blocking.ts'
import type { Mode, VersionState } from './mode.ts'
import { durationText, percentText } from './wording.ts'
import type { Unblockable } from './vital-units.ts'

/** When a window ends, and the state that follows automatically. */
export interface LearnRules {
  readonly floorMs: number
  readonly ceilingMs: number
  /** The window may end once the bound on unseen behaviour is at or below it; 0..1. */
  readonly unseen: number
  readonly after: 'review' | 'alert' | 'block'
  /** How long after its window inherited behaviour that was never shown stays expected. Absent: 7 days. */
  readonly inheritedForMs?: number
  /** Absent: {@link defaultBlockRules}. */
  readonly block?: BlockRules
  /** Whether containers of that namespace teach a version; absent: all do. */
  readonly teaches?: (namespace: string | undefined) => boolean
  /** What must have been seen before a window of that image ends; undefined for an image without requirements. */
  readonly mustSee?: (image: ImageRef) => ((profile: Profile) => readonly string[]) | undefined
  /** Scopes that must have shown a behaviour before others of the image expect it. Absent or 0: it takes a person. */
  readonly mergeFrom?: number
  /** Absent: all images may block. */
  readonly unblockable?: Unblockable
}

/** The state of one version. Plain data, frozen. */
export interface Version {
  readonly digest: string
  readonly state: VersionState
  readonly mode: Mode
  /** Epoch milliseconds; of the present window, or of the last. */
  readonly learningSince: number
  readonly learnedAt?: number
  /** Since when it alerts; the soak before blocking counts from here. */
  readonly alertingSince?: number
  /** Digest of the version whose behaviours were the prior. */
  readonly predecessor?: string
  /** A sentence about missing evidence; while it is present the version never blocks. */
  readonly holes?: string
  /** Only in mode `block`. */
  readonly blocking?: Blocking
  /** Only in mode `block`, while a person has it off. */
  readonly breakGlass?: BreakGlass
  /** A person took it back from blocking: `after: block` does not undo that. */
  readonly heldBack?: true
  /** A sentence about why the version is in this state. */
  readonly because: string
}

/** The quality of a version's evidence at an instant. */
export interface WindowEvidence {
  readonly coverage: Coverage
  /** Events known to be lost in the window, and when the last loss ended (epoch milliseconds). */
  readonly lost: number
  readonly lastLossMs?: number
  readonly lastLossReason?: string
  /** Events of this window that did not fit into the profile. */
  readonly unrecorded?: number
  /** At least one container was watched from its start. */
  readonly startSeen: boolean
  /** Kinds of events that no source observed. */
  readonly unobserved?: readonly string[]
  /** What the profile must have seen and has not, a sentence each. Asked last, as it reads the whole profile. */
  readonly unmet?: () => readonly string[]
  /** Why it may never block. */
  readonly unblockable?: string
  /** A sentence about containers whose behaviour the host's kernel does not see. */
  readonly blind?: string
}

export interface Transition {
  readonly from: { readonly state: VersionState; readonly mode: Mode }
  readonly to: { readonly state: VersionState; readonly mode: Mode }
  readonly atMs: number
  readonly because: string
}

export interface Step {
  readonly version: Version
  readonly transitions: readonly Transition[]
}

/**
 * The version by a clock that was set by `stepMs`: windows, the soak and break-glass last as
 * long as they would have.
 */
export function afterClockStep(version: Version, stepMs: number): Version {
  const { learningSince, learnedAt, alertingSince } = version
  return Object.freeze({
    ...blockingAfterStep(version, stepMs),
    learningSince: learningSince + stepMs,
    ...(learnedAt === undefined ? {} : { learnedAt: learnedAt + stepMs }),
    ...(alertingSince === undefined ? {} : { alertingSince: alertingSince + stepMs }),
  })
}

/** A first look at a digest. With a predecessor it is judged from its first event, against the prior. */
export function startVersion(digest: string, nowMs: number, predecessor?: string): Version {
  return Object.freeze({
    digest,
    state: 'learning',
    mode: 'learn',
    learningSince: nowMs,
    ...(predecessor === undefined ? {} : { predecessor }),
    because:
      predecessor === undefined
        ? 'first container of this image: learning started'
        : 'new version: learning started, with the behaviours of the previous version as prior',
  } as const)
}

function moved(version: Version, change: Partial<Version>, nowMs: number): Step {
  const next: Version = Object.freeze({ ...version, ...change })
  if (next.state === version.state && next.mode === version.mode) {
    return { version: next, transitions: [] }
  }
  const transition: Transition = {
    from: { state: version.state, mode: version.mode },
    to: { state: next.state, mode: next.mode },
    atMs: nowMs,
    because: next.because,
  }
  return { version: next, transitions: [transition] }
}

/** The requirements that the evidence lacks for a learned profile; undefined where it lacks none. */
function missing(evidence: WindowEvidence, rules: LearnRules, nowMs: number): string | undefined {
  const { coverage, lastLossMs, lastLossReason, lost, startSeen, unrecorded = 0 } = evidence
  // Before all others: what is known of the other containers is no evidence about these.
  if (evidence.blind !== undefined) return evidence.blind
  if (!startSeen) return 'no container start was observed: restart a container'
  // Time does not heal it: the profile stays full.
  if (unrecorded > 0) return `the profile is full, and ${unrecorded} events did not fit into it`
  if (lastLossMs !== undefined && nowMs - lastLossMs < rules.floorMs) {
    const why = lastLossReason === undefined ? '' : ` (${lastLossReason})`
    return `${lost} events were lost, the last ${durationText(nowMs - lastLossMs)} ago${why}`
  }
  if (coverage.bound > rules.unseen) {
    return `${coverage.sentence}; the limit is ${percentText(rules.unseen)}`
  }
  const [first, ...more] = evidence.unmet?.() ?? []
  if (first === undefined) return undefined
  return `not representative: ${first}${more.length === 0 ? '' : `, and ${more.length} more`}`
}

function whileLearning(
  version: Version,
  evidence: WindowEvidence,
  rules: LearnRules,
  nowMs: number,
): Step {
  const age = nowMs - version.learningSince
  const lacks = missing(evidence, rules, nowMs)
  if (age >= rules.floorMs && lacks === undefined) {
    const because = `learned in ${durationText(age)}: ${evidence.coverage.sentence}`
    const { holes: _, ...whole } = version
    const learned = { ...whole, learnedAt: nowMs }
    return rules.after === 'review'
      ? step(version, { ...learned, state: 'review', because }, nowMs)
      : step(version, { ...learned, ...alerting(nowMs), state: 'enforced', because }, nowMs)
  }
  // Of a blind container more time shows nothing: a person decides.
  if (age >= rules.ceilingMs && lacks !== undefined && evidence.blind === undefined) {
    return moved(
      version,
      ended(lacks, `the learning window ended after ${durationText(age)}`, rules, nowMs),
      nowMs,
    )
  }
  const rest =
    evidence.blind !== undefined
      ? 'until no container is blind'
      : age < rules.floorMs
        ? `at least ${durationText(rules.floorMs)}`
        : 'until coverage is sufficient'
  const because = `learning for ${durationText(age)}, ${rest}: ${lacks ?? evidence.coverage.sentence}`
  return { version: Object.freeze({ ...version, because }), transitions: [] }
}

function step(from: Version, to: Version, nowMs: number): Step {
  const { transitions } = moved(from, to, nowMs)
  return { version: Object.freeze(to), transitions }
}

function alerting(nowMs: number) {
  return { mode: 'alert', alertingSince: nowMs } as const
}

/** An incomplete profile still raises alerts, marked as incomplete. It never blocks. */
function ended(holes: string, how: string, rules: LearnRules, nowMs: number): Partial<Version> {
  const change = {
    state: 'incomplete',
    holes,
    learnedAt: nowMs,
    because: `${how}: ${holes}`,
  } as const
  return rules.after === 'review' ? change : { ...change, ...alerting(nowMs) }
}

/**
 * Moves a version on as time passes. Idempotent: without news it returns the version as it is, with `because`
 * brought up to date.
 */
export function advance(
  version: Version,
  evidence: WindowEvidence,
  rules: LearnRules,
  nowMs: number,
): Step {
  switch (version.state) {
    case 'learning':
      return whileLearning(version, evidence, rules, nowMs)
    case 'enforced':
      return whileEnforced(version, evidence, rules, nowMs)
    case 'review':
    case 'incomplete':
      return { version, transitions: [] }
  }
}

function whileEnforced(
  version: Version,
  evidence: WindowEvidence,
  rules: LearnRules,
  nowMs: number,
): Step {
  if (version.mode === 'block') {
    return { version: settleBlocking(version, nowMs), transitions: [] }
  }
  const { learnedAt, alertingSince, heldBack } = version
  if (rules.after !== 'block' || learnedAt === undefined || heldBack === true) {
    return { version, transitions: [] }
  }
  if (blockRefusal(version, evidence, rules, nowMs) !== undefined) {
    return { version, transitions: [] }
  }
  const blocking = startBlocking(rules.block ?? defaultBlockRules, nowMs)
  const alerted = `alerted for ${durationText(nowMs - (alertingSince ?? nowMs))}`
  const because = `${alerted}: blocking ${blockingText(blocking, nowMs)}`
  return moved(version, { mode: 'block', blocking, because }, nowMs)
}

/** Why the version may not block now; undefined where it may. */
export function blockRefusal(
  version: Version,
  evidence: WindowEvidence,
  rules: LearnRules,
  nowMs: number,
): string | undefined {
  if (evidence.unblockable !== undefined) return evidence.unblockable
  if (evidence.blind !== undefined) return evidence.blind
  if (version.state !== 'enforced')
    return `the state of the version is ${version.state}, not enforced`
  if (version.holes !== undefined) return `its evidence has holes: ${version.holes}`
  if (version.mode === 'learn') return 'the version must run in mode alert before it blocks'
  const { unobserved = [] } = evidence
  if (unobserved.length > 0) {
    const kinds = unobserved.join(', ')
    return `no source observed events of kind ${kinds} during learning: set the version back to learning`
  }
  const soaked = nowMs - (version.alertingSince ?? nowMs)
  if (soaked < rules.floorMs) {
    return `the version has been in mode alert for ${durationText(soaked)}; the minimum is ${durationText(rules.floorMs)}`
  }
  return missing(evidence, rules, nowMs)
}

/** A person ends the window now. Missing evidence is reported and stays with the version. */
export function endLearning(
  version: Version,
  evidence: WindowEvidence,
  rules: LearnRules,
  nowMs: number,
  who: string,
): Step {
  if (version.state !== 'learning') return { version, transitions: [] }
  const lacks = missing(evidence, rules, nowMs)
  const how = `${who} ended the learning window after ${durationText(nowMs - version.learningSince)}`
  if (lacks !== undefined) return moved(version, ended(lacks, how, rules, nowMs), nowMs)
  const change = { learnedAt: nowMs, because: how }
  return rules.after === 'review'
    ? moved(version, { ...change, state: 'review' }, nowMs)
    : moved(version, { ...change, ...alerting(nowMs), state: 'enforced' }, nowMs)
}

/** A person approved the profile as it stands: it is enforced, by alerts. Holes stay on record. */
export function approveVersion(version: Version, nowMs: number, who: string): Step {
  if (version.state === 'enforced') return { version, transitions: [] }
  const learnedAt = version.learnedAt ?? nowMs
  const because = `${who} approved the profile`
  const change = { state: 'enforced', learnedAt, because, ...alerting(nowMs) } as const
  const holes =
    version.state === 'learning'
      ? { holes: 'the profile was approved before the learning window ended' }
      : {}
  return moved(version, { ...change, ...holes }, nowMs)
}

/**
 * A person sets what a deviation gets.
 *
 * @throws SnugError MODE_REFUSED where a gate before blocking is shut
 */
export function setMode(
  version: Version,
  mode: Mode,
  evidence: WindowEvidence,
  rules: LearnRules,
  nowMs: number,
  who: string,
  canary: CanaryChoice = {},
): Step {
  switch (mode) {
    case 'learn': {
      if (version.state === 'learning') return { version, transitions: [] }
      const {
        holes: _,
        learnedAt: __,
        alertingSince: ___,
        heldBack: ____,
        ...rest
      } = withoutBlocking(version)
      const because = `${who} set the version back to learning`
      const again = { ...rest, state: 'learning', mode, learningSince: nowMs, because } as const
      return step(version, again, nowMs)
    }
    case 'alert': {
      const because = `${who} set mode alert`
      if (version.state === 'learning') {
        const lacks = missing(evidence, rules, nowMs)
        const state = lacks === undefined ? 'enforced' : 'incomplete'
        const holes = lacks === undefined ? {} : { holes: lacks }
        const change = { ...alerting(nowMs), state, learnedAt: nowMs, ...holes } as const
        return moved(
          version,
          { ...change, because: lacks === undefined ? because : `${because}: ${lacks}` },
          nowMs,
        )
      }
      if (version.mode === 'alert') return { version, transitions: [] }
      if (version.mode === 'block') {
        const back = { ...withoutBlocking(version), ...alerting(nowMs), because }
        return step(version, { ...back, heldBack: true }, nowMs)
      }
      const state = version.state === 'review' ? 'enforced' : version.state
      return moved(version, { ...alerting(nowMs), state, because }, nowMs)
    }
    case 'block':
      return toBlock(version, evidence, rules, nowMs, who, canary)
  }
}

/** A version that blocks already is armed again, from its canary on, past the gates that it came through. */
function toBlock(
  version: Version,
  evidence: WindowEvidence,
  rules: LearnRules,
  nowMs: number,
  who: string,
  canary: CanaryChoice,
): Step {
  const blocking = startBlocking(rules.block ?? defaultBlockRules, nowMs, canary)
  if (version.mode === 'block') {
    const chosen = canary.fraction !== undefined || canary.forMs !== undefined
    if (version.blocking?.disarmedAt === undefined && !chosen) return { version, transitions: [] }
    const because = `${who} armed blocking again: ${blockingText(blocking, nowMs)}`
    return moved(version, { blocking, because }, nowMs)
  }
  const refusal = blockRefusal(version, evidence, rules, nowMs)
  if (refusal !== undefined) throw new SnugError('MODE_REFUSED', `cannot block: ${refusal}`)
  const because = `${who} set mode block: ${blockingText(blocking, nowMs)}`
  const { heldBack: _, ...rest } = version
  return step(version, { ...rest, mode: 'block', blocking, because }, nowMs)
}
