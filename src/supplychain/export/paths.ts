import type { Access } from '../../core/event/event-words.ts'
import { impliedBy, isPlace } from '../../core/behaviour/place-pattern.ts'
import { RENAMES_TO } from '../../core/behaviour/shape-pattern.ts'
import type { Allowed } from './allowed.ts'
import { compareText } from '../../core/compare-text.ts'

/** A part of a path: a literal name, or the values of a pattern. */
export type PathPart = { readonly text: string } | { readonly any: 'segment' }

export interface FilePath {
  readonly parts: readonly PathPart[]
  readonly access: ReadonlySet<Access>
  /** Executables that have it, sorted. */
  readonly actors: readonly string[]
}

const token = /<([a-z]+)(?::\d+)?>/g

/** A path in the language of shapes, in parts. */
export function partsOf(shaped: string): readonly PathPart[] {
  const parts: PathPart[] = []
  let text = ''
  let at = 0
  const flush = (): void => {
    if (text !== '') parts.push({ text })
    text = ''
  }
  for (const match of shaped.matchAll(token)) {
    text += shaped.slice(at, match.index)
    at = match.index + match[0].length
    if (match[1] === 'lt') {
      text += '<'
      continue
    }
    flush()
    parts.push({ any: 'segment' })
  }
  text += shaped.slice(at)
  flush()
  return parts
}

/** Every path of files that is used, once, with all that is done with it; sorted. */
export function filePaths(allowed: readonly Allowed[]): readonly FilePath[] {
  const found = new Map<
    string,
    { access: Set<Access>; actors: Set<string>; parts: readonly PathPart[] }
  >()
  const add = (parts: readonly PathPart[], access: Access, actor: string): void => {
    const key = JSON.stringify(parts)
    const known = found.get(key) ?? { access: new Set(), actors: new Set(), parts }
    known.access.add(access)
    known.actors.add(actor)
    found.set(key, known)
  }
  for (const { object, actor, literals } of allowed) {
    if (object.kind !== 'file') continue
    const { path, to } = object
    // Of a place a program may use what it creates in any way.
    const accesses = isPlace(object) ? impliedBy(object.access) : [object.access]
    const plain = (name: string): readonly PathPart[] => [{ text: name }]
    if (literals !== undefined) {
      // Of a rename a literal is both of its paths.
      for (const literal of literals.flatMap((each) => each.split(RENAMES_TO))) {
        for (const access of accesses) add(plain(literal), access, actor.exe)
      }
      continue
    }
    for (const name of to === undefined ? [path] : [path, to]) {
      for (const access of accesses) add(partsOf(name), access, actor.exe)
    }
  }
  return [...found]
    .sort(([a], [b]) => compareText(a, b))
    .map(([, { parts, access, actors }]) => ({
      parts,
      access,
      actors: [...actors].sort(compareText),
    }))
}

/** True for real paths only: neither truncated nor one of the kernel's own names. */
export function isPath({ parts: [first] }: FilePath): boolean {
  return first !== undefined && 'text' in first && first.text.startsWith('/')
}

export function writes(access: ReadonlySet<Access>): boolean {
  return ['write', 'create', 'delete', 'rename', 'setattr'].some((each) =>
    access.has(each as Access),
  )
}

/** Programs that are run, scripts among them, with who runs them; sorted. */
export function programs(
  allowed: readonly Allowed[],
): readonly { path: string; actors: string[] }[] {
  const found = new Map<string, Set<string>>()
  for (const { object, actor } of allowed) {
    if (object.kind !== 'exec') continue
    for (const path of [object.path, object.script]) {
      if (path === undefined) continue
      const actors = found.get(path) ?? new Set()
      actors.add(actor.exe)
      found.set(path, actors)
    }
  }
  return [...found]
    .sort(([a], [b]) => compareText(a, b))
    .map(([path, actors]) => ({ path, actors: [...actors].sort(compareText) }))
}

/** With `*` for the variable part of a name, as in most glob languages. */
export function globOf(parts: readonly PathPart[]): string {
  return parts.map((part) => ('text' in part ? part.text : '*')).join('')
}

export function isGlob(parts: readonly PathPart[]): boolean {
  return parts.some((part) => 'any' in part)
}
