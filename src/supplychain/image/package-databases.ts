import { linesOf } from '../../agent/pipeline/identity/text-lines.ts'
import type { RpmPackage } from '../../support/rpm/rpm-header.ts'

/** An installed package, from the image's own database. */
export interface ImagePackage {
  readonly name: string
  readonly version: string
}

/** Texts of an image, however it is stored. */
export interface ImageText {
  /** Undefined where it has no such file. */
  read(path: string): string | undefined
  /** Names in a folder; none where there is no such folder. */
  list(folder: string): readonly string[]
  /** The content of an rpm database; absent where those are not read. */
  rpm?(path: string): readonly RpmPackage[] | undefined
}

/** An image's packages by name, and by the paths that they brought. */
export interface PackageDatabase {
  readonly byName: ReadonlyMap<string, ImagePackage>
  readonly byPath: ReadonlyMap<string, ImagePackage>
}

/** Names of both forms that databases use; anything else is not taken for one. */
const plainName = /^[A-Za-z0-9][A-Za-z0-9+._-]*$/
const plainVersion = /^[A-Za-z0-9][A-Za-z0-9.+:~^_-]*$/

/** What is kept of a database at most. */
export interface DatabaseLimits {
  readonly packages: number
  readonly paths: number
}

const noLimits: DatabaseLimits = { packages: Infinity, paths: Infinity }

class Collected implements PackageDatabase {
  readonly byName = new Map<string, ImagePackage>()
  readonly byPath = new Map<string, ImagePackage>()
  readonly #limits: DatabaseLimits

  constructor(limits: DatabaseLimits) {
    this.#limits = limits
  }

  add(name: string | undefined, version: string | undefined): ImagePackage | undefined {
    if (name === undefined || version === undefined) return undefined
    if (this.byName.size >= this.#limits.packages) return undefined
    if (!plainName.test(name) || !plainVersion.test(version)) return undefined
    const one = { name, version }
    this.byName.set(name, one)
    return one
  }

  brought(path: string, by: ImagePackage): void {
    if (this.byPath.size >= this.#limits.paths) return
    if (path.startsWith('/') && path.length > 1) this.byPath.set(path, by)
  }
}

/**
 * From the database that the image ships: dpkg's (`status` with `info/*.list`, or `status.d` as images without a shell
 * have it), apk's, and rpm's.
 */
export function readPackageDatabase(
  image: ImageText,
  limits: DatabaseLimits = noLimits,
): PackageDatabase {
  const found = new Collected(limits)
  readDpkg(image, found)
  readDistroless(image, found)
  readApk(image, found)
  readRpm(image, found)
  return found
}

/** A stanza has some twenty. */
const mostFields = 200

/** `Key: value` lines of one stanza; continuation lines are skipped, since no key that is needed has any. */
function fieldsOf(stanza: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>()
  for (const line of linesOf(stanza)) {
    if (fields.size >= mostFields) break
    const colon = line.indexOf(': ')
    if (colon > 0 && !line.startsWith(' ')) fields.set(line.slice(0, colon), line.slice(colon + 2))
  }
  return fields
}

function readDpkg(image: ImageText, found: Collected): void {
  const status = image.read('/var/lib/dpkg/status')
  if (status === undefined) return
  for (const stanza of linesOf(status, '\n\n')) {
    const fields = fieldsOf(stanza)
    const state = fields.get('Status') ?? ''
    if (state.endsWith(' installed')) found.add(fields.get('Package'), fields.get('Version'))
  }
  const info = '/var/lib/dpkg/info'
  for (const file of image.list(info)) {
    if (!file.endsWith('.list')) continue
    // `libc6:amd64.list` where a package can be there for several architectures.
    const [name = ''] = file.slice(0, -'.list'.length).split(':')
    const owner = found.byName.get(name)
    if (owner === undefined) continue
    let before = ''
    for (const path of linesOf(image.read(`${info}/${file}`) ?? '')) {
      // Every package that puts a file into a folder lists the folder, before its content: no package owns it.
      if (!path.startsWith(`${before}/`)) found.brought(before, owner)
      before = path
    }
    found.brought(before, owner)
  }
}

function readDistroless(image: ImageText, found: Collected): void {
  const folder = '/var/lib/dpkg/status.d'
  for (const file of image.list(folder)) {
    if (file.endsWith('.md5sums')) continue
    const fields = fieldsOf(image.read(`${folder}/${file}`) ?? '')
    const owner = found.add(fields.get('Package'), fields.get('Version'))
    if (owner === undefined) continue
    const sums = image.read(`${folder}/${file}.md5sums`) ?? ''
    for (const line of linesOf(sums)) {
      const path = line.slice(line.indexOf('  ') + 2)
      if (path !== '') found.brought(path.startsWith('/') ? path : `/${path}`, owner)
    }
  }
}

function readApk(image: ImageText, found: Collected): void {
  const installed = image.read('/lib/apk/db/installed') ?? image.read('/usr/lib/apk/db/installed')
  for (const stanza of linesOf(installed ?? '', '\n\n')) {
    const field = (key: string): string | undefined => {
      for (const line of linesOf(stanza)) if (line.startsWith(key)) return line.slice(key.length)
      return undefined
    }
    const owner = found.add(field('P:'), field('V:'))
    if (owner === undefined) continue
    let folder = ''
    for (const line of linesOf(stanza)) {
      const [key, value] = [line.slice(0, 2), line.slice(2)]
      if (key === 'F:') folder = value
      else if (key === 'R:') found.brought(`/${folder === '' ? '' : `${folder}/`}${value}`, owner)
    }
  }
}

/** The locations of the rpm database: one may be a link to the other, or only one may exist. */
const rpmFolders = ['/usr/lib/sysimage/rpm', '/var/lib/rpm']
/** The newest form first: rpm may leave the one from before it beside it. */
const rpmFiles = ['rpmdb.sqlite', 'Packages.db', 'Packages']

function readRpm(image: ImageText, found: Collected): void {
  for (const path of rpmFiles.flatMap((file) => rpmFolders.map((folder) => `${folder}/${file}`))) {
    const packages = image.rpm?.(path)
    if (packages === undefined) continue
    for (const { name, version, files } of packages) {
      const owner = found.add(name, version)
      if (owner !== undefined) for (const path of files) found.brought(path, owner)
    }
    return
  }
}
