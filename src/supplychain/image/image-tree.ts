import type { ImageText } from './package-databases.ts'
import type { RpmPackage } from '../../support/rpm/rpm-header.ts'

/** One name in a layer, as its archive has it. */
export interface LayerEntry {
  /** Absolute, without `.` and `..`. */
  readonly path: string
  readonly kind: 'file' | 'link' | 'hard-link' | 'folder'
  /** The target of a link; for a hard link, the other path of the same file. */
  readonly target?: string
  readonly content?: FileContent
}

/** The kept content of a file: the text of a package database, or the parsed content of a binary one. */
export interface FileContent {
  readonly text?: string
  readonly rpm?: readonly RpmPackage[]
}

type Node =
  | { readonly kind: 'folder'; readonly children: Map<string, Node> }
  | { readonly kind: 'file'; readonly content?: FileContent }
  | { readonly kind: 'link'; readonly target: string }

const whiteout = '.wh.'
const opaque = '.wh..wh..opq'
const maxLinks = 40

/** The files of an image, all of its layers taken together, with the texts that were kept. */
export class ImageTree implements ImageText {
  readonly #root: Node & { kind: 'folder' } = { kind: 'folder', children: new Map() }

  /** Layers are added from the bottom up. A layer's removals apply before its additions. */
  addLayer(entries: Iterable<LayerEntry>): void {
    const all = [...entries]
    for (const { path } of all) this.#whiteOut(path)
    for (const entry of all) {
      if (!nameOf(entry.path).startsWith(whiteout)) this.#add(entry)
    }
  }

  read(path: string): string | undefined {
    return this.#contentOf(path)?.text
  }

  rpm(path: string): readonly RpmPackage[] | undefined {
    return this.#contentOf(path)?.rpm
  }

  list(folder: string): readonly string[] {
    const node = this.#nodeAt(this.resolve(folder))
    return node?.kind === 'folder' ? [...node.children.keys()] : []
  }

  has(path: string): boolean {
    return this.#nodeAt(path) !== undefined
  }

  isFolder(path: string): boolean {
    return this.#nodeAt(path)?.kind === 'folder'
  }

  /** Paths of all non-folders below a folder, except in folders that `enter` refuses by their paths. */
  *filesIn(folder: string, enter: (path: string) => boolean = () => true): Iterable<string> {
    const node = this.#nodeAt(folder)
    if (node?.kind !== 'folder') return
    for (const [name, child] of node.children) {
      const path = folder === '/' ? `/${name}` : `${folder}/${name}`
      if (child.kind !== 'folder') yield path
      else if (enter(path)) yield* this.filesIn(path, enter)
    }
  }

  /**
   * The path with all links followed, as the kernel reports it. A path that does not exist is followed as far as it
   * exists.
   */
  resolve(path: string): string {
    let rest = partsOf(path)
    let at: string[] = []
    let links = 0
    while (rest.length > 0) {
      const [name = '', ...more] = rest
      rest = more
      if (name === '..') {
        at.pop()
        continue
      }
      const node = this.#nodeAt(`/${[...at, name].join('/')}`)
      if (node?.kind !== 'link' || links >= maxLinks) {
        at.push(name)
        continue
      }
      links += 1
      if (node.target.startsWith('/')) at = []
      rest = [...partsOf(node.target), ...rest]
    }
    return `/${at.join('/')}`
  }

  /** Follows links of the folder, but not the last one: a package owns the link, not its target. */
  placeOf(path: string): string {
    const folder = this.resolve(path.slice(0, path.lastIndexOf('/')))
    return folder === '/' ? `/${nameOf(path)}` : `${folder}/${nameOf(path)}`
  }

  #contentOf(path: string): FileContent | undefined {
    const node = this.#nodeAt(this.resolve(path))
    return node?.kind === 'file' ? node.content : undefined
  }

  #nodeAt(path: string): Node | undefined {
    let node: Node | undefined = this.#root
    for (const name of partsOf(path)) {
      if (node?.kind !== 'folder') return undefined
      node = node.children.get(name)
    }
    return node
  }

  #whiteOut(path: string): void {
    const name = nameOf(path)
    if (!name.startsWith(whiteout)) return
    const folder = this.#nodeAt(path.slice(0, path.lastIndexOf('/')))
    if (folder?.kind !== 'folder') return
    if (name === opaque) folder.children.clear()
    else folder.children.delete(name.slice(whiteout.length))
  }

  #add({ path, kind, target = '', content }: LayerEntry): void {
    const parts = partsOf(path)
    const name = parts.pop()
    if (name === undefined) return
    const folder = this.#folder(parts)
    const known = folder.children.get(name)
    if (kind === 'folder') {
      if (known?.kind !== 'folder') folder.children.set(name, { kind, children: new Map() })
    } else if (kind === 'link') folder.children.set(name, { kind, target })
    else {
      const other = kind === 'hard-link' ? this.#nodeAt(target) : undefined
      const own = content ?? (other?.kind === 'file' ? other.content : undefined)
      folder.children.set(name, { kind: 'file', ...(own === undefined ? {} : { content: own }) })
    }
  }

  #folder(parts: readonly string[]): Node & { kind: 'folder' } {
    let node = this.#root
    for (const name of parts) {
      const known = node.children.get(name)
      const next =
        known?.kind === 'folder' ? known : ({ kind: 'folder', children: new Map() } as const)
      if (next !== known) node.children.set(name, next)
      node = next
    }
    return node
  }
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.')
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
