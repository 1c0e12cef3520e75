import type { Actor } from '../behaviour/behaviour.ts'
import { imageData } from './image-data.ts'
import { type ImageFacts, programFiles } from './program-files.ts'

/** This many programs and folders of one image are cached; an image runs fewer. */
const REMEMBERED = 4_096

/** Results that follow from the files of one image alone, computed on demand and then cached. */
export class Derivation {
  readonly #facts: ImageFacts
  readonly #guards: (path: string) => boolean
  readonly #programs = new Map<string, ReadonlySet<string>>()
  readonly #folders = new Map<string, ReadonlySet<string>>()

  constructor(facts: ImageFacts, guards: (path: string) => boolean) {
    this.#facts = facts
    this.#guards = guards
  }

  /** Files that come with a program. */
  filesOf(actor: Actor): ReadonlySet<string> {
    const key = `${actor.exe}\u0000${actor.script ?? ''}`
    return remembered(this.#programs, key, () => programFiles(this.#facts, actor))
  }

  /** The image's own data in a folder. */
  dataIn(folder: string): ReadonlySet<string> {
    return remembered(this.#folders, folder, () => imageData(this.#facts, folder, this.#guards))
  }
}

function remembered<T>(known: Map<string, T>, key: string, make: () => T): T {
  const found = known.get(key)
  if (found !== undefined) return found
  if (known.size >= REMEMBERED) known.clear()
  const made = make()
  known.set(key, made)
  return made
}
