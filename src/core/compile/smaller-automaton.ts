import type { Steps } from '../steps.ts'
import type { Edge } from './language-nfa.ts'

/** States that are looked at between two pauses. */
const atOnce = 64

/** A deterministic state while it is built: where each stretch of bytes leads. */
export interface DfaState {
  readonly edges: readonly Edge[]
  readonly accept: number
}

/**
 * Merges states that accept the same suffixes, from the ends backwards, in one pass. Complete if
 * states loop only to themselves, as in nearly all patterns; always sound. States 0 and 1 keep
 * their numbers.
 */
export function* smaller(states: readonly DfaState[]): Steps<readonly DfaState[]> {
  const kept = yield* representatives(states)
  const numbers = new Map<number, number>([[0, 0]])
  if (states.length > 1) numbers.set(kept[1] ?? 1, 1)
  for (const [i, as] of kept.entries()) {
    if (i > 1 && !numbers.has(as)) numbers.set(as, numbers.size)
  }
  const result: DfaState[] = []
  for (const [state, number] of numbers) {
    if (number % atOnce === 0) yield
    const { edges, accept } = states[state] ?? { edges: [], accept: 0 }
    result[number] = {
      accept,
      edges: edges.map(({ first, last, to }) => ({
        first,
        last,
        to: numbers.get(kept[to] ?? to) ?? 0,
      })),
    }
  }
  return result
}

/** State → the state that stands for it. */
function* representatives(states: readonly DfaState[]): Steps<Int32Array> {
  const kept = Int32Array.from(states.keys())
  const bySignature = new Map<string, number>()
  for (const [i, state] of (yield* inwards(states)).entries()) {
    if (i % atOnce === 0) yield
    if (state === 0) continue
    const signature = signatureOf(states, kept, state)
    const same = bySignature.get(signature)
    if (same === undefined) bySignature.set(signature, state)
    else kept[state] = same
  }
  return kept
}

/** What a state does, with neighbouring stretches that lead to the same joined. */
function signatureOf(states: readonly DfaState[], kept: Int32Array, state: number): string {
  const { edges, accept } = states[state] ?? { edges: [], accept: 0 }
  let signature = `${accept}`
  let end = -2
  let before = -2
  for (const { first, last, to } of edges) {
    const target = to === state ? -1 : (kept[to] ?? to)
    if (target !== before || first !== end + 1) signature += `;${first}>${target}`
    else signature = signature.slice(0, signature.lastIndexOf('-'))
    signature += `-${last}`
    end = last
    before = target
  }
  return signature
}

/** Every state after the states that it leads to, but where they lead back to it. */
function* inwards(states: readonly DfaState[]): Steps<readonly number[]> {
  const order: number[] = []
  const seen = new Uint8Array(states.length)
  for (let root = 0; root < states.length; root++) {
    if (seen[root] === 1) continue
    seen[root] = 1
    const path = [{ state: root, next: 0 }]
    for (let at = path[path.length - 1]; at !== undefined; at = path[path.length - 1]) {
      const edge = states[at.state]?.edges[at.next]
      at.next += 1
      if (edge === undefined) {
        if (order.length % atOnce === 0) yield
        order.push(at.state)
        path.pop()
      } else if (seen[edge.to] !== 1) {
        seen[edge.to] = 1
        path.push({ state: edge.to, next: 0 })
      }
    }
  }
  return order
}
