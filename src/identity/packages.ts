import { LRUCache } from 'lru-cache'
import type { ContainerIdentity } from './identity.ts'
import { listImageFolder, readImageFile } from './image-text.ts'

/** A package that the image's own database says is installed. */
export interface ImagePackage {
  readonly name: string
  readonly version: string
}

/** Names of both forms that databases use; anything else is not taken for one. */
const plainName = /^[A-Za-z0-9][A-Za-z0-9+._-]*$/
const plainVersion = /^[A-Za-z0-9][A-Za-z0-9.+:~_-]*$/

/** Images whose databases are kept in memory: those that are being compared. */
const imagesKept = 4

/** Where a merged `/usr` lets one file be known by two names, databases have either. */
const mergedFolders = /^\/(bin|sbin|lib|lib32|lib64|libx32)\//

/** An image's packages by name, and by the paths that they brought. */
interface Database {
  readonly byName: ReadonlyMap<string, ImagePackage>
  readonly byPath: ReadonlyMap<string, ImagePackage>
}

/**
 * Which package a file of an image belongs to, from the database that the image ships: dpkg's (`status` with
 * `info/*.list`, or `status.d` as images without a shell have it) and apk's. An rpm database is not read. It
 * is the image's own word: it explains a delta to a reviewer and makes nothing expected.
 */
export class ImagePackages {
  readonly #databases = new LRUCache<string, Database>({ max: imagesKept })

  /** The package that brought `path`; undefined where no package did, or it cannot be told. */
  ownerOf(identity: ContainerIdentity, path: string): ImagePackage | undefined {
    const { byPath } = this.#of(identity)
    const known = byPath.get(path)
    if (known !== undefined) return known
    if (mergedFolders.test(path)) return byPath.get(`/usr${path}`)
    const short = path.startsWith('/usr/') ? path.slice(4) : ''
    return mergedFolders.test(short) ? byPath.get(short) : undefined
  }

  /** The package of that name; undefined where the image has none. */
  named(identity: ContainerIdentity, name: string): ImagePackage | undefined {
    return this.#of(identity).byName.get(name)
  }

  #of({ imageId, rootfs }: ContainerIdentity): Database {
    const kept = this.#databases.get(imageId)
    if (kept !== undefined) return kept
    const database = rootfs === undefined ? none : readPackages(rootfs.layers)
    if (rootfs !== undefined) this.#databases.set(imageId, database)
    return database
  }
}

const none: Database = { byName: new Map(), byPath: new Map() }

class Collected implements Database {
  readonly byName = new Map<string, ImagePackage>()
  readonly byPath = new Map<string, ImagePackage>()

  add(name: string | undefined, version: string | undefined): ImagePackage | undefined {
    if (name === undefined || version === undefined) return undefined
    if (!plainName.test(name) || !plainVersion.test(version)) return undefined
    const one = { name, version }
    this.byName.set(name, one)
    return one
  }

  brought(path: string, by: ImagePackage): void {
    if (path.startsWith('/') && path.length > 1) this.byPath.set(path, by)
  }
}

function readPackages(layers: readonly string[]): Database {
  const found = new Collected()
  readDpkg(layers, found)
  readDistroless(layers, found)
  readApk(layers, found)
  return found
}

/** `Key: value` lines of one stanza; a line that goes on is left out, as none of what is asked for does. */
function fieldsOf(stanza: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>()
  for (const line of stanza.split('\n')) {
    const colon = line.indexOf(': ')
    if (colon > 0 && !line.startsWith(' ')) fields.set(line.slice(0, colon), line.slice(colon + 2))
  }
  return fields
}

function readDpkg(layers: readonly string[], found: Collected): void {
  const status = readImageFile(layers, '/var/lib/dpkg/status')
  if (status === undefined) return
  for (const stanza of status.split('\n\n')) {
    const fields = fieldsOf(stanza)
    const state = fields.get('Status') ?? ''
    if (state.endsWith(' installed')) found.add(fields.get('Package'), fields.get('Version'))
  }
  const info = '/var/lib/dpkg/info'
  for (const file of listImageFolder(layers, info)) {
    if (!file.endsWith('.list')) continue
    // `libc6:amd64.list` where a package can be there for several architectures.
    const [name = ''] = file.slice(0, -'.list'.length).split(':')
    const owner = found.byName.get(name)
    if (owner === undefined) continue
    const list = (readImageFile(layers, `${info}/${file}`) ?? '').split('\n')
    for (const [at, path] of list.entries()) {
      // A folder is in the list of everybody who puts a file there, before what is in it: it is nobody's.
      if (list[at + 1]?.startsWith(`${path}/`) !== true) found.brought(path, owner)
    }
  }
}

function readDistroless(layers: readonly string[], found: Collected): void {
  const folder = '/var/lib/dpkg/status.d'
  for (const file of listImageFolder(layers, folder)) {
    if (file.endsWith('.md5sums')) continue
    const fields = fieldsOf(readImageFile(layers, `${folder}/${file}`) ?? '')
    const owner = found.add(fields.get('Package'), fields.get('Version'))
    if (owner === undefined) continue
    const sums = readImageFile(layers, `${folder}/${file}.md5sums`) ?? ''
    for (const line of sums.split('\n')) {
      const path = line.slice(line.indexOf('  ') + 2)
      if (path !== '') found.brought(path.startsWith('/') ? path : `/${path}`, owner)
    }
  }
}

function readApk(layers: readonly string[], found: Collected): void {
  const installed =
    readImageFile(layers, '/lib/apk/db/installed') ??
    readImageFile(layers, '/usr/lib/apk/db/installed')
  for (const stanza of installed?.split('\n\n') ?? []) {
    const lines = stanza.split('\n').map((line) => [line.slice(0, 2), line.slice(2)] as const)
    const field = (key: string): string | undefined => lines.find(([name]) => name === key)?.[1]
    const owner = found.add(field('P:'), field('V:'))
    if (owner === undefined) continue
    let folder = ''
    for (const [key, value] of lines) {
      if (key === 'F:') folder = value
      else if (key === 'R:') found.brought(`/${folder === '' ? '' : `${folder}/`}${value}`, owner)
    }
  }
}
