import type { Origin } from '../event/event-words.ts'
import type { Micros } from '../event/time.ts'
import type { Steps } from '../steps.ts'
import { type FileUse, isCallUse, MADE_PARTS, type PathPlaceClass } from './file-use.ts'
import { extensionAt } from './name.ts'
import type { NameUse } from './vocabulary.ts'

/** Names of one kind in a folder from which on they may be of the folder's own. */
const OWN_NAMES_LEAST = 2
/** Folders that have names of their own: more of all names than this share are different ones. */
const OWN_NAMES = 0.8
const FOLDERS_LEAST = 3
/** Uses that are put into the tree in one step. */
const atOnce = 64

/** Observations of one path, of all its uses or of those of one class. */
export interface PathFacts {
  readonly path: string
  first: Micros
  last: Micros
  acts: number
  folded: boolean
  readonly containers: Set<string>
  readonly origins: Set<Origin>
}

function factsOf(path: string): PathFacts {
  return {
    path,
    first: Infinity,
    last: -Infinity,
    acts: 0,
    folded: false,
    containers: new Set(),
    origins: new Set(),
  }
}

function addUse(facts: PathFacts, use: FileUse): void {
  facts.first = Math.min(facts.first, use.first)
  facts.last = Math.max(facts.last, use.last)
  facts.acts += use.acts
  if (use.folded === true) facts.folded = true
  facts.containers.add(use.container)
  facts.origins.add(use.origin)
}

/** One path below a folder: by class, and over all. */
interface PathSeen {
  readonly all: PathFacts
  readonly byClass: Map<PathPlaceClass, PathFacts>
  isMade: boolean
}

function classOf({ access }: FileUse): PathPlaceClass | undefined {
  if (isCallUse(access)) return access
  switch (access) {
    case 'write':
    case 'create':
      return 'own'
    case 'read':
      return 'read'
    case 'delete':
      return 'delete'
    case 'setattr':
      return 'setattr'
    case 'connect':
      return 'socket'
    case 'rename':
    case 'exec':
      return undefined
  }
}

/** A folder with its sub-folders and names; or several that are taken for one, because what they are called varies. */
export class FolderNode {
  readonly folders = new Map<string, FolderNode>()
  /** What was done with any path below the root: of the root alone. */
  readonly classes = new Set<PathPlaceClass>()
  /** Of each name the paths that end in it: of one folder one. */
  readonly #names = new Map<string, PathSeen[]>()
  /** How many folders it stands for. */
  readonly sources: number
  /** A program of the image makes the folder itself. */
  isMadeItself = false

  constructor(sources = 1) {
    this.sources = sources
  }

  static *steps(uses: Iterable<FileUse>): Steps<FolderNode> {
    const root = new FolderNode()
    const byPath = new Map<string, PathSeen>()
    let count = 0
    for (const use of uses) {
      if (++count % atOnce === 0) yield
      let known = byPath.get(use.path)
      if (known === undefined) {
        known = { all: factsOf(use.path), byClass: new Map(), isMade: false }
        byPath.set(use.path, known)
        root.#put(use.path, known)
      }
      addUse(known.all, use)
      if (use.made !== undefined) known.isMade ||= root.#mark(use.path, use.made)
      const of = classOf(use)
      if (of === undefined) continue
      root.classes.add(of)
      let facts = known.byClass.get(of)
      if (facts === undefined) {
        facts = factsOf(use.path)
        known.byClass.set(of, facts)
      }
      addUse(facts, use)
    }
    return root
  }

  #put(path: string, use: PathSeen): void {
    const parts = path.slice(1).split('/')
    const name = parts.pop() ?? ''
    FolderNode.#make(this, parts).#names.set(name, [use])
  }

  /** Notes which folders on the way a program makes. Gives whether it makes what the path names. */
  #mark(path: string, made: number): boolean {
    const parts = path.slice(1).split('/')
    const isMade = (at: number): boolean => at < MADE_PARTS && (made & (1 << at)) !== 0
    let { folders } = this
    for (const [at, part] of parts.slice(0, -1).entries()) {
      const node = folders.get(part)
      if (node === undefined) break
      if (isMade(at)) node.isMadeItself = true
      folders = node.folders
    }
    return isMade(parts.length - 1)
  }

  static #make(root: FolderNode, parts: readonly string[]): FolderNode {
    let node = root
    for (const part of parts) {
      let child = node.folders.get(part)
      if (child === undefined) {
        child = new FolderNode()
        node.folders.set(part, child)
      }
      node = child
    }
    return node
  }

  /** These sub-folders taken for one. */
  joined(names: readonly string[]): FolderNode {
    const of = names.flatMap((name) => this.folders.get(name) ?? [])
    return FolderNode.#joined(of)
  }

  static #joined(of: readonly FolderNode[]): FolderNode {
    const all = new FolderNode(of.reduce((sum, { sources }) => sum + sources, 0))
    all.isMadeItself = of.some((node) => node.isMadeItself)
    const folders = new Map<string, FolderNode[]>()
    for (const node of of) {
      for (const [name, uses] of node.#names) {
        const known = all.#names.get(name)
        if (known === undefined) all.#names.set(name, [...uses])
        else known.push(...uses)
      }
      for (const [name, folder] of node.folders) {
        const known = folders.get(name)
        if (known === undefined) folders.set(name, [folder])
        else known.push(folder)
      }
    }
    for (const [name, some] of folders) {
      all.folders.set(
        name,
        some.length === 1 && some[0] !== undefined ? some[0] : FolderNode.#joined(some),
      )
    }
    return all
  }

  /** It had more names than are distinguished. */
  get isFolded(): boolean {
    return [...this.#names.values()].some((paths) => paths.some(({ all }) => all.folded))
  }

  /** Whether most of several folders that it stands for have that sub-folder: then its name is no value. */
  isShared(folder: string): boolean {
    const { sources = 0 } = this.folders.get(folder) ?? {}
    return this.sources >= FOLDERS_LEAST && sources * 2 > this.sources
  }

  /** In how many of the folders that it stands for the name was seen. */
  sourcesOf(name: string): number {
    return this.#names.get(name)?.length ?? 0
  }

  factsOf(name: string, of: PathPlaceClass): readonly PathFacts[] {
    return (this.#names.get(name) ?? []).flatMap(({ byClass }) => byClass.get(of) ?? [])
  }

  /** Whether a program makes a file or folder of that name, this one or another of the image. */
  isMade(name: string): boolean {
    if (this.folders.get(name)?.isMadeItself === true) return true
    return (this.#names.get(name) ?? []).some(
      ({ byClass, isMade }) => isMade || byClass.has('own') || byClass.has('delete'),
    )
  }

  nameUses(): ReadonlyMap<string, NameUse> {
    const uses = new Map<string, NameUse>()
    for (const [name, paths] of this.#names) {
      uses.set(
        name,
        useOf(
          name,
          paths.map(({ all }) => all),
        ),
      )
    }
    return uses
  }

  /** A sub-folder is used when anything below it is. */
  folderUses(): ReadonlyMap<string, NameUse> {
    const uses = new Map<string, NameUse>()
    for (const [name, folder] of this.folders) uses.set(name, useOf(name, [...folder.#below()]))
    return uses
  }

  /**
   * Sub-folders that hold the same things, as those of users, hosts or tenants do: what they are called is a value. Each has
   * at least half of what most of them have, and a name that most of them share. So have folders in which people keep files
   * of one kind, each under names of their own.
   */
  alike(least = OWN_NAMES_LEAST): readonly string[] {
    const most = this.folders.size / 2
    const counts = new Map<string, number>()
    for (const folder of this.folders.values()) {
      for (const name of folder.#children()) counts.set(name, (counts.get(name) ?? 0) + 1)
    }
    const isShared = (name: string): boolean => (counts.get(name) ?? 0) > most
    const contents = new Map<string, ReadonlySet<string>>()
    const kinds = new Map<string, number>()
    for (const [name, folder] of this.folders) {
      const content = new Set(
        [...folder.#children()].map((one) => (isShared(one) ? one : kindOf(one))),
      )
      contents.set(name, content)
      for (const kind of content) kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
    }
    const common = new Set([...kinds].filter(([, count]) => count > most).map(([kind]) => kind))
    if (![...common].some((kind) => counts.has(kind) || this.#isOpenIn(kind, most, least)))
      return []
    return [...contents]
      .filter(([, content]) => {
        const both = [...content].filter((kind) => common.has(kind)).length
        return both === content.size || both * 2 >= content.size + common.size - both
      })
      .map(([name]) => name)
  }

  /** Whether most of the sub-folders have several names of that kind, which are hardly ever the same. */
  #isOpenIn(kind: string, most: number, least: number): boolean {
    // Without an extension names have nothing in common.
    if (kind === '/') return false
    const distinct = new Set<string>()
    let folders = 0
    let names = 0
    for (const folder of this.folders.values()) {
      const some = [...folder.#children()].filter((name) => kindOf(name) === kind)
      if (some.length < least) continue
      folders += 1
      names += some.length
      for (const name of some) distinct.add(name)
    }
    return folders > most && folders >= FOLDERS_LEAST && distinct.size > names * OWN_NAMES
  }

  /** Names of files, and those of folders with a `/` behind them. */
  *#children(): Iterable<string> {
    yield* this.#names.keys()
    for (const name of this.folders.keys()) yield `${name}/`
  }

  *#below(): Iterable<PathFacts> {
    for (const paths of this.#names.values()) for (const { all } of paths) yield all
    for (const folder of this.folders.values()) yield* folder.#below()
  }
}

/** What a name is without what varies in it; no name, because none contains a `/` in front. */
function kindOf(name: string): string {
  if (name.endsWith('/')) return '//'
  const at = extensionAt(name)
  return `/${at < 0 ? '' : name.slice(at)}`
}

function useOf(name: string, facts: readonly PathFacts[]): NameUse {
  const all = factsOf(name)
  for (const { first, last, acts, folded, containers } of facts) {
    all.folded ||= folded
    all.first = Math.min(all.first, first)
    all.last = Math.max(all.last, last)
    all.acts += acts
    for (const container of containers) all.containers.add(container)
  }
  const { first, last, acts, containers, folded } = all
  return { name, first, last, acts, containers, ...(folded ? { folded } : {}) }
}
