import type { Origin } from '../event/event-words.ts'
import { finish, type Steps } from '../steps.ts'
import { PathPattern } from '../behaviour/language.ts'
import { shapedLanguage } from '../behaviour/shape-pattern.ts'
import { plainPath } from '../behaviour/shape.ts'
import { adversarialNames } from './adversary.ts'
import {
  aboveItself,
  type FilePlaceClass,
  type FileUse,
  isCallUse,
  ITSELF,
  type PathPlaceClass,
  type PlaceClass,
} from './file-use.ts'
import { FolderNode, type PathFacts } from './folder-tree.ts'
import {
  certainParts,
  FOLDERS_LEAST,
  NAMES_LEAST,
  openFolders,
  type OpenPart,
  openParts,
} from './open-parts.ts'
import {
  figuresOf,
  type NameUse,
  type VocabularyFigures,
  type VocabularyOptions,
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
  /** Called with an executed path that alone kept names from being a place. */
  readonly onExecuted?: (path: string) => void
  /** Names that a guardrail or a person excludes: no place includes them. */
  readonly isGuarded: (path: string) => boolean
  /** Names of unix sockets that no place of sockets includes. */
  readonly guardedSockets?: readonly string[]
}

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
  return finish(placesSteps(uses, options))
}

/** {@link placesOf} with pauses. */
export function* placesSteps(
  uses: Iterable<FileUse>,
  options: PlaceOptions,
): Steps<readonly FilePlace[]> {
  const root = yield* FolderNode.steps(uses)
  const found = new Map<string, Draft>()
  // Whether something may be created decides what else is known of the names: it comes first.
  const classes = [...root.classes].sort(
    (a, b) => Number(b === 'own') - Number(a === 'own') || (a < b ? -1 : 1),
  )
  yield* walk({ node: root, base: '/', tail: [], found, classes, options })
  const places: FilePlace[] = []
  for (const [, draft] of [...found].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const { base, depth, class: of, templates, facts } = draft
    places.push({
      base,
      depth: isCallUse(of) ? depth - 1 : depth,
      class: of,
      templates: [...templates].map(aboveItself).sort().slice(0, TEMPLATES_MOST),
      figures: figuresOf(usesOf(facts), options),
      renames: false,
      origins: [...new Set(facts.flatMap(({ origins }) => [...origins]))].sort(),
      witnesses: sampleOf(facts.map(({ path }) => aboveItself(path))),
    })
    yield
  }
  return places
}

/** A place with what it is made of. What lies in different folders below one that varies adds up. */
interface Draft extends Pick<FilePlace, 'base' | 'depth'> {
  readonly class: PathPlaceClass
  readonly templates: Set<string>
  readonly facts: PathFacts[]
}

interface Visit {
  readonly node: FolderNode
  readonly base: string
  /** What stands below the base, in the language of shapes: empty while nothing varies. */
  readonly tail: readonly string[]
  readonly found: Map<string, Draft>
  readonly classes: readonly PathPlaceClass[]
  readonly options: PlaceOptions
}

function* walk(visit: Visit): Steps<void> {
  const { node, base, tail, options } = visit
  const isOpen = mayHoldPlaces(base)
  const varies = isOpen && tail.length < DEPTH_MOST && node.folders.size >= FOLDERS_LEAST
  const folders = varies ? yield* openFolders(node, options) : []
  yield
  if (isOpen) yield* namesOf(visit, folders)
  const fixed = new Set(node.folders.keys())
  if (varies) {
    for (const { template, names } of folders) {
      for (const name of names) fixed.delete(name)
      yield* walk({ ...visit, node: node.joined(names), tail: [...tail, template] })
    }
  }
  if (isOpen && tail.length < DEPTH_MOST) {
    for (const { template, names } of yield* certainParts(fixed, node)) {
      for (const name of names) fixed.delete(name)
      yield* walk({ ...visit, node: node.joined(names), tail: [...tail, template] })
    }
  }
  for (const name of fixed) {
    const child = node.folders.get(name)
    if (child === undefined) continue
    if (tail.length === 0) yield* walk({ ...visit, node: child, base: `${base}${name}/` })
    else if (tail.length < DEPTH_MOST && child.sources >= sharedLeast(node)) {
      yield* walk({ ...visit, node: child, tail: [...tail, plainPath(name)] })
    }
  }
}

/** Folders that have a name in common, of several; of one, what it has. */
function sharedLeast({ sources }: FolderNode): number {
  return Math.min(CLASS_LEAST, sources)
}

function* namesOf(
  { node, base, tail, found, classes, options }: Visit,
  folders: readonly OpenPart[],
): Steps<void> {
  const below = tail.length === 0 ? '' : `${tail.join('/')}/`
  const uses = new Map(node.nameUses())
  const isAboutFolders = uses.delete(ITSELF)
  yield
  const parts: OpenPart[] = []
  // Folders that are used themselves are called as those with contents are, but for what could be an extension.
  for (const { beside } of folders) {
    const used = beside?.names.filter((name) => uses.has(name)) ?? []
    if (beside === undefined || used.length < CLASS_LEAST) continue
    parts.push({ template: beside.template, names: used })
    for (const name of used) uses.delete(name)
  }
  if (uses.size >= (tail.length === 0 ? MADE_UP_LEAST : 2)) {
    const open = yield* openParts(uses, NAMES_LEAST, options)
    const total = open.reduce((sum, { names }) => sum + names.length, 0)
    if (total >= MADE_UP_LEAST) parts.push(...open)
  }
  const taken = new Set(parts.flatMap(({ names }) => names))
  yield
  const apart = [...uses.keys()].filter((name) => !taken.has(name))
  parts.push(...(yield* certainParts(apart, node, parts)))
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
  if (isAboutFolders && tail.length > 0 && node.sourcesOf(ITSELF) >= sharedLeast(node)) {
    parts.push({ template: ITSELF, names: [ITSELF] })
  }
  if (parts.length === 0) return
  let known: ReadonlySet<string> = new Set()
  for (const of of classes) {
    const made = classOf(of, parts, node, known)
    const forms = made.flatMap(({ template, alike = [] }) => [template, ...alike])
    const templates = forms
      .map((form) => plainPath(base) + below + form)
      .filter((template) => !isHeldBack(aboveItself(template), of, options))
    yield
    if (of === 'own') known = new Set(forms)
    if (templates.length === 0) continue
    const depth = tail.length + 1
    const key = `${base}\u0000${depth}\u0000${of}`
    const draft = found.get(key) ?? { base, depth, class: of, templates: new Set(), facts: [] }
    found.set(key, draft)
    for (const template of templates) draft.templates.add(template)
    yield
    for (const { names } of made) {
      for (const name of names) draft.facts.push(...node.factsOf(name, of))
    }
  }
}

/** An access of a few of the names is one of all; `known` templates may be used in every way already. */
function classOf(
  of: PathPlaceClass,
  parts: readonly OpenPart[],
  node: FolderNode,
  known: ReadonlySet<string>,
): readonly OpenPart[] {
  return parts.filter(({ template, names, words, certain }) => {
    if (known.has(template) && isFileUse(of)) return false
    // All sockets of a service come at its start, under names that its authors chose.
    if (words === true && of === 'socket') return false
    let seen = 0
    for (const name of names) seen += node.factsOf(name, of).length
    return seen >= (node.isFolded || certain === true ? 1 : sharedLeast(node))
  })
}

/** Who creates a file may read and delete it and change its attributes, but is no client of a socket by that name. */
function isFileUse(of: PathPlaceClass): boolean {
  return of === 'own' || of === 'read' || of === 'delete' || of === 'setattr'
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
function isHeldBack(
  template: string,
  of: PathPlaceClass,
  { executed, onExecuted, isGuarded, guardedSockets = [] }: PlaceOptions,
): boolean {
  const pattern = new PathPattern(shapedLanguage(template))
  const ran = executed.find((path) => pattern.has(path))
  if (ran !== undefined) {
    onExecuted?.(ran)
    return true
  }
  const example = exampleOf(template)
  if (isGuarded(example)) return true
  const folder = example.slice(0, example.lastIndexOf('/') + 1)
  const names = of === 'socket' ? guardedSockets : Object.values(adversarialNames).flat()
  return names.some((name) => isGuarded(folder + name) && pattern.has(folder + name))
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
