import type { SpecDecision, BehaviourDecision } from './kubernetes/spec-decision.ts'
import {
  bestDecisionTime,
  type DecisionTime,
  type DecisionTimes,
  decisionTimesOf,
  groupDecisionTimes,
} from '../core/lifecycle/reported.ts'
import { approveAllName, isModeName, modeName } from '../core/lifecycle/spec-names.ts'
import { compareDecisions, type ModeDecision } from '../core/lifecycle/mode-decision.ts'
import type { BehaviourId } from '../core/behaviour/behaviour.ts'
import type { DeployedVersion, ReconciledSpec } from '../state/versions/deployed-version.ts'
import type { Decider } from '../engine/api/engine.ts'

/** A version with the state of one of the objects that decide on it: its own, or the one for all scopes. */
export type Reconcilable = Pick<DeployedVersion, 'profile' | 'reconciled'>

/** An object as it was received, with what it lacked meanwhile. */
export interface ReceivedDecision extends SpecDecision {
  /**
   * The latest generation in which it lacked a decision that it had before. One that came again is another decision, also
   * where this node looked at the object neither time.
   */
  readonly lacked: ReadonlyMap<string, number>
}

/** Of an object, decisions whose absence is remembered. Those that left it first are forgotten first. */
const lackedKept = 4_096

/** @param before the same object as it was received last */
export function receivedDecision(
  decision: SpecDecision,
  before: ReceivedDecision | undefined,
): ReceivedDecision {
  if (before?.profile !== decision.profile) return { ...decision, lacked: new Map() }
  const lacked = new Map(before.lacked)
  const now = new Set(decisionNames(decision).map(([name]) => name))
  for (const [name] of decisionNames(before)) {
    if (now.has(name)) continue
    lacked.delete(name)
    lacked.set(name, decision.generation)
  }
  for (const name of lacked.keys()) {
    if (lacked.size <= lackedKept) break
    lacked.delete(name)
  }
  return { ...decision, lacked }
}

export function isReconciled(
  { reconciled }: Pick<Reconcilable, 'reconciled'>,
  decision: SpecDecision,
): boolean {
  return reconciled.profile === decision.profile && reconciled.generation >= decision.generation
}

export function decidedAt({ decisions }: ReconciledSpec, name: string): string | undefined {
  return decisions.find(({ names }) => names.includes(name))?.at
}

/**
 * Reconciles an object. The time of each decision is the one that this node remembers, or that other nodes reported, or
 * that the server noted. `fresh` names the new decisions. A decision that was absent after this node saw it was made
 * again. Where the watch broke meanwhile, only other nodes know that.
 *
 * @param written what the nodes published; undefined where nothing is new of it since the object was reconciled
 */
export function reconcileSpec(
  version: Reconcilable,
  decision: ReceivedDecision,
  written: ReadonlyMap<string, readonly DecisionTime[]> | undefined,
  nowMs: number,
): { readonly reconciled: ReconciledSpec; readonly fresh: ReadonlySet<string> } {
  const fresh = new Set<string>()
  const { reconciled } = version
  if (isReconciled(version, decision) && written === undefined) return { reconciled, fresh }
  const { profile, generation, mode } = decision
  const isSame = reconciled.profile === profile
  const before: DecisionTimes = isSame ? decisionTimesOf(reconciled.decisions) : new Map()
  const after = isSame ? reconciled.generation : 0
  const decisions = new Map<string, DecisionTime>()
  for (const [name, at] of timesOf(decision, isSame ? reconciled : undefined, nowMs)) {
    const last = before.get(name)
    const lackedAt = decision.lacked.get(name) ?? 0
    const reported = (written?.get(name) ?? []).filter((time) => isTimeIn(time, generation))
    const reportedLack = Math.max(0, ...reported.map((time) => time.after))
    const isKnown = last !== undefined && last.generation > Math.max(lackedAt, reportedLack)
    if (isKnown) {
      decisions.set(name, last)
      continue
    }
    fresh.add(name)
    const own = { after: last === undefined ? Math.max(after, lackedAt) : lackedAt, generation, at }
    // Only others saw that it was made again. The time here would be that of their report.
    const isOthers = last !== undefined && reportedLack > lackedAt
    decisions.set(name, bestDecisionTime(isOthers ? reported : [...reported, own]) ?? own)
  }
  const next = {
    profile,
    generation,
    awaited: reconciled.awaited,
    decisions: groupDecisionTimes(decisions),
  }
  return { reconciled: mode === undefined ? next : { ...next, modeNoted: mode.at }, fresh }
}

/** Whether the decision with this time is in that generation of the object, as far as one can tell. */
function isTimeIn(time: DecisionTime, generation: number): boolean {
  return time.after < time.generation && time.generation <= generation
}

/** All decisions in an object, each with the time from which it counts. */
function* timesOf(
  decision: SpecDecision,
  before: ReconciledSpec | undefined,
  nowMs: number,
): Iterable<readonly [string, string]> {
  for (const [name, at] of decisionNames(decision))
    yield [name, isModeName(name) ? modeTime(at, before, nowMs) : at]
}

/** All decisions in an object by name, each with the time that the server noted for its author. */
function decisionNames(decision: SpecDecision): readonly (readonly [string, string])[] {
  const { approveAll, mode, isGit } = decision
  const listed = decidable.flatMap((what) =>
    decision[what].map(({ id, at }) => [`${what} ${id}`, at] as const),
  )
  return [
    ...listed,
    ...(approveAll === undefined ? [] : [[approveAllName, approveAll.at] as const]),
    ...(mode === undefined ? [] : [[modeName(mode.is, isGit), mode.at] as const]),
  ]
}

const secondMs = 1_000

/**
 * The server notes no new time when only the value of the mode changes. Such a change counts from the whole second in
 * which this node observes it. Of two changes within one second, the later one is still the later.
 */
function modeTime(noted: string, before: ReconciledSpec | undefined, nowMs: number): string {
  const last = before?.decisions.find(({ names }) => names.some(isModeName))?.at
  const reconciledMs = Math.floor(nowMs / secondMs) * secondMs
  const atMs = noted === before?.modeNoted ? reconciledMs : Date.parse(noted)
  return new Date(last === undefined ? atMs : Math.max(atMs, Date.parse(last) + 1)).toISOString()
}

/** The object's decision on the mode; valid only after {@link reconcileSpec}. */
export function modeDecisionOf(
  { reconciled }: Pick<Reconcilable, 'reconciled'>,
  decision: SpecDecision,
): ModeDecision | undefined {
  const { mode } = decision
  if (mode === undefined) return undefined
  return {
    mode: mode.is,
    by: mode.by,
    at: decidedAt(reconciled, modeName(mode.is, decision.isGit)) ?? mode.at,
  }
}

export function isPast(decision: ModeDecision, done: ModeDecision | undefined): boolean {
  return done !== undefined && compareDecisions(decision, done) <= 0
}

/** In this order, so that a rejection applies where an object approves and rejects the same. */
const decidable = ['approve', 'release', 'reject'] as const
type What = (typeof decidable)[number]

/** Decisions that one person made at one time. */
interface ApplicableDecision {
  readonly what: What
  readonly by: Decider
  readonly ids: readonly string[]
}

/** The decisions on behaviours that this node applies now, and the ids of behaviours that it does not have yet. */
export function applicableDecisions(
  version: Reconcilable,
  decision: SpecDecision,
  reconciled: ReconciledSpec,
  fresh: ReadonlySet<string>,
): { readonly applicable: readonly ApplicableDecision[]; readonly awaited: readonly string[] } {
  const decisions = decisionTimesOf(reconciled.decisions)
  const waiting = new Set(version.reconciled.awaited)
  const applicable = new Map<string, { what: What; by: Decider; ids: string[] }>()
  const awaited = new Set<string>()
  for (const what of decidable) {
    for (const { id, by: who, at: noted } of decision[what]) {
      const name = `${what} ${id}`
      const at = decisions.get(name)?.at ?? noted
      const isWanted = fresh.has(name) || waiting.has(id)
      const bears = applicability(version, { id, by: who, at }, decision.isGit, what)
      // A behaviour that was present and is missing now: a person made the agent forget it after that decision.
      if (bears === 'awaits' && isWanted) awaited.add(id)
      if (bears !== 'stands' || !(isWanted || decision.isGit)) continue
      const group = applicable.get(`${what} ${at} ${who}`) ?? { what, by: { who, at }, ids: [] }
      group.ids.push(id)
      applicable.set(`${what} ${at} ${who}`, group)
    }
  }
  return { applicable: [...applicable.values()], awaited: [...awaited] }
}

/**
 * How a decision on a behaviour applies to this node. `awaits`: the node does not have the behaviour yet. A person can
 * only approve observed behaviour, so a decision without evidence from another node stays with that node.
 */
function applicability(
  { profile }: Reconcilable,
  { id, by, at }: BehaviourDecision,
  isGit: boolean,
  what: What,
): 'stands' | 'awaits' | 'past' {
  const entry = profile.entry(id as BehaviourId)
  if (entry === undefined) return 'awaits'
  const { decision, cells, inherited } = entry
  if (decision !== undefined) {
    const isOlder = decision.at < at
    if (!isOlder && (!isGit || decision.by === by)) return 'past'
  }
  if (what === 'reject') return 'stands'
  // A guardrail fired on it: only the explicit list frees it.
  if (what === 'approve' && profile.state(entry.id) === 'quarantined') return 'awaits'
  const isSeen = cells.length > 0 || inherited !== undefined
  return isSeen ? 'stands' : 'awaits'
}
