import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { LRUCache } from 'lru-cache'
import { rpmFilesAt } from '../../../../support/rpm/rpm-header.ts'
import {
  pageBytesOf,
  SqliteFile,
  sqliteHeaderBytes,
  type SqlitePages,
} from '../../../../support/rpm/sqlite-file.ts'
import { SqliteLog } from '../../../../support/rpm/sqlite-log.ts'
import { findInLayers } from '../layers.ts'
import {
  fileOf,
  isFreshAt,
  type PackageDatabase,
  type PackagedFile,
  PackagedFiles,
  stampOf,
} from './packaged-files.ts'

/** One may be a link to the other. */
const places = ['/usr/lib/sysimage/rpm/rpmdb.sqlite', '/var/lib/rpm/rpmdb.sqlite']
/** How often it reads a database that rpm changes meanwhile. */
const tries = 10

/** The database of rpm below `root`; undefined where it has none that is SQLite and can be read. */
export function rpmPackages(root: string): PackageDatabase | undefined {
  const place = places.find((path) => fileOf(root, path) !== undefined)
  if (place === undefined) return undefined
  const database = new RpmDatabase(root, place)
  try {
    database.find('/')
    return database
  } catch {
    return undefined
  }
}

/**
 * It asks the index of the database for each path, and keeps the answers until rpm changes the database or its log: ADR
 * 72 has the reasons.
 */
class RpmDatabase implements PackageDatabase {
  readonly #root: string
  readonly #place: string
  #log = new SqliteLog()
  readonly #answers = new LRUCache<string, { readonly file: PackagedFile | undefined }>({
    max: 4_096,
  })
  #stamp: string | undefined

  constructor(root: string, place: string) {
    this.#root = root
    this.#place = place
  }

  find(path: string): PackagedFile | undefined {
    const stamp = this.#stampNow()
    if (stamp !== this.#stamp) {
      this.#answers.clear()
      this.#stamp = this.#files.some((file) => isFreshAt(this.#root, file)) ? undefined : stamp
    }
    const known = this.#answers.get(path)
    if (known !== undefined) return known.file
    const file = this.#ask(path)
    if (this.#stamp !== undefined) this.#answers.set(path, { file })
    return file
  }

  get #files(): readonly string[] {
    return [this.#place, `${this.#place}-wal`]
  }

  #stampNow(): string {
    return this.#files.map((path) => stampOf(this.#root, path)).join(' ')
  }

  /** It takes no lock, so an answer counts only where nothing was written meanwhile. */
  #ask(path: string): PackagedFile | undefined {
    for (let left = tries; ; left -= 1) {
      const stamp = this.#stampNow()
      try {
        const found = this.#read(path)
        if (stamp === this.#stampNow()) return found
      } catch (error) {
        if (stamp === this.#stampNow()) throw error
      }
      if (left === 0) throw new RangeError('the database of rpm changes all the time')
    }
  }

  #read(path: string): PackagedFile | undefined {
    const [database, log] = this.#files.map((file) => openFound(this.#root, file))
    try {
      if (database === undefined) throw new RangeError('the database of rpm is gone')
      return this.#search(new SqliteFile(this.#pages(database, log)), path)
    } finally {
      for (const fd of [database, log]) if (fd !== undefined) closeSync(fd)
    }
  }

  #pages(database: number, log: number | undefined): SqlitePages {
    const bytes = pageBytesOf(readAt(database, 0, sqliteHeaderBytes))
    if (log === undefined) this.#log = new SqliteLog()
    else this.#log.read(log, bytes)
    const newer = this.#log.pages
    return {
      bytes,
      count: Math.floor(fstatSync(database).size / bytes) + newer.size,
      read(page) {
        const offset = newer.get(page)
        return log === undefined || offset === undefined
          ? readAt(database, (page - 1) * bytes, bytes)
          : readAt(log, offset, bytes)
      },
    }
  }

  #search(database: SqliteFile, path: string): PackagedFile | undefined {
    const files = new PackagedFiles()
    const name = path.slice(path.lastIndexOf('/') + 1)
    const places = new Map<number, number[]>()
    for (const id of database.idsOf('Basenames_key_idx', name)) {
      const [, owner, at] = database.row('Basenames', id)?.values ?? []
      places.set(Number(owner), [...(places.get(Number(owner)) ?? []), Number(at)])
    }
    // In an upgrade both versions are there for a moment, the new one with the greater number.
    for (const [owner, ats] of [...places].sort(([a], [b]) => a - b)) {
      const [, header] = database.row('Packages', owner)?.values ?? []
      if (!(header instanceof Buffer)) throw new RangeError('a package has no header')
      for (const file of rpmFilesAt(header, ats)) {
        if (this.#isSame(path, file.path))
          files.set(path, file.package, file.algorithm, file.digest)
      }
    }
    return files.get(path)
  }

  /** A package may name a folder by a link to it, such as `/sbin`. */
  #isSame(path: string, shipped: string): boolean {
    if (path === shipped) return true
    const folder = findInLayers([this.#root], shipped.slice(0, shipped.lastIndexOf('/')), true)
    return folder?.path === `${this.#root}${path.slice(0, path.lastIndexOf('/'))}`
  }
}

function openFound(root: string, path: string): number | undefined {
  const found = fileOf(root, path)
  if (found?.stats.isFile() !== true) return undefined
  return openSync(found.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
}

function readAt(fd: number, offset: number, bytes: number): Buffer {
  const block = Buffer.allocUnsafe(bytes)
  if (offset < 0 || readSync(fd, block, 0, bytes, offset) < bytes)
    throw new RangeError('the database of rpm is cut')
  return block
}
