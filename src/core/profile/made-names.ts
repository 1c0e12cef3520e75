import type { BehaviourObject } from '../behaviour/behaviour.ts'
import { NAME } from '../behaviour/place-pattern.ts'
import { MADE_PARTS } from '../learning/file-use.ts'
import type { LiveEntry } from './live-entry.ts'

interface MadeName<User> {
  /** What was learned of programs that make, remove or rename it. */
  readonly makers: Set<LiveEntry>
  readonly users: Set<User>
}

/**
 * Files and folders with names that vary, by who makes and who uses them: one program makes a report or a folder to work
 * in, and another one of the image packs it. Where a name is never given twice, the maker alone shows that, and it holds
 * for both. Paths are in the language of shapes: their last part has a token.
 */
export class MadeNames<User> {
  readonly #names = new Map<string, MadeName<User>>()

  /** The parts of the path that a program makes, by what was learned and not rejected: a bit each, the first of them 1. */
  madeParts(path: string): number {
    let made = 0
    for (const { name, at } of variedIn(path)) {
      const { makers } = this.#names.get(name) ?? {}
      if (makers !== undefined && [...makers].some(isAccepted)) made |= 1 << at
    }
    return made
  }

  addUser(object: BehaviourObject, user: User): void {
    for (const path of pathsOf(object))
      for (const { name } of variedIn(path)) this.#nameOf(name).users.add(user)
  }

  /**
   * What was learned of the entry has changed.
   *
   * @param isLearned whether there is any
   * @returns for whom the name varies since, or no longer does
   */
  look(entry: LiveEntry, isLearned: boolean): readonly User[] {
    return madeBy(entry.object).flatMap((path) => {
      const { makers, users } = this.#nameOf(path)
      if (makers.has(entry) === isLearned) return []
      if (isLearned) makers.add(entry)
      else makers.delete(entry)
      return [...users]
    })
  }

  /** For whom a name may vary by it. */
  usersOf({ object }: LiveEntry): readonly User[] {
    return madeBy(object).flatMap((path) => [...this.#nameOf(path).users])
  }

  #nameOf(path: string): MadeName<User> {
    let name = this.#names.get(path)
    if (name === undefined) {
      name = { makers: new Set(), users: new Set() }
      this.#names.set(path, name)
    }
    return name
  }
}

function pathsOf(object: BehaviourObject): readonly string[] {
  if (object.kind !== 'file') return []
  return object.to === undefined ? [object.path] : [object.path, object.to]
}

function madeBy(object: BehaviourObject): readonly string[] {
  if (object.kind !== 'file') return []
  const { access } = object
  const isMade = access === 'create' || access === 'write' || access === 'delete'
  if (!isMade && access !== 'rename') return []
  return pathsOf(object).filter((path) => isVaried(path.slice(path.lastIndexOf('/'))))
}

/** By what is in it: a name among others of a folder says nothing about which of them vary. */
function isVaried(part: string): boolean {
  return part.includes('<') && !part.includes(NAME)
}

/** The beginnings of a path that end in a part with a token, with the number of that part. */
function* variedIn(path: string): Iterable<{ readonly name: string; readonly at: number }> {
  if (!path.includes('<')) return
  for (let from = 1, at = 0; from > 0 && at < MADE_PARTS; at += 1) {
    const slash = path.indexOf('/', from)
    const end = slash < 0 ? path.length : slash
    if (isVaried(path.slice(from, end))) yield { name: path.slice(0, end), at }
    from = slash + 1
  }
}

function isAccepted({ fixed, decision }: LiveEntry): boolean {
  return !fixed && decision?.kind !== 'rejected'
}
