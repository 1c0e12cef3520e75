import type { Actor } from '../behaviour/behaviour.ts'
import { wholeText } from '../behaviour/whole-text.ts'

/** More than the containers that run at one time, and than the programs of most images. */
const PARTS_KEPT = 1_024

const S = '\u0000'

/**
 * Every event and stored record comes with its own copies of texts that many behaviours have in common. Of equal ones,
 * the evidence of a profile has one. Bounded: the longest known are forgotten, and then become a second copy.
 */
export class SharedParts {
  readonly #texts = new Map<string, string>()
  readonly #actors = new Map<string, Actor>()

  /** An id of a container. */
  text(text: string): string {
    return this.#texts.get(text) ?? kept(this.#texts, text, wholeText(text))
  }

  forget(text: string): void {
    this.#texts.delete(text)
  }

  actor(actor: Actor): Actor {
    const { exe, script } = actor
    const name = script === undefined ? exe : exe + S + script
    const known = this.#actors.get(name)
    if (known !== undefined) return known
    const whole = script === undefined ? {} : { script: wholeText(script) }
    return kept(this.#actors, wholeText(name), { exe: wholeText(exe), ...whole })
  }
}

function kept<T>(parts: Map<string, T>, name: string, part: T): T {
  parts.set(name, part)
  if (parts.size > PARTS_KEPT) parts.delete(parts.keys().next().value ?? '')
  return part
}
