import type { Steps } from '../steps.ts'
import { type CutName, cutName, extensionAt, kindOf, leadingLetters } from './name.ts'

/** An alignment needs this many names. */
export const NAMES_LEAST = 3
/** This many names of one extension are aligned without the other extensions. */
export const ALONE_LEAST = 5
/** At most this many extensions are a set; more are generated names themselves. */
const EXTENSIONS_MOST = 8
/** The least length of an extension that varies: an extension that means something is shorter. */
export const RANDOM_EXTENSION_LEAST = 5
/** Names that are looked at in one step. */
const atOnce = 256

/** A name without its extension, where extensions of the folder are a set. */
export interface Stem {
  readonly name: string
  readonly stem: CutName
  readonly extension: string
}

/**
 * Extensions carry meaning: a name is only like others of its extension, and one that was seen once is its own.
 *
 * @param rest gets names that have no stem
 */
export function* stemsOf(names: readonly string[], rest: string[]): Steps<readonly Stem[]> {
  const all = new Set(names)
  const counts = new Map<string, number>()
  let extended = 0
  const numbered = numberedExtensions(names)
  yield
  const longer = doubleExtensions(names)
  yield
  const extensionOf = (name: string): string => {
    const extension = extensionIn(name)
    if (numbered.has(leadingLetters(extension.slice(1)))) return ''
    return longer.get(extension) ?? extension
  }
  for (const name of names) {
    const extension = extensionOf(name)
    if (extension === '') continue
    extended += 1
    counts.set(extension, (counts.get(extension) ?? 0) + 1)
  }
  const settled = [...counts.values()].filter((count) => count > 1).length
  const single = counts.size - settled
  const isOpen = single > EXTENSIONS_MOST || (single > NAMES_LEAST && single * 2 > extended)
  yield
  const singlesOf = new Map<string, number>()
  for (const name of names) {
    const extension = extensionOf(name)
    if (counts.get(extension) !== 1) continue
    const stem = name.slice(0, name.length - extension.length)
    singlesOf.set(stem, (singlesOf.get(stem) ?? 0) + 1)
  }
  const stems: Stem[] = []
  const put = (name: string, text: string, extension: string): void => {
    const stem = cutName(text)
    if (stem === undefined) rest.push(name)
    else stems.push({ name, stem, extension })
  }
  const variesFor = (stem: string): boolean => (singlesOf.get(stem) ?? 0) >= NAMES_LEAST
  for (const [i, name] of names.entries()) {
    if (i % atOnce === 0) yield
    const extension = extensionOf(name)
    const stem = name.slice(0, name.length - extension.length)
    const isKnown = (counts.get(extension) ?? 0) > 1 || all.has(stem)
    if (extension === '') put(name, name, '')
    else if (isKnown) put(name, stem, extension)
    else if (extension.length > RANDOM_EXTENSION_LEAST && (isOpen || variesFor(stem)))
      put(name, name, '')
    else rest.push(name)
  }
  return stems
}

/** `part` where names end in `.part0` and `.part1`: a number varies there, as anywhere. */
function numberedExtensions(names: readonly string[]): ReadonlySet<string> {
  const numbers = new Map<string, Set<string>>()
  for (const name of names) {
    const at = extensionAt(name)
    if (at < 0) continue
    const extension = name.slice(at + 1)
    const letters = leadingLetters(extension)
    const number = extension.slice(letters.length)
    if (kindOf(number) === 'digits')
      numbers.set(letters, (numbers.get(letters) ?? new Set()).add(number))
  }
  return new Set([...numbers].flatMap(([letters, of]) => (of.size > 1 ? [letters] : [])))
}

/** `.json.part` for `.part`, where all names that end in `.part` end in that. */
function doubleExtensions(names: readonly string[]): ReadonlyMap<string, string> {
  const doubles = new Map<string, string>()
  for (const [extension, some] of grouped(names, (name) => extensionIn(name))) {
    const ends = new Set(
      some.map((name) => {
        const stem = name.slice(0, name.length - extension.length)
        return extensionIn(stem)
      }),
    )
    const [end = ''] = ends
    if (extension !== '' && end !== '' && ends.size === 1 && some.length >= ALONE_LEAST)
      doubles.set(extension, end + extension)
  }
  return doubles
}

/** With its dot; empty where there is none. */
export function extensionIn(name: string): string {
  const at = extensionAt(name)
  return at < 0 ? '' : name.slice(at)
}

/** By key, in the order in which the keys come. */
export function grouped<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return groups
}
