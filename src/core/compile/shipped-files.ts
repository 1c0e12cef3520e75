import { bytesOfName } from '../event/name-bytes.ts'
import type { PathAutomaton } from './kernel-profile.ts'
import { literalAutomaton } from './literal-automaton.ts'
import { run } from './path-automaton.ts'

/** Bytes of paths asked about at once: an automaton has at most 65,536 states. */
const AT_ONCE = 32_768

/** Asks the caller, who walks the image, about single paths, in few walks. */
export class ShippedFiles {
  readonly #matching: (automaton: PathAutomaton) => readonly string[]
  readonly #known = new Map<string, boolean>()

  constructor(matching: (automaton: PathAutomaton) => readonly string[]) {
    this.#matching = matching
  }

  matching(automaton: PathAutomaton): readonly string[] {
    // What walks may give more than was asked for, and in any order.
    const taken = this.#matching(automaton).filter((path) => run(automaton, bytesOfName(path)) > 0)
    return [...new Set(taken)].sort()
  }

  /** Which of the paths the image ships. */
  among(paths: readonly string[]): ReadonlySet<string> {
    const asked = [...new Set(paths)].filter((path) => !this.#known.has(path)).sort()
    let chunk: string[] = []
    let size = 0
    for (const path of asked) {
      const bytes = path.length * 3
      if (size + bytes > AT_ONCE) {
        this.#ask(chunk)
        chunk = []
        size = 0
      }
      chunk.push(path)
      size += bytes
    }
    this.#ask(chunk)
    return new Set(paths.filter((path) => this.#known.get(path)))
  }

  #ask(paths: readonly string[]): void {
    if (paths.length === 0) return
    const shipped = new Set(this.matching(literalAutomaton(paths.map(bytesOfName))))
    for (const path of paths) this.#known.set(path, shipped.has(path))
  }
}
