import type { FleetWord, SaidOf } from './kubernetes/spec-decision.ts'
import {
  bestHearing,
  type Hearing,
  type Hearings,
  hearingsOf,
  heardWords,
} from '../core/lifecycle/reported.ts'
import { compareWords, type ModeWord } from '../core/lifecycle/mode-decision.ts'
import type { BehaviourId } from '../core/behaviour/behaviour.ts'
import type { DeployedVersion, Heard } from '../state/versions/deployed-version.ts'
import type { Decider } from '../engine/api/engine.ts'

/** Words of an ImageProfile are known by these names, and those of behaviours by `approve ID` and `reject ID`. */
export const approveAllName = 'approve all'
const modeNames = ['mode', 'git mode'] as const

export function isHeard({ heard }: DeployedVersion, word: FleetWord): boolean {
  return heard.profile === word.profile && heard.generation >= word.generation
}

export function saidAt({ said }: Heard, name: string): string | undefined {
  return said.find(({ words }) => words.includes(name))?.at
}

/**
 * Hears an object: when each of its words was said, as this node remembers it, or as others told it, or as the server
 * noted it; and which of them are new.
 */
export function heardNow(
  version: DeployedVersion,
  word: FleetWord,
  told: ReadonlyMap<string, readonly Hearing[]> | undefined,
  nowMs: number,
): { readonly heard: Heard; readonly fresh: ReadonlySet<string> } {
  const fresh = new Set<string>()
  const { heard } = version
  if (isHeard(version, word)) return { heard, fresh }
  const { profile, generation, mode } = word
  const isSame = heard.profile === profile
  const before: Hearings = isSame ? hearingsOf(heard.said) : new Map()
  const after = isSame ? heard.generation : 0
  const said = new Map<string, Hearing>()
  for (const [name, at] of timesOf(word, isSame ? heard : undefined, nowMs)) {
    const known = before.get(name)
    const own = { after, generation, at }
    said.set(name, known ?? bestHearing([...(told?.get(name) ?? []), own]) ?? own)
    if (known === undefined) fresh.add(name)
  }
  const next = { profile, generation, awaited: heard.awaited, said: heardWords(said) }
  return { heard: mode === undefined ? next : { ...next, modeNoted: mode.at }, fresh }
}

/** All that an object says, with the time that the server noted of who wrote it. */
function* timesOf(
  word: FleetWord,
  before: Heard | undefined,
  nowMs: number,
): Iterable<readonly [string, string]> {
  for (const { id, at } of word.approve) yield [`approve ${id}`, at]
  for (const { id, at } of word.reject) yield [`reject ${id}`, at]
  if (word.approveAll !== undefined) yield [approveAllName, word.approveAll.at]
  if (word.mode !== undefined) yield [modeName(word), modeTime(word.mode.at, before, nowMs)]
}

const secondMs = 1_000

/**
 * The server notes no time for a mode that only has another value: that counts from the whole second in which it is heard.
 * Of two within one second the later is the later.
 */
function modeTime(noted: string, before: Heard | undefined, nowMs: number): string {
  const last = before?.said.find(({ words }) => words.some(isModeName))?.at
  const heardMs = Math.floor(nowMs / secondMs) * secondMs
  const atMs = noted === before?.modeNoted ? heardMs : Date.parse(noted)
  return new Date(last === undefined ? atMs : Math.max(atMs, Date.parse(last) + 1)).toISOString()
}

/** The mode is said anew where `authority` changes. */
function modeName({ isGit, mode }: FleetWord): string {
  return `${modeNames[isGit ? 1 : 0]} ${mode?.is}`
}

function isModeName(name: string): boolean {
  return modeNames.some((prefix) => name.startsWith(`${prefix} `))
}

/** What the object says of the mode; to be asked once it is heard. */
export function modeWordOf({ heard }: DeployedVersion, word: FleetWord): ModeWord | undefined {
  const { mode } = word
  if (mode === undefined) return undefined
  return { mode: mode.is, by: mode.by, at: saidAt(heard, modeName(word)) ?? mode.at }
}

export function isPast(word: ModeWord, done: ModeWord | undefined): boolean {
  return done !== undefined && compareWords(word, done) <= 0
}

type What = 'approve' | 'reject'

/** Words of one person at one time. */
interface Standing {
  readonly what: What
  readonly by: Decider
  readonly ids: readonly string[]
}

/** What the words on behaviours are to this node: those to be done now, and ids of what it does not know yet. */
export function bearingsOf(
  version: DeployedVersion,
  word: FleetWord,
  heard: Heard,
  fresh: ReadonlySet<string>,
): { readonly standing: readonly Standing[]; readonly awaited: readonly string[] } {
  const said = hearingsOf(heard.said)
  const waiting = new Set(version.heard.awaited)
  const standing = new Map<string, { what: What; by: Decider; ids: string[] }>()
  const awaited = new Set<string>()
  for (const what of ['approve', 'reject'] as const) {
    for (const { id, by: who, at: noted } of word[what]) {
      const name = `${what} ${id}`
      const at = said.get(name)?.at ?? noted
      const isWanted = fresh.has(name) || waiting.has(id)
      const bears = bearing(version, { id, by: who, at }, word.isGit, what)
      // What was known, and is not any more, was forgotten by a person after that word.
      if (bears === 'awaits' && isWanted) awaited.add(id)
      if (bears !== 'stands' || !(isWanted || word.isGit)) continue
      const group = standing.get(`${what} ${at} ${who}`) ?? { what, by: { who, at }, ids: [] }
      group.ids.push(id)
      standing.set(`${what} ${at} ${who}`, group)
    }
  }
  return { standing: [...standing.values()], awaited: [...awaited] }
}

/**
 * What a word on a behaviour is to this node. `awaits`: the node has nothing yet that the word could be about. One can only
 * approve what was seen, so that a decision without evidence, told by another node, is no more than that one's.
 */
function bearing(
  { profile }: DeployedVersion,
  { id, by, at }: SaidOf,
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
