import type { Access } from '../event/event-words.ts'
import type { BehaviourObject } from './behaviour.ts'
import { any, type Language, PathPattern, seq, text, SUBJECT_TO } from './language.ts'
import { isDrawn } from './ports.ts'
import { isSockets, isWildcard } from './peer.ts'
import { type ObjectPattern, shapedLanguage } from './shape-pattern.ts'
import type { Witnesses } from './witness.ts'

type FileObject = Extract<BehaviourObject, { kind: 'file' }>
/** What a place of paths is about: files, unix sockets, or what a system call is called with. */
export type PlaceObject = Extract<BehaviourObject, { kind: 'file' | 'connect' | 'syscall' }>

/** A part of a path that varies. No file name can pass for it: a literal `<` is written `<lt>`. */
export const NAME = '<name>'
/** Names and templates of one place that are remembered. */
export const PLACE_KEPT = 64

export function isPlace(object: BehaviourObject): boolean {
  return isDrawn(object) || isWildcard(object) || isPathPlace(object)
}

export function isPathPlace(object: BehaviourObject): object is PlaceObject {
  if (object.kind === 'syscall') return object.target?.includes(NAME) === true
  if (object.kind !== 'file') return isSockets(object)
  return object.path.includes(NAME) || object.to?.includes(NAME) === true
}

function pathOf(object: PlaceObject): string {
  if (object.kind === 'file') return object.path
  return object.kind === 'connect' ? object.peer : (object.target ?? '')
}

/** How many witnesses are kept of it; undefined: as many as of any. */
export function keptOf(object: BehaviourObject): number | undefined {
  return isPlace(object) ? PLACE_KEPT : undefined
}

/** A program owns the files that it creates: it may use them in any way, as long as they stay in the place. */
const ownAccess: readonly Access[] = ['create', 'write', 'read', 'delete', 'rename', 'setattr']

/** Accesses that a place of that access stands for. */
export function impliedBy(access: Access): readonly Access[] {
  return access === 'create' ? ownAccess : [access]
}

/** A place has one for each access, and versions of an image have the same: they share a template's language. */
const templateLanguages = new Map<string, Language>()
const TEMPLATES_KEPT = 2_048

function templateLanguage(template: string): Language {
  const known = templateLanguages.get(template)
  if (known !== undefined) return known
  const language = shapedLanguage(template)
  if (templateLanguages.size >= TEMPLATES_KEPT) templateLanguages.clear()
  templateLanguages.set(template, language)
  return language
}

/** A place and one access: its witnesses are the templates of its paths. */
export class PlacePattern implements ObjectPattern {
  readonly thresholds: readonly number[] = []
  readonly open: PathPattern
  readonly literalSize: number
  readonly #object: PlaceObject
  readonly #within: boolean

  /** @param within renames that stay in the place */
  constructor(object: PlaceObject, within = false) {
    this.#object = object
    this.#within = within
    const path = pathOf(object)
    const names = shapedLanguage(path)
    const to =
      object.kind !== 'file' || object.to === undefined ? undefined : shapedLanguage(object.to)
    this.open = new PathPattern(to === undefined ? names : seq(names, text(SUBJECT_TO), to))
    this.literalSize = path.indexOf(NAME)
  }

  of(witnesses: Witnesses): PathPattern {
    const templates = any(witnesses.literals.texts.map(templateLanguage))
    if (!this.#within) return new PathPattern(templates)
    return new PathPattern(seq(templates, text(SUBJECT_TO), templates))
  }

  /** The pattern for each access that it stands for. */
  faces(
    renames: boolean,
  ): readonly { readonly object: FileObject; readonly pattern: PlacePattern }[] {
    if (this.#object.kind !== 'file') return []
    const { access, path, to } = this.#object
    if (to !== undefined) return []
    return impliedBy(access)
      .filter((other) => other !== access && (renames || other !== 'rename'))
      .map((other) => {
        const object: FileObject =
          other === 'rename'
            ? { kind: 'file', access: other, path, to: path }
            : { kind: 'file', access: other, path }
        return { object, pattern: new PlacePattern(object, other === 'rename') }
      })
  }
}
