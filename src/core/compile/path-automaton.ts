import type { Language } from '../behaviour/language.ts'
import type { PathAutomaton } from './kernel-profile.ts'
import { type Edge, LanguageNfa } from './language-nfa.ts'
import { finish, type Steps } from '../steps.ts'
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
  return finish(automatonSteps(languages, limit))
}

/** {@link buildAutomaton} with pauses. */
export function* automatonSteps(
  languages: readonly Language[],
  limit: number,
): Steps<BuiltAutomaton | undefined> {
  const nfa = new LanguageNfa()
  for (const [number, language] of languages.entries()) {
    yield
    nfa.add(language, number)
  }
  const found = yield* determine(nfa, limit * BEFORE_MERGING)
  if (found === undefined) return undefined
  const states = yield* smaller(found.states)
  if (states.length > limit) return undefined
  yield
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
function* determine(
  nfa: LanguageNfa,
  limit: number,
): Steps<
  { readonly states: readonly DfaState[]; readonly sets: BuiltAutomaton['sets'] } | undefined
> {
  const sets = new Numbered<readonly number[]>()
  sets.of('', [])
  const subsets = new Subsets(nfa)
  subsets.reachedBy([0])
  const states: DfaState[] = [{ edges: [], accept: 0 }]
  for (let i = 1; i < subsets.all.length; i++) {
    yield
    if (i > limit) return undefined
    const subset = subsets.all[i] ?? []
    const accepted = nfa.accepted(subset)
    const edges = stretches(nfa.edgesOf(subset)).map(({ first, last, to }) => {
      return { first, last, to: subsets.reachedBy(to) }
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

/** The subsets so far. Most targets come again, and a union of closures costs far more than a look-up. */
class Subsets {
  readonly #nfa: LanguageNfa
  readonly #numbered = new Numbered<readonly number[]>()
  readonly #byTargets = new Map<string, number>()

  constructor(nfa: LanguageNfa) {
    this.#nfa = nfa
    this.#numbered.of('', [])
  }

  get all(): readonly (readonly number[])[] {
    return this.#numbered.all
  }

  /** The number of the subset that edges to these states lead to. */
  reachedBy(targets: readonly number[]): number {
    const key = targets.join()
    const known = this.#byTargets.get(key)
    if (known !== undefined) return known
    const reached = this.#nfa.closureOf(targets)
    const number = this.#numbered.of(reached.join(), reached)
    this.#byTargets.set(key, number)
    return number
  }
}

interface Stretch {
  readonly first: number
  readonly last: number
  readonly to: readonly number[]
}

/** Bytes that the same edges take, taken together; what no edge takes is left out. */
function stretches(edges: readonly Edge[]): readonly Stretch[] {
  if (edges.length === 1) return edges.map(({ first, last, to }) => ({ first, last, to: [to] }))
  const starts = new Set<number>()
  for (const { first, last } of edges) starts.add(first).add(last + 1)
  const cuts = Uint16Array.from(starts).sort()
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
