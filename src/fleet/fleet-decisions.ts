import type { SpecDecision, BehaviourDecision } from './kubernetes/spec-decision.ts'
import {
  bestDecisionTime,
  type DecisionTime,
  type DecisionTimes,
  decisionTimesOf,
  groupDecisionTimes,
} from '../core/lifecycle/reported.ts'
import { compareDecisions, type ModeDecision } from '../core/lifecycle/mode-decision.ts'
import type { BehaviourId } from '../core/behaviour/behaviour.ts'
import type { DeployedVersion, ReconciledSpec } from '../state/versions/deployed-version.ts'
import type { Decider } from '../engine/api/engine.ts'

/** Words of an ImageProfile are known by these names, and those of behaviours by `approve ID` and `reject ID`. */
export const approveAllName = 'approve all'
const modeNames = ['mode', 'git mode'] as const

export function isReconciled({ reconciled }: DeployedVersion, decision: SpecDecision): boolean {
  return reconciled.profile === decision.profile && reconciled.generation >= decision.generation
}

export function decidedAt({ decisions }: ReconciledSpec, name: string): string | undefined {
  return decisions.find(({ names }) => names.includes(name))?.at
}

/**
 * Hears an object: when each of its words was said, as this node remembers it, or as others told it, or as the server
 * noted it; and which of them are new.
 */
export function reconcileSpec(
  version: DeployedVersion,
  decision: SpecDecision,
  written: ReadonlyMap<string, readonly DecisionTime[]> | undefined,
  nowMs: number,
): { readonly reconciled: ReconciledSpec; readonly fresh: ReadonlySet<string> } {
  const fresh = new Set<string>()
  const { reconciled } = version
  if (isReconciled(version, decision)) return { reconciled, fresh }
  const { profile, generation, mode } = decision
  const isSame = reconciled.profile === profile
  const before: DecisionTimes = isSame ? decisionTimesOf(reconciled.decisions) : new Map()
  const after = isSame ? reconciled.generation : 0
  const decisions = new Map<string, DecisionTime>()
  for (const [name, at] of timesOf(decision, isSame ? reconciled : undefined, nowMs)) {
    const known = before.get(name)
    const own = { after, generation, at }
    decisions.set(name, known ?? bestDecisionTime([...(written?.get(name) ?? []), own]) ?? own)
    if (known === undefined) fresh.add(name)
  }
  const next = {
    profile,
    generation,
    awaited: reconciled.awaited,
    decisions: groupDecisionTimes(decisions),
  }
  return { reconciled: mode === undefined ? next : { ...next, modeNoted: mode.at }, fresh }
}

/** All that an object says, with the time that the server noted of who wrote it. */
function* timesOf(
  decision: SpecDecision,
  before: ReconciledSpec | undefined,
  nowMs: number,
): Iterable<readonly [string, string]> {
  for (const { id, at } of decision.approve) yield [`approve ${id}`, at]
  for (const { id, at } of decision.reject) yield [`reject ${id}`, at]
  if (decision.approveAll !== undefined) yield [approveAllName, decision.approveAll.at]
  if (decision.mode !== undefined)
    yield [modeName(decision), modeTime(decision.mode.at, before, nowMs)]
}

const secondMs = 1_000

/**
 * The server notes no time for a mode that only has another value: that counts from the whole second in which it is heard.
 * Of two within one second the later is the later.
 */
function modeTime(noted: string, before: ReconciledSpec | undefined, nowMs: number): string {
  const last = before?.decisions.find(({ names }) => names.some(isModeName))?.at
  const reconciledMs = Math.floor(nowMs / secondMs) * secondMs
  const atMs = noted === before?.modeNoted ? reconciledMs : Date.parse(noted)
  return new Date(last === undefined ? atMs : Math.max(atMs, Date.parse(last) + 1)).toISOString()
}

/** The mode is said anew where `authority` changes. */
function modeName({ isGit, mode }: SpecDecision): string {
  return `${modeNames[isGit ? 1 : 0]} ${mode?.is}`
}

function isModeName(name: string): boolean {
  return modeNames.some((prefix) => name.startsWith(`${prefix} `))
}

/** What the object says of the mode; to be asked once it is heard. */
export function modeDecisionOf(
  { reconciled }: DeployedVersion,
  decision: SpecDecision,
): ModeDecision | undefined {
  const { mode } = decision
  if (mode === undefined) return undefined
  return { mode: mode.is, by: mode.by, at: decidedAt(reconciled, modeName(decision)) ?? mode.at }
}

export function isPast(decision: ModeDecision, done: ModeDecision | undefined): boolean {
  return done !== undefined && compareDecisions(decision, done) <= 0
}

type What = 'approve' | 'reject'

/** Words of one person at one time. */
interface ApplicableDecision {
  readonly what: What
  readonly by: Decider
  readonly ids: readonly string[]
}

/** What the words on behaviours are to this node: those to be done now, and ids of what it does not know yet. */
export function applicableDecisions(
  version: DeployedVersion,
  decision: SpecDecision,
  reconciled: ReconciledSpec,
  fresh: ReadonlySet<string>,
): { readonly applicable: readonly ApplicableDecision[]; readonly awaited: readonly string[] } {
  const decisions = decisionTimesOf(reconciled.decisions)
  const waiting = new Set(version.reconciled.awaited)
  const applicable = new Map<string, { what: What; by: Decider; ids: string[] }>()
  const awaited = new Set<string>()
  for (const what of ['approve', 'reject'] as const) {
    for (const { id, by: who, at: noted } of decision[what]) {
      const name = `${what} ${id}`
      const at = decisions.get(name)?.at ?? noted
      const isWanted = fresh.has(name) || waiting.has(id)
      const bears = applicability(version, { id, by: who, at }, decision.isGit, what)
      // What was known, and is not any more, was forgotten by a person after that word.
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
 * What a word on a behaviour is to this node. `awaits`: the node has nothing yet that the word could be about. One can only
 * approve what was seen, so that a decision without evidence, told by another node, is no more than that one's.
 */
function applicability(
  { profile }: DeployedVersion,
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
  const isSeen = cells.length > 0 || inherited !== undefined
  return what === 'reject' || isSeen ? 'stands' : 'awaits'
}
