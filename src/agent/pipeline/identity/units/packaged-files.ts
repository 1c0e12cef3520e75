import { isFresh } from '../../../../support/file-time.ts'
import { findInLayers, type LayerFile } from '../layers.ts'

export interface Package {
  readonly name: string
  readonly version: string
  readonly architecture: string
}

/** What a package ships at a path. */
export interface PackagedFile {
  readonly package: Package
  /** Of its content, as the package has it: a name of OpenSSL. */
  readonly algorithm: string
  /** Hex digits; several where one package diverts the file of another. */
  readonly sums: readonly string[]
}

/** The files of all packages of a root, by path. */
export interface PackageDatabase {
  /** Errors: those of the file system, and of a database that contradicts its format. */
  find(path: string): PackagedFile | undefined
}

/** On a host with merged folders these lie below `/usr`, whatever a package says. */
const merged = /^\/(?=(?:bin|sbin|lib|lib32|lib64|libx32)\/)/

export class PackagedFiles {
  readonly #files = new Map<string, PackagedFile>()

  set(path: string, owner: Package, algorithm: PackagedFile['algorithm'], sum: string): void {
    const place = path.replace(merged, '/usr/')
    const known = this.#files.get(place)
    // One that diverts the other's file ships it too.
    const others = known === undefined || known.package.name === owner.name ? [] : known.sums
    this.#files.set(place, { package: owner, algorithm, sums: [...new Set([...others, sum])] })
  }

  get(path: string): PackagedFile | undefined {
    return this.#files.get(path.replace(merged, '/usr/'))
  }
}

export function fileOf(root: string, path: string): LayerFile | undefined {
  try {
    return findInLayers([root], path, true)
  } catch {
    return undefined
  }
}

export function isFreshAt(root: string, path: string): boolean {
  const found = fileOf(root, path)
  return found !== undefined && isFresh(found.stats)
}

/** Changes with each change of the file or folder, but see {@link isFresh}; empty where there is none. */
export function stampOf(root: string, path: string): string {
  const stats = fileOf(root, path)?.stats
  return stats === undefined ? '' : `${stats.ino}:${stats.size}:${stats.ctimeMs}`
}
