import type { BehaviourObject } from '../behaviour/behaviour.ts'
import { isShaped, literalPath } from '../behaviour/shape.ts'
import { certainForm } from '../learning/notation.ts'
import type { LiveEntry } from './live-entry.ts'

interface MadeName<Reader> {
  /** What was learned of programs that make, remove or rename files of that name. */
  readonly makers: Set<LiveEntry>
  readonly readers: Set<Reader>
}

/**
 * Files whose names no program gives twice, by who makes them and who reads them: one program writes a report, and another
 * one of the image packs it. The maker alone shows that the name varies, and it does for both.
 */
export class MadeNames<Reader> {
  /** By path, as behaviours have it. */
  readonly #names = new Map<string, MadeName<Reader>>()

  /** Whether a program makes files of that name, by what was learned and not rejected. */
  has(path: string): boolean {
    const { makers } = this.#names.get(path) ?? {}
    return makers !== undefined && [...makers].some(isAccepted)
  }

  addReader(object: BehaviourObject, reader: Reader): void {
    if (object.kind === 'file' && object.access === 'read' && isOfOneUse(object.path))
      this.#nameOf(object.path).readers.add(reader)
  }

  /**
   * What was learned of the entry has changed.
   *
   * @param isLearned whether there is any
   * @returns whose reads vary since, or no longer do
   */
  look(entry: LiveEntry, isLearned: boolean): readonly Reader[] {
    return madeBy(entry.object).flatMap((path) => {
      const { makers, readers } = this.#nameOf(path)
      if (makers.has(entry) === isLearned) return []
      if (isLearned) makers.add(entry)
      else makers.delete(entry)
      return [...readers]
    })
  }

  /** Whose reads may rest on it. */
  readersOf({ object }: LiveEntry): readonly Reader[] {
    return madeBy(object).flatMap((path) => [...this.#nameOf(path).readers])
  }

  #nameOf(path: string): MadeName<Reader> {
    let name = this.#names.get(path)
    if (name === undefined) {
      name = { makers: new Set(), readers: new Set() }
      this.#names.set(path, name)
    }
    return name
  }
}

function madeBy(object: BehaviourObject): readonly string[] {
  if (object.kind !== 'file') return []
  const { access, path, to } = object
  const isMade = access === 'create' || access === 'write' || access === 'delete'
  const paths = to === undefined ? (isMade ? [path] : []) : [path, to]
  return paths.filter(isOfOneUse)
}

function isOfOneUse(path: string): boolean {
  if (isShaped(path)) return true
  return certainForm(literalPath(path.slice(path.lastIndexOf('/') + 1))) !== undefined
}

function isAccepted({ fixed, decision }: LiveEntry): boolean {
  return !fixed && decision?.kind !== 'rejected'
}
