import type { Database, SqlJsStatic } from 'sql.js'
import { SnugError } from '../../errors.ts'
import { readRpmHeader, type RpmPackage } from './rpm-header.ts'

/** Bytes of a SQLite header: whether the database is read and written through a write-ahead log. */
const formatVersionsAt = 18
const withoutLog = 1

/**
 * The packages in an `rpmdb.sqlite`. Ignores a log of SQLite beside it: rpm empties that when it ends.
 *
 * Errors: IMAGE_INVALID
 */
export async function readRpmDatabase(bytes: Uint8Array): Promise<readonly RpmPackage[]> {
  const { Database } = await sqlite()
  try {
    const own = Uint8Array.from(bytes)
    // There is no file here that a log could stand beside.
    if (own.length > formatVersionsAt + 1)
      own.fill(withoutLog, formatVersionsAt, formatVersionsAt + 2)
    const database = new Database(own)
    try {
      return packagesIn(database)
    } finally {
      database.close()
    }
  } catch (cause) {
    throw new SnugError('IMAGE_INVALID', 'its rpm database cannot be read', { cause })
  }
}

function packagesIn(database: Database): readonly RpmPackage[] {
  const found: RpmPackage[] = []
  const rows = database.prepare('SELECT blob FROM Packages ORDER BY hnum')
  try {
    while (rows.step()) {
      const [blob] = rows.get()
      if (!(blob instanceof Uint8Array)) throw new RangeError('a row of Packages has no header')
      found.push(readRpmHeader(blob))
    }
  } finally {
    rows.free()
  }
  return found
}

let loading: Promise<SqlJsStatic> | undefined

/** SQLite, compiled to WebAssembly: loaded for the few images that need it. */
function sqlite(): Promise<SqlJsStatic> {
  loading ??= import('sql.js').then(({ default: load }) => load())
  return loading
}
