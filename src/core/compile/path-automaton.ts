import type { Language } from '../behaviour/language.ts'
import type { PathAutomaton } from './kernel-profile.ts'
import { type Edge, LanguageNfa } from './language-nfa.ts'
import { type DfaState, smaller } from './smaller-automaton.ts'

/** Before minimisation there may be this many times more states. */
const BEFORE_MERGING = 4

export interface BuiltAutomaton {
  readonly automaton: PathAutomaton
  /** Accepting set → the numbers of the languages in it, ascending. Set 0 is none. */
  readonly sets: readonly (readonly number[])[]
}

/**
 * One automaton that maps a path to the set of languages that contain it. Undefined if it needs too
 * many states.
 */
export function buildAutomaton(
  languages: readonly Language[],
  limit: number,
): BuiltAutomaton | undefined {
  const nfa = new LanguageNfa()
  for (const [number, language] of languages.entries()) nfa.add(language, number)
  const found = determine(nfa, limit * BEFORE_MERGING)
  if (found === undefined) return undefined
  const states = smaller(found.states)
  if (states.length > limit) return undefined
  return { automaton: tableOf(states), sets: found.sets }
}

/** Where the automaton ends after all the bytes: an accepting set, 0 for none. */
export function run(automaton: PathAutomaton, bytes: Uint8Array): number {
  let state = 1
  for (const byte of bytes) {
    state = automaton.next[state * 256 + byte] ?? 0
    if (state === 0) return 0
  }
  return automaton.accept[state] ?? 0
}

/** By subsets: each set of states that some bytes lead to is one state. State 0 is dead, state 1 the first. */
function determine(
  nfa: LanguageNfa,
  limit: number,
): { readonly states: readonly DfaState[]; readonly sets: BuiltAutomaton['sets'] } | undefined {
  const sets = new Numbered<readonly number[]>()
  sets.of('', [])
  const subsets = new Numbered<readonly number[]>()
  subsets.of('', [])
  const first = [...nfa.closure(0)].sort((a, b) => a - b)
  subsets.of(first.join(), first)
  const states: DfaState[] = []
  for (let i = 0; i < subsets.all.length; i++) {
    if (i > limit) return undefined
    const subset = subsets.all[i] ?? []
    const accepted = nfa.accepted(subset)
    const edges = stretches(subset.flatMap((state) => nfa.edges(state))).map((stretch) => {
      const reached = new Set(stretch.to.flatMap((state) => nfa.closure(state)))
      const sorted = [...reached].sort((a, b) => a - b)
      return { first: stretch.first, last: stretch.last, to: subsets.of(sorted.join(), sorted) }
    })
    states.push({ edges, accept: sets.of(accepted.join(), accepted) })
  }
  return { states, sets: sets.all }
}

/** Numbers things by their keys, from 0, in order of appearance. */
class Numbered<T> {
  readonly all: T[] = []
  readonly #numbers = new Map<string, number>()

  of(key: string, thing: T): number {
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    this.#numbers.set(key, this.all.length)
    return this.all.push(thing) - 1
  }
}

interface Stretch {
  readonly first: number
  readonly last: number
  readonly to: readonly number[]
}

/** Bytes that the same edges take, taken together; what no edge takes is left out. */
function stretches(edges: readonly Edge[]): readonly Stretch[] {
  const starts = new Set<number>()
  for (const { first, last } of edges) starts.add(first).add(last + 1)
  const cuts = [...starts].sort((a, b) => a - b)
  const byFirst = [...edges].sort((a, b) => a.first - b.first)
  const found: Stretch[] = []
  let open: Edge[] = []
  let next = 0
  for (const [i, first] of cuts.entries()) {
    open = open.filter((edge) => edge.last >= first)
    for (let edge = byFirst[next]; edge?.first === first; edge = byFirst[next]) {
      open.push(edge)
      next += 1
    }
    const end = cuts[i + 1]
    if (end === undefined || open.length === 0) continue
    found.push({ first, last: end - 1, to: open.map((edge) => edge.to) })
  }
  return found
}

function tableOf(states: readonly DfaState[]): PathAutomaton {
  const count = Math.max(2, states.length)
  const next = new Uint16Array(count * 256)
  const accept = new Uint16Array(count)
  for (const [i, { edges, accept: set }] of states.entries()) {
    accept[i] = set
    for (const { first, last, to } of edges) next.fill(to, i * 256 + first, i * 256 + last + 1)
  }
  return { next, accept }
}
