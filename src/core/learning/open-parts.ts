import { PathPattern } from '../behaviour/language.ts'
import { shapedLanguage } from '../behaviour/shape-pattern.ts'
import { ANY_LENGTH } from '../behaviour/token-language.ts'
import type { Steps } from '../steps.ts'
import { align, formOfAll } from './alignment.ts'
import type { FolderNode } from './folder-tree.ts'
import { cutName, extensionAt, isMadeUp, isSlug } from './name.ts'
import { certainForm } from './notation.ts'
import {
  figuresOf,
  type NameUse,
  stateOf,
  type VocabularyOptions,
  type VocabularyState,
} from './vocabulary.ts'

/** Names that are looked at in one step. */
const atOnce = 64
/** Distinct names from which on a folder may be a place, and sub-folders from which on they may vary. */
export const NAMES_LEAST = 5
export const FOLDERS_LEAST = 3

/** Names of one form that go on coming. */
export interface OpenPart {
  readonly template: string
  readonly names: readonly string[]
  /** People chose the names, as far as can be seen: they are words. */
  readonly words?: true
  /** Each name shows what varies in it. */
  readonly certain?: true
  /** This form with the other extensions of the folder, where names vary as a whole. */
  readonly alike?: readonly string[]
  /** Of folders that are named in several ways: the form of their own names, which files beside them could have too. */
  readonly beside?: OpenPart
}

/** Forms of names that a program makes or removes, each once. */
export function* certainParts(
  names: Iterable<string>,
  node: FolderNode,
  open: readonly OpenPart[] = [],
): Steps<readonly OpenPart[]> {
  const forms = new Map<string, string[]>()
  const anyWords = new Set(
    open
      .map(({ template }) => template)
      .filter(isText)
      .map(kindOf),
  )
  let count = 0
  for (const name of names) {
    if (++count % atOnce === 0) yield
    // What is only read may be there for good.
    if (!node.isMade(name)) continue
    const form = certainForm(name, anyWords.has(kindOf(name)) ? 'any' : 'literal')
    if (form === undefined || !new PathPattern(shapedLanguage(form)).has(name)) continue
    const known = forms.get(form)
    if (known === undefined) forms.set(form, [name])
    else known.push(name)
  }
  return [...forms].map(([template, some]) => ({
    template,
    names: some.sort(),
    certain: true,
    alike: withOtherExtensions(template, anyWords),
  }))
}

/** A program that names its files freely does so whatever their extension. */
function withOtherExtensions(template: string, kinds: ReadonlySet<string>): readonly string[] {
  const at = extensionAt(template)
  if (at < 0 || !kinds.has(kindOf(template))) return []
  return [...kinds].flatMap((kind) => {
    const other = extensionOfKind(kind)
    return other === undefined || other === template.slice(at)
      ? []
      : [template.slice(0, at) + other]
  })
}

/** Sub-folders whose names vary: those that hold the same things, and those whose names go on coming. */
export function* openFolders(
  node: FolderNode,
  options: VocabularyOptions,
): Steps<readonly OpenPart[]> {
  const all = new Map([...node.folderUses()].filter(([name]) => !node.isShared(name)))
  const alike = new Set(node.alike())
  const parts: OpenPart[] = []
  yield
  const free = freelyNamed(all, new Set(node.alike(1)), options)
  if (free !== undefined) {
    parts.push(free)
    for (const name of free.names) all.delete(name)
  }
  // Those that were named by people, and those to which a program gave a name, are not of one kind.
  for (const isCertain of [true, false]) {
    yield
    const uses = new Map([...all].filter(([name]) => isCertainFolder(node, name) === isCertain))
    const some = [...uses.keys()].filter((name) => alike.has(name))
    const figures = figuresOf(
      some.flatMap((name) => uses.get(name) ?? []),
      options,
    )
    if (some.length >= FOLDERS_LEAST && stateOf(figures, options) !== 'closed') {
      const forms = yield* formsOf(some, all.keys())
      parts.push(...forms)
      for (const { names } of forms) for (const name of names) uses.delete(name)
    }
    parts.push(...(yield* openParts(uses, FOLDERS_LEAST, options, 'folders')))
  }
  return parts
}

/**
 * Folders that hold the same things or have names that a program made up, where names go on coming and are made in several
 * ways. They are one kind, and the next may be made in another way.
 */
function freelyNamed(
  uses: ReadonlyMap<string, NameUse>,
  alike: ReadonlySet<string>,
  options: VocabularyOptions,
): OpenPart | undefined {
  const names = [...uses.keys()]
    .filter((name) => !name.startsWith('.') && (alike.has(name) || isMadeUpName(name)))
    .sort()
  if (names.length < NAMES_LEAST) return undefined
  const ways = new Set(names.map((name) => cutName(name)?.separators))
  const figures = figuresOf(
    names.flatMap((name) => uses.get(name) ?? []),
    options,
  )
  if (ways.size < 2 || stateOf(figures, options) !== 'open') return undefined
  const template = formOfAll(names)
  const pattern = new PathPattern(shapedLanguage(template))
  if (takesOthers(pattern, names, uses.keys())) return undefined
  const plain = names.filter(isSlug)
  return {
    template,
    names: names.filter((name) => pattern.has(name)),
    beside: { template: `<slug:${ANY_LENGTH}>`, names: plain },
  }
}

function isMadeUpName(name: string): boolean {
  return cutName(name)?.words.some(isMadeUp) === true
}

function isCertainFolder(node: FolderNode, name: string): boolean {
  return node.isMade(name) && certainForm(name) !== undefined
}

/** The forms that folders' names have together; a hidden folder is not one of them. */
function* formsOf(folders: readonly string[], all: Iterable<string>): Steps<readonly OpenPart[]> {
  const names = folders.filter((name) => !name.startsWith('.')).sort()
  const { alignments, rest } = yield* align(names, 'folders')
  if (rest.length === 0) return alignments
  const token = names.every(isSlug) ? 'slug' : 'free'
  const template = `<${token}:${ANY_LENGTH}>`
  const pattern = new PathPattern(shapedLanguage(template))
  if (takesOthers(pattern, names, all)) return alignments
  return [{ template, names: names.filter((name) => pattern.has(name)) }]
}

/** Whether a folder of another kind beside them would be one of them. */
function takesOthers(
  pattern: PathPattern,
  names: readonly string[],
  all: Iterable<string>,
): boolean {
  const some = new Set(names)
  return [...all].some((name) => !some.has(name) && pattern.has(name))
}

/** Templates of names that go on coming, with the names behind each. */
export function* openParts(
  uses: ReadonlyMap<string, NameUse>,
  least: number,
  options: VocabularyOptions,
  of: 'files' | 'folders' = 'files',
): Steps<readonly OpenPart[]> {
  const { alignments } = yield* align(uses.keys(), of)
  const parts: { template: string; taken: readonly string[]; madeUp: boolean }[] = []
  for (const { template, names, madeUp } of alignments) {
    yield
    const pattern = new PathPattern(shapedLanguage(template))
    parts.push({ template, taken: names.filter((name) => pattern.has(name)), madeUp })
  }
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
  const open: OpenPart[] = []
  for (const { template, taken: names, madeUp } of parts) {
    yield
    // Few names of each form are many of their extension.
    const alone = stateIn(names)
    const state = alone === 'undecided' ? stateIn(kinds.get(kindOf(template)) ?? names) : alone
    // Names that a program made up are new by nature, unless it was seen to use the same ones again and again.
    const isFolded = names.some((name) => uses.get(name)?.folded === true)
    const isOpen = isFolded || state === 'open' || (madeUp && state === 'undecided')
    if (!isOpen || names.length < Math.min(least, 2)) continue
    open.push(madeUp ? { template, names } : { template, names, words: true })
  }
  return open
}

/** Nothing in it is constant but the extension. */
function isText(template: string): boolean {
  return /^<(?:alnum|slug|free):\d+>(?:\.[A-Za-z0-9]+)?$/.test(template)
}

/** Of {@link kindOf}; undefined of hidden names, and where there is none. */
function extensionOfKind(kind: string): string | undefined {
  const extension = kind.slice(kind.indexOf('.'))
  return kind.startsWith('false.') ? extension : undefined
}

/** Hidden or not, and the extension. */
function kindOf(template: string): string {
  const at = extensionAt(template)
  return `${template.startsWith('.')}${at < 0 ? '' : template.slice(at)}`
}
