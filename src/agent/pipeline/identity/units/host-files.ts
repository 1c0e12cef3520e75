import { createHash, type Hash } from 'node:crypto'
import { isFresh } from '../../../../support/file-time.ts'
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { LRUCache } from 'lru-cache'
import { microsOf } from '../../../../core/event/time.ts'
import type { HostPrograms } from '../identity.ts'
import { openBeneath } from '../open-beneath.ts'
import { packageDatabase } from './package-database.ts'
import type { PackageDatabase, PackagedFile } from './packaged-files.ts'

/** Larger programs are not compared: the caller keeps its previous result. */
const mostBytes = 64 << 20
const blockBytes = 1 << 17

/**
 * What accounts for the files of a host, which has no layers: its packages, and for programs that no package ships the
 * version of the unit that names them.
 */
export class HostFiles {
  readonly #databases = new Map<string, Promise<PackageDatabase | undefined>>()
  readonly #loaded = new Map<string, PackageDatabase>()
  /** Sums of contents, by inode and time of its last change, which no process can set. */
  readonly #sums = new LRUCache<string, string>({ max: 4_096 })

  /** The packages of a root, read once. Undefined where there are none that can be read. */
  database(root: string): Promise<PackageDatabase | undefined> {
    const known = this.#databases.get(root)
    if (known !== undefined) return known
    const reading = packageDatabase(root)
      .catch(() => undefined)
      .then((database) => {
        if (database === undefined) this.#databases.delete(root)
        else this.#loaded.set(root, database)
        return database
      })
    this.#databases.set(root, reading)
    return reading
  }

  /** Undefined where the packages cannot be read at the moment. */
  ships({ root, programs }: HostPrograms, path: string): boolean | undefined {
    if (programs[path] !== undefined) return true
    const file = this.#find(root, path)
    return file === 'unreadable' ? undefined : file !== undefined
  }

  /**
   * Whether the file has the content that its package ships, or that the version of its unit has. `asOf`: when it was
   * used (RFC 3339). Undefined where it was changed later or cannot be read, so that nothing is proven.
   */
  isAsShipped({ root, programs }: HostPrograms, path: string, asOf: string): boolean | undefined {
    const named = programs[path]
    const file = this.#find(root, path)
    if (file === 'unreadable') return undefined
    const expected: Expected | undefined =
      file ?? (named === undefined ? undefined : { algorithm: 'sha256', sums: [named] })
    if (expected === undefined) return false
    try {
      // The root of a process is a link, which is to be followed.
      const fd = openBeneath(`${root}/`, path)
      if (fd === undefined) return undefined
      try {
        return this.#hasSum(fd, expected, asOf)
      } finally {
        closeSync(fd)
      }
    } catch {
      // It vanished, or is a link by now.
      return undefined
    }
  }

  #find(root: string, path: string): PackagedFile | 'unreadable' | undefined {
    try {
      return this.#loaded.get(root)?.find(path)
    } catch {
      return 'unreadable'
    }
  }

  #hasSum(fd: number, { algorithm, sums }: Expected, asOf: string): boolean | undefined {
    const stats = fstatSync(fd)
    if (!stats.isFile()) return false
    if (stats.size > mostBytes) return undefined
    if (stats.ctimeMs > Math.ceil(microsOf(asOf) / 1_000)) return undefined
    const key = `${algorithm} ${stats.dev}:${stats.ino}:${stats.ctimeMs}`
    const sum = this.#sums.get(key) ?? sumOf(fd, createHash(algorithm))
    if (!isFresh(stats)) this.#sums.set(key, sum)
    return sums.includes(sum)
  }
}

interface Expected extends Pick<PackagedFile, 'sums'> {
  readonly algorithm: string
}

/** SHA-256 of the content; undefined where it cannot be read. */
export function sha256OfFile(path: string): string | undefined {
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const stats = fstatSync(fd)
      const isRead = stats.isFile() && stats.size <= mostBytes
      return isRead ? sumOf(fd, createHash('sha256')) : undefined
    } finally {
      closeSync(fd)
    }
  } catch {
    return undefined
  }
}

function sumOf(fd: number, hash: Hash): string {
  const block = Buffer.allocUnsafe(blockBytes)
  for (let offset = 0; ; ) {
    const read = readSync(fd, block, 0, blockBytes, offset)
    if (read === 0) return hash.digest('hex')
    hash.update(block.subarray(0, read))
    offset += read
  }
}
