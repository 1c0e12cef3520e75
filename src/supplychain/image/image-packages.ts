import type { ImageTree } from './image-tree.ts'
import { readPackageDatabase } from './package-databases.ts'

/** An installed package with the files that only it owns; paths are as the kernel reports them. */
export interface InstalledPackage {
  readonly name: string
  readonly version: string
  readonly files: readonly string[]
}

/** Of one kind, by name: several versions of a library may be there at once. */
type ByName = ReadonlyMap<string, readonly InstalledPackage[]>

const modules = '/node_modules/'

/** The installed packages of an image, from the databases and metadata that it ships. Computed once, on demand. */
export class InstalledPackages {
  readonly #tree: ImageTree
  #os: ByName | undefined
  #lists: { readonly node: ByName; readonly python: ByName } | undefined

  constructor(tree: ImageTree) {
    this.#tree = tree
  }

  /** Packages of dpkg, apk or rpm. */
  os(name: string): readonly InstalledPackage[] {
    this.#os ??= readOs(this.#tree)
    return this.#os.get(name) ?? []
  }

  node(name: string): readonly InstalledPackage[] {
    return this.#found().node.get(name) ?? []
  }

  /** Names of Python are the same whatever their case, and whether by `-`, `_` or `.`. */
  python(name: string): readonly InstalledPackage[] {
    return this.#found().python.get(pythonName(name)) ?? []
  }

  /** The package of that metadata file (`package.json`, `METADATA`, `PKG-INFO`) or of a folder that has one. */
  at(path: string): InstalledPackage | undefined {
    const place = this.#tree.resolve(path)
    if (place.endsWith('/package.json')) return nodePackage(this.#tree, place)
    return pythonPackage(this.#tree, place)
  }

  #found() {
    this.#lists ??= readLanguages(this.#tree)
    return this.#lists
  }
}

function grouped(packages: Iterable<InstalledPackage>, keyOf = nameOf): ByName {
  const byName = new Map<string, InstalledPackage[]>()
  for (const one of packages) {
    const list = byName.get(keyOf(one))
    if (list === undefined) byName.set(keyOf(one), [one])
    else list.push(one)
  }
  return byName
}

function nameOf({ name }: InstalledPackage): string {
  return name
}

function readOs(tree: ImageTree): ByName {
  const { byName, byPath } = readPackageDatabase(tree)
  const files = new Map<string, string[]>([...byName.keys()].map((name) => [name, []]))
  for (const [path, { name }] of byPath) {
    const place = tree.placeOf(path)
    // Many packages share a folder: opening it is no evidence for any of them.
    if (!tree.isFolder(place)) files.get(name)?.push(place)
  }
  return grouped([...byName.values()].map((one) => ({ ...one, files: files.get(one.name) ?? [] })))
}

function readLanguages(tree: ImageTree) {
  const node: InstalledPackage[] = []
  const python: InstalledPackage[] = []
  for (const path of tree.filesIn('/')) {
    if (path.endsWith('/package.json') && path.includes(modules)) {
      const found = nodePackage(tree, path)
      if (found !== undefined) node.push(found)
    } else if (/-info\/(?:METADATA|PKG-INFO)$/.test(path)) {
      const found = pythonPackage(tree, path)
      if (found !== undefined) python.push(found)
    }
  }
  return { node: grouped(node), python: grouped(python, ({ name }) => pythonName(name)) }
}

function nodePackage(tree: ImageTree, path: string): InstalledPackage | undefined {
  const { name, version } = jsonFields(tree.read(path))
  if (name === undefined || version === undefined) return undefined
  const folder = path.slice(0, path.lastIndexOf('/'))
  // Its own `node_modules` holds other packages.
  const files = [...tree.filesIn(folder, (below) => !below.endsWith('/node_modules'))]
  return { name, version, files }
}

function jsonFields(text: string | undefined): { name?: string; version?: string } {
  try {
    const value: unknown = JSON.parse(text ?? '')
    if (typeof value !== 'object' || value === null) return {}
    const field = (key: string): string | undefined => {
      const found: unknown = Reflect.get(value, key)
      return typeof found === 'string' ? found : undefined
    }
    const name = field('name')
    const version = field('version')
    return name === undefined || version === undefined ? {} : { name, version }
  } catch {
    return {}
  }
}

function pythonName(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, '-')
}

function pythonPackage(tree: ImageTree, path: string): InstalledPackage | undefined {
  const text = tree.read(path)
  const head = text?.split('\n\n')[0]
  const field = (key: string): string | undefined =>
    new RegExp(`^${key}: *(.+?)\\s*$`, 'm').exec(head ?? '')?.[1]
  const name = field('Name')
  const version = field('Version')
  if (name === undefined || version === undefined) return undefined
  return { name, version, files: pythonFiles(tree, path.slice(0, path.lastIndexOf('/'))) }
}

/** `RECORD` names files beside the folder of metadata, `installed-files.txt` from within it. */
function pythonFiles(tree: ImageTree, info: string): readonly string[] {
  const site = info.slice(0, info.lastIndexOf('/'))
  const record = tree.read(`${info}/RECORD`)
  const list = tree.read(`${info}/installed-files.txt`)
  if (record !== undefined)
    return linesOf(record).map((line) => tree.placeOf(`${site}/${firstField(line)}`))
  return list === undefined ? [] : linesOf(list).map((line) => tree.placeOf(`${info}/${line}`))
}

function linesOf(text: string): readonly string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
}

/** Of a line of CSV. */
function firstField(line: string): string {
  const quoted = /^"((?:[^"]|"")*)"/.exec(line)?.[1]
  return quoted === undefined ? (line.split(',')[0] ?? '') : quoted.replaceAll('""', '"')
}
