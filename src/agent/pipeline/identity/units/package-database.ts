import { readdirSync } from 'node:fs'
import { tickMs } from '../../../../support/file-time.ts'
import { setImmediate } from 'node:timers/promises'
import { readImageFile } from '../image-text.ts'
import {
  fileOf,
  isFreshAt,
  type Package,
  type PackageDatabase,
  type PackagedFile,
  PackagedFiles,
  stampOf,
} from './packaged-files.ts'
import { rpmPackages } from './rpm-packages.ts'

const dpkgStatus = '/var/lib/dpkg/status'
const dpkgInfo = '/var/lib/dpkg/info'
const dpkgPaths = [dpkgStatus, dpkgInfo] as const
const apkInstalled = '/lib/apk/db/installed'
const sumsOf = '.md5sums'

/** Of honest databases, of which the largest has some MiB. */
const mostBytes = 256 << 20

/** The databases below `root`; undefined where it has none. Errors: those of the file system. */
export async function packageDatabase(root: string): Promise<PackageDatabase | undefined> {
  const found: PackageDatabase[] = []
  if (fileOf(root, dpkgStatus) !== undefined) {
    const database = new DpkgDatabase(root)
    await database.load()
    found.push(database)
  }
  const rpm = rpmPackages(root)
  if (rpm !== undefined) found.push(rpm)
  if (fileOf(root, apkInstalled) !== undefined) found.push(new ApkDatabase(root))
  return found.length === 0 ? undefined : new PackageDatabases(found)
}

/** A host of one kind may have the tools of another, with an empty database. */
class PackageDatabases implements PackageDatabase {
  readonly #all: readonly PackageDatabase[]

  constructor(all: readonly PackageDatabase[]) {
    this.#all = all
  }

  find(path: string): PackagedFile | undefined {
    for (const one of this.#all) {
      const found = one.find(path)
      if (found !== undefined) return found
    }
    return undefined
  }
}

/** It looks for changes with each question: a package may be installed or upgraded at any time. */
class DpkgDatabase implements PackageDatabase {
  readonly #root: string
  readonly #files = new PackagedFiles()
  #packages: ReadonlyMap<string, DpkgPackage> = new Map()
  /** Lists of packages that `status` did not have yet: dpkg writes that after them. */
  readonly #early = new Set<string>()
  #stamp: string | undefined
  #readMs = 0

  constructor(root: string) {
    this.#root = root
  }

  /** All of it, with pauses. */
  async load(): Promise<void> {
    const names = this.#begin()
    for (const name of names) {
      this.#read(name)
      await setImmediate()
    }
  }

  find(path: string): PackagedFile | undefined {
    if (this.#stampNow() !== this.#stamp) {
      const since = this.#readMs - tickMs
      for (const name of this.#begin()) {
        const found = fileOf(this.#root, `${dpkgInfo}/${name}`)
        if (found === undefined) continue
        if (found.stats.ctimeMs >= since || this.#early.has(name)) this.#read(name)
      }
    }
    const found = this.#files.get(path)
    if (found === undefined) return undefined
    // The sums may have been read with the version before.
    const { name, architecture } = found.package
    const owner = this.#packages.get(`${name}:${architecture}`)?.package
    return owner && { ...found, package: owner }
  }

  /** The names of all lists of sums. */
  #begin(): readonly string[] {
    this.#readMs = Date.now()
    const stamp = this.#stampNow()
    this.#stamp = dpkgPaths.some((path) => isFreshAt(this.#root, path)) ? undefined : stamp
    this.#packages = dpkgPackages(textOf(this.#root, dpkgStatus))
    for (const { package: owner, settings } of this.#packages.values()) {
      for (const [path, sum] of settings) this.#files.set(path, owner, 'md5', sum)
    }
    return readdirSync(`${this.#root}${dpkgInfo}`).filter((name) => name.endsWith(sumsOf))
  }

  #read(name: string): void {
    const owner = this.#packages.get(name.slice(0, -sumsOf.length))?.package
    this.#early.delete(name)
    if (owner === undefined) {
      this.#early.add(name)
      return
    }
    const text = textOf(this.#root, `${dpkgInfo}/${name}`)
    for (const [, sum = '', path = ''] of text.matchAll(/^([0-9a-f]{32}) [ *](.+)$/gm))
      this.#files.set(`/${path}`, owner, 'md5', sum)
  }

  #stampNow(): string {
    return dpkgPaths.map((path) => stampOf(this.#root, path)).join(' ')
  }
}

interface DpkgPackage {
  readonly package: Package
  /** Files of settings have no place among the others: path and sum of each. */
  readonly settings: readonly (readonly [string, string])[]
}

/** Installed packages by the name of their files: with the architecture where several may be installed. */
function dpkgPackages(status: string): ReadonlyMap<string, DpkgPackage> {
  const packages = new Map<string, DpkgPackage>()
  for (const entry of status.split('\n\n')) {
    const fields = new Map(
      [...entry.matchAll(/^([\w-]+): *(.*)$/gm)].map(([, key = '', value = '']) => [key, value]),
    )
    const state = fields.get('Status')?.split(' ')[2] ?? 'not-installed'
    if (state === 'not-installed' || state === 'config-files') continue
    const name = fields.get('Package') ?? ''
    const architecture = fields.get('Architecture') ?? ''
    const settings = [...entry.matchAll(/^ (\/.*) ([0-9a-f]{32})(?: obsolete)?$/gm)].map(
      ([, path = '', sum = '']) => [path, sum] as const,
    )
    const version = fields.get('Version') ?? ''
    const one = { package: { name, version, architecture }, settings }
    packages.set(name, one)
    packages.set(`${name}:${architecture}`, one)
  }
  return packages
}

/** One file has it all: a letter and its value in each line. */
class ApkDatabase implements PackageDatabase {
  readonly #root: string
  #files = new PackagedFiles()
  #stamp: string | undefined

  constructor(root: string) {
    this.#root = root
  }

  find(path: string): PackagedFile | undefined {
    const stamp = stampOf(this.#root, apkInstalled)
    if (stamp !== this.#stamp) {
      this.#stamp = isFreshAt(this.#root, apkInstalled) ? undefined : stamp
      this.#files = apkFiles(textOf(this.#root, apkInstalled))
    }
    return this.#files.get(path)
  }
}

function apkFiles(installed: string): PackagedFiles {
  const files = new PackagedFiles()
  for (const entry of installed.split('\n\n')) {
    const fields = new Map<string, string>()
    for (const line of entry.split('\n')) {
      const [letter, value] = [line.slice(0, 1), line.slice(2)]
      fields.set(letter, value)
      if (letter !== 'Z' || !value.startsWith('Q1')) continue
      const of = (one: string): string => fields.get(one) ?? ''
      const owner = { name: of('P'), version: of('V'), architecture: of('A') }
      const sum = Buffer.from(value.slice(2), 'base64').toString('hex')
      const path = `/${of('F')}/${of('R')}`.replace('//', '/')
      files.set(path, owner, 'sha1', sum)
    }
  }
  return files
}

function textOf(root: string, path: string): string {
  return readImageFile([root], path, mostBytes) ?? ''
}
