import type { Origin } from '../event/event.ts'
import { PathPattern } from '../behaviour/language.ts'
import { shapedLanguage } from '../behaviour/shape-pattern.ts'
import { plainPath } from '../behaviour/shape.ts'
import { ANY_LENGTH } from '../behaviour/token-language.ts'
import { adversarialNames } from './adversary.ts'
import { align } from './alignment.ts'
import { type FilePlaceClass, type FileUse, type PlaceClass, placeClasses } from './file-use.ts'
import { FolderNode, type PathFacts } from './folder-tree.ts'
import { extensionAt, isSlug } from './name.ts'
import { certainForm } from './notation.ts'
import {
  figuresOf,
  type NameUse,
  stateOf,
  type VocabularyFigures,
  type VocabularyOptions,
  type VocabularyState,
} from './vocabulary.ts'

export interface Place {
  /** Ends in `/`: the literal part of it. */
  readonly base: string
  /** How many parts below it vary, the name itself included. */
  readonly depth: number
  readonly class: PlaceClass
  /** Whole paths in the language of shapes, sorted. */
  readonly templates: readonly string[]
  readonly figures: VocabularyFigures
  readonly origins: readonly Origin[]
  /** Whether its program renames at all: one that does may rename within what it makes. */
  readonly renames: boolean
  /** Some of the paths that it was learned from. */
  readonly witnesses: readonly string[]
}

export interface FilePlace extends Place {
  readonly class: FilePlaceClass
}

export interface PlaceOptions extends VocabularyOptions {
  /** Paths that were run: no place takes them. */
  readonly executed: readonly string[]
  /** Names that a guardrail or a person excludes: no place includes them. */
  readonly isGuarded: (path: string) => boolean
}

/** Distinct names from which on a folder may be a place, and sub-folders from which on they may vary. */
const NAMES_LEAST = 5
const FOLDERS_LEAST = 3
/** For generated names, this few are enough: no person chose the variable parts. */
const MADE_UP_LEAST = 3
/** Witnesses of one access, in a folder where the program is already seen to create files. */
const CLASS_LEAST = 2
const DEPTH_MOST = 6
const TEMPLATES_MOST = 48
const WITNESSES_KEPT = 8

const closedRoots = [
  'usr',
  'etc',
  'lib',
  'lib32',
  'lib64',
  'libx32',
  'bin',
  'sbin',
  'opt',
  'proc',
  'sys',
  'dev',
  'boot',
]

/** Folders whose files are literal, or of a known notation: those of the system, and the root itself. */
export function mayHoldPlaces(folder: string): boolean {
  if (!folder.startsWith('/') || folder === '/') return false
  return !closedRoots.includes(folder.slice(1, folder.indexOf('/', 1)))
}

/** The places of one actor and user. A function of the evidence: the same for any order of it. */
export function placesOf(uses: Iterable<FileUse>, options: PlaceOptions): readonly FilePlace[] {
  const root = FolderNode.of(uses)
  const found = new Map<string, Draft>()
  walk({ node: root, base: '/', tail: [], found, options })
  return [...found]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { base, depth, class: of, templates, facts }]) => ({
      base,
      depth,
      class: of,
      templates: [...templates].sort().slice(0, TEMPLATES_MOST),
      figures: figuresOf(usesOf(facts), options),
      renames: false,
      origins: [...new Set(facts.flatMap(({ origins }) => [...origins]))].sort(),
      witnesses: sampleOf(facts.map(({ path }) => path)),
    }))
}

/** A place with what it is made of. What lies in different folders below one that varies adds up. */
interface Draft extends Pick<FilePlace, 'base' | 'depth' | 'class'> {
  readonly templates: Set<string>
  readonly facts: PathFacts[]
}

interface Visit {
  readonly node: FolderNode
  readonly base: string
  /** What stands below the base, in the language of shapes: empty while nothing varies. */
  readonly tail: readonly string[]
  readonly found: Map<string, Draft>
  readonly options: PlaceOptions
}

function walk(visit: Visit): void {
  const { node, base, tail, options } = visit
  const isOpen = mayHoldPlaces(base)
  if (isOpen) namesOf(visit)
  const fixed = new Set(node.folders.keys())
  if (isOpen && tail.length < DEPTH_MOST && node.folders.size >= FOLDERS_LEAST) {
    for (const { template, names } of openFolders(node, options)) {
      for (const name of names) fixed.delete(name)
      walk({ ...visit, node: node.joined(names), tail: [...tail, template] })
    }
  }
  if (isOpen && tail.length < DEPTH_MOST) {
    for (const { template, names } of certainParts(fixed, node)) {
      for (const name of names) fixed.delete(name)
      walk({ ...visit, node: node.joined(names), tail: [...tail, template] })
    }
  }
  for (const name of fixed) {
    const child = node.folders.get(name)
    if (child === undefined) continue
    if (tail.length === 0) walk({ ...visit, node: child, base: `${base}${name}/` })
    else if (tail.length < DEPTH_MOST && child.sources >= sharedLeast(node)) {
      walk({ ...visit, node: child, tail: [...tail, plainPath(name)] })
    }
  }
}

interface OpenPart {
  readonly template: string
  readonly names: readonly string[]
  /** Each name shows what varies in it. */
  readonly certain?: true
}

/** Folders that have a name in common, of several; of one, what it has. */
function sharedLeast({ sources }: FolderNode): number {
  return Math.min(CLASS_LEAST, sources)
}

/** Forms of names that the program made, each once. */
function certainParts(names: Iterable<string>, node: FolderNode): readonly OpenPart[] {
  const forms = new Map<string, string[]>()
  for (const name of names) {
    if (node.factsOf(name, 'own').length === 0) continue
    const form = certainForm(name)
    if (form === undefined || !new PathPattern(shapedLanguage(form)).has(name)) continue
    const known = forms.get(form)
    if (known === undefined) forms.set(form, [name])
    else known.push(name)
  }
  return [...forms].map(([template, some]) => ({ template, names: some.sort(), certain: true }))
}

/** Sub-folders whose names vary: those that hold the same things, and those whose names go on coming. */
function openFolders(node: FolderNode, options: PlaceOptions): readonly OpenPart[] {
  const all = node.folderUses()
  const alike = new Set(node.alike())
  const parts: OpenPart[] = []
  // Those that were named by people, and those to which a program gave a name, are not of one kind.
  for (const isCertain of [true, false]) {
    const uses = new Map([...all].filter(([name]) => isCertainFolder(node, name) === isCertain))
    const some = [...uses.keys()].filter((name) => alike.has(name))
    const figures = figuresOf(
      some.flatMap((name) => uses.get(name) ?? []),
      options,
    )
    if (some.length >= FOLDERS_LEAST && stateOf(figures, options) !== 'closed') {
      const forms = formsOf(some)
      parts.push(...forms)
      for (const { names } of forms) for (const name of names) uses.delete(name)
    }
    parts.push(...openParts(uses, FOLDERS_LEAST, options, 'folders'))
  }
  return parts
}

function isCertainFolder(node: FolderNode, name: string): boolean {
  return node.factsOf(name, 'own').length > 0 && certainForm(name) !== undefined
}

/** The forms that folders' names have together; a hidden folder is not one of them. */
function formsOf(folders: readonly string[]): readonly OpenPart[] {
  const names = folders.filter((name) => !name.startsWith('.')).sort()
  const { alignments, rest } = align(names, 'folders')
  if (rest.length === 0) return alignments
  const token = names.every(isSlug) ? 'slug' : 'free'
  const template = `<${token}:${ANY_LENGTH}>`
  const pattern = new PathPattern(shapedLanguage(template))
  return [{ template, names: names.filter((name) => pattern.has(name)) }]
}

/** Templates of names that go on coming, with the names behind each. */
function openParts(
  uses: ReadonlyMap<string, NameUse>,
  least: number,
  options: PlaceOptions,
  of: 'files' | 'folders' = 'files',
): readonly OpenPart[] {
  const parts = align(uses.keys(), of).alignments.map(({ template, names, madeUp }) => {
    const pattern = new PathPattern(shapedLanguage(template))
    return { template, taken: names.filter((name) => pattern.has(name)), madeUp }
  })
  const stateIn = (names: readonly string[]): VocabularyState => {
    const some = names.flatMap((name) => uses.get(name) ?? [])
    return stateOf(figuresOf(some, options), options)
  }
  const kinds = new Map<string, string[]>()
  for (const { template, taken } of parts) {
    const known = kinds.get(kindOf(template))
    if (known === undefined) kinds.set(kindOf(template), [...taken])
    else known.push(...taken)
  }
  return parts.flatMap(({ template, taken: names, madeUp }) => {
    // Few names of each form are many of their extension.
    const alone = stateIn(names)
    const state = alone === 'undecided' ? stateIn(kinds.get(kindOf(template)) ?? names) : alone
    // Names that a program made up are new by nature, unless it was seen to use the same ones again and again.
    const isFolded = names.some((name) => uses.get(name)?.folded === true)
    const isOpen = isFolded || state === 'open' || (madeUp && state === 'undecided')
    return isOpen && names.length >= Math.min(least, 2) ? [{ template, names }] : []
  })
}

/** Hidden or not, and the extension. */
function kindOf(template: string): string {
  const at = extensionAt(template)
  return `${template.startsWith('.')}${at < 0 ? '' : template.slice(at)}`
}

function namesOf({ node, base, tail, found, options }: Visit): void {
  const below = tail.length === 0 ? '' : `${tail.join('/')}/`
  const uses = node.nameUses()
  const parts: OpenPart[] = []
  if (uses.size >= (tail.length === 0 ? MADE_UP_LEAST : 2)) {
    const open = openParts(uses, NAMES_LEAST, options)
    const total = open.reduce((sum, { names }) => sum + names.length, 0)
    if (total >= MADE_UP_LEAST) parts.push(...open)
  }
  const taken = new Set(parts.flatMap(({ names }) => names))
  const apart = [...uses.keys()].filter((name) => !taken.has(name))
  parts.push(...certainParts(apart, node))
  const isFolded = node.isFolded
  if (tail.length > 0 || isFolded) {
    const covered = new Set(parts.flatMap(({ names }) => names))
    for (const name of uses.keys()) {
      // A name that is the same below several varying sub-folders is also the same below the next one. Where names are
      // no longer distinguished, those unlike all others stay literal.
      if (!covered.has(name) && (isFolded || node.sourcesOf(name) >= sharedLeast(node))) {
        parts.push({ template: plainPath(name), names: [name] })
      }
    }
  }
  if (parts.length === 0) return
  let known: ReadonlySet<string> = new Set()
  for (const of of placeClasses) {
    const made = classOf(of, parts, node, known)
    const templates = made
      .map(({ template }) => plainPath(base) + below + template)
      .filter((template) => !isHeldBack(template, options))
    if (of === 'own') known = new Set(made.map(({ template }) => template))
    if (templates.length === 0) continue
    const depth = tail.length + 1
    const key = `${base}\u0000${depth}\u0000${of}`
    const draft = found.get(key) ?? { base, depth, class: of, templates: new Set(), facts: [] }
    found.set(key, draft)
    for (const template of templates) draft.templates.add(template)
    for (const { names } of made) {
      for (const name of names) draft.facts.push(...node.factsOf(name, of))
    }
  }
}

/** An access of a few of the names is one of all; `known` templates may be used in every way already. */
function classOf(
  of: FilePlaceClass,
  parts: readonly OpenPart[],
  node: FolderNode,
  known: ReadonlySet<string>,
): readonly OpenPart[] {
  return parts.filter(({ template, names, certain }) => {
    if (known.has(template)) return false
    let seen = 0
    for (const name of names) seen += node.factsOf(name, of).length
    return seen >= (node.isFolded || certain === true ? 1 : sharedLeast(node))
  })
}

function usesOf(facts: readonly PathFacts[]): readonly NameUse[] {
  return facts.map(({ path, first, last, acts, containers }) => ({
    name: path,
    first,
    last,
    acts,
    containers,
  }))
}

/** Law 7: a place never includes an executed path or a guarded one. */
function isHeldBack(template: string, { executed, isGuarded }: PlaceOptions): boolean {
  const pattern = new PathPattern(shapedLanguage(template))
  if (executed.some((path) => pattern.has(path))) return true
  const example = exampleOf(template)
  if (isGuarded(example)) return true
  const folder = example.slice(0, example.lastIndexOf('/') + 1)
  return Object.values(adversarialNames).some((names) =>
    names.some((name) => isGuarded(folder + name) && pattern.has(folder + name)),
  )
}

/** One of the paths that a template stands for. */
function exampleOf(template: string): string {
  return template.replace(/<([a-z]+)(?::\d+)?>/g, (_, name) =>
    name === 'lt' ? '<' : name === 'digits' ? '1' : 'a',
  )
}

/** Spread over all of them, and the same for any order. */
function sampleOf(paths: readonly string[]): readonly string[] {
  const sorted = [...new Set(paths)].sort()
  const step = Math.max(1, Math.floor(sorted.length / WITNESSES_KEPT))
  return sorted.filter((_, i) => i % step === 0).slice(0, WITNESSES_KEPT)
}
