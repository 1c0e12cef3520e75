import type { PathAutomaton } from './kernel-profile.ts'

interface State {
  readonly bytes: number[]
  readonly to: State[]
  accepts: boolean
  /** Its number in the table; 0: it has none yet. */
  number: number
}

/**
 * The smallest automaton that takes exactly these names, in time linear in their bytes. Its accepting set is 1.
 *
 * The names are added in order, and what no later name can change is replaced by an equal state at once (Daciuk and
 * others, "Incremental Construction of Minimal Acyclic Finite-State Automata", 2000).
 */
export function literalAutomaton(names: readonly Uint8Array[]): PathAutomaton {
  const known = new Map<string, State>()
  const ids = new Map<State, number>()
  const root = newState()
  // The states along the last name, and the depth that each is at.
  const open: State[] = [root]
  const close = (depth: number): void => {
    while (open.length > depth + 1) {
      const last = open.pop() ?? root
      const key = `${last.accepts ? 1 : 0}${last.bytes.map((byte, i) => `,${byte}:${ids.get(last.to[i] ?? root)}`).join('')}`
      const equal = known.get(key)
      if (equal === undefined) {
        ids.set(last, known.size)
        known.set(key, last)
      } else {
        const before = open.at(-1) ?? root
        before.to[before.to.length - 1] = equal
      }
    }
  }
  let last: Uint8Array = new Uint8Array()
  for (const name of [...names].sort(compareBytes)) {
    const shared = commonLength(last, name)
    close(shared)
    for (const byte of name.subarray(shared)) {
      const state = newState()
      const before = open.at(-1) ?? root
      before.bytes.push(byte)
      before.to.push(state)
      open.push(state)
    }
    const end = open.at(-1) ?? root
    end.accepts = true
    last = name
  }
  close(0)
  return tableOf(root)
}

function newState(): State {
  return { bytes: [], to: [], accepts: false, number: 0 }
}

/** State 0 is dead, state 1 the first. */
function tableOf(root: State): PathAutomaton {
  const states = [root]
  root.number = 1
  for (const { to } of states) {
    for (const state of to) {
      if (state.number === 0) state.number = states.push(state)
    }
  }
  const next = new Uint16Array((states.length + 1) * 256)
  const accept = new Uint16Array(states.length + 1)
  for (const { number, bytes, to, accepts } of states) {
    accept[number] = Number(accepts)
    for (const [i, byte] of bytes.entries()) next[number * 256 + byte] = to[i]?.number ?? 0
  }
  return { next, accept }
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = commonLength(a, b)
  return (a[shared] ?? -1) - (b[shared] ?? -1)
}

function commonLength(a: Uint8Array, b: Uint8Array): number {
  let length = 0
  while (length < a.length && length < b.length && a[length] === b[length]) length += 1
  return length
}
