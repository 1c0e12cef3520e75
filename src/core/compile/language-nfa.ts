import { bytesOfName } from '../event/name-bytes.ts'
import type { Language } from '../behaviour/language.ts'

export interface Edge {
  readonly first: number
  readonly last: number
  readonly to: number
}

/** Several languages as one non-deterministic automaton over bytes; it begins in state 0. */
export class LanguageNfa {
  readonly #edges: Edge[][] = [[]]
  readonly #silent: number[][] = [[]]
  readonly #accepts = new Map<number, number>()
  readonly #closures = new Map<number, readonly number[]>()

  /** Adds a language; its strings end in a state that accepts `number`. */
  add(language: Language, number: number): void {
    this.#accepts.set(this.#build(language, 0), number)
  }

  edgesOf(states: readonly number[]): readonly Edge[] {
    const all: Edge[] = []
    for (const state of states) for (const edge of this.#edges[state] ?? []) all.push(edge)
    return all
  }

  /** The numbers of the languages that those states accept, ascending. */
  accepted(states: readonly number[]): readonly number[] {
    const numbers: number[] = []
    for (const state of states) {
      const number = this.#accepts.get(state)
      if (number !== undefined) numbers.push(number)
    }
    return numbers.sort((a, b) => a - b)
  }

  /** What the states reach without a byte, themselves too, ascending. */
  closureOf(states: readonly number[]): readonly number[] {
    const [only] = states
    if (states.length === 1 && only !== undefined) return this.#closure(only)
    const reached = new Set<number>()
    for (const state of states) for (const to of this.#closure(state)) reached.add(to)
    return [...Uint32Array.from(reached).sort()]
  }

  #closure(state: number): readonly number[] {
    const known = this.#closures.get(state)
    if (known !== undefined) return known
    const reached = new Set([state])
    // A Set is iterated up to its end, also where that moves.
    for (const from of reached) for (const to of this.#silent[from] ?? []) reached.add(to)
    const closure = [...Uint32Array.from(reached).sort()]
    this.#closures.set(state, closure)
    return closure
  }

  #state(): number {
    this.#silent.push([])
    return this.#edges.push([]) - 1
  }

  #step(from: number, ranges: readonly (readonly [number, number])[], to = this.#state()): number {
    for (const [first, last] of ranges) this.#edges[from]?.push({ first, last, to })
    return to
  }

  /** Returns the state that the language ends in, which nothing leaves as yet. */
  #build(language: Language, from: number): number {
    switch (language.kind) {
      case 'text': {
        let at = this.#skip(from)
        for (const byte of bytesOfName(language.text)) at = this.#step(at, [[byte, byte]])
        return at
      }
      case 'chars':
        return this.#repeat(language, from)
      case 'seq':
        return language.parts.reduce((at, part) => this.#build(part, at), this.#skip(from))
      case 'any': {
        const end = this.#state()
        for (const one of language.of) this.#silent[this.#build(one, from)]?.push(end)
        return end
      }
    }
  }

  #repeat(language: Extract<Language, { kind: 'chars' }>, from: number): number {
    const { ranges } = language.class
    const { min, max } = language
    let at = this.#skip(from)
    if (max === undefined) {
      for (let i = 0; i < min; i++) at = this.#step(at, ranges)
      // One more state, so that nothing comes back to a state that something else begins in.
      at = this.#skip(at)
      this.#step(at, ranges, at)
      return this.#skip(at)
    }
    const end = this.#state()
    for (let i = 0; i <= max; i++) {
      if (i >= min) this.#silent[at]?.push(end)
      if (i < max) at = this.#step(at, ranges)
    }
    return end
  }

  #skip(from: number): number {
    const to = this.#state()
    this.#silent[from]?.push(to)
    return to
  }
}
