import { SnugError } from '../../errors.ts'
import { readRpmHeader, type RpmPackage } from '../../support/rpm/rpm-header.ts'
import { pagesIn, SqliteFile } from '../../support/rpm/sqlite-file.ts'

/**
 * The packages in an `rpmdb.sqlite`. Ignores a log of SQLite beside it: rpm empties that when it ends.
 *
 * Errors: IMAGE_INVALID
 */
export function readRpmDatabase(bytes: Buffer): readonly RpmPackage[] {
  try {
    return Array.from(new SqliteFile(pagesIn(bytes)).rows('Packages'), ({ values: [, blob] }) => {
      if (!(blob instanceof Buffer)) throw new RangeError('a row of Packages has no header')
      return readRpmHeader(blob)
    })
  } catch (cause) {
    throw new SnugError('IMAGE_INVALID', 'its rpm database cannot be read', { cause })
  }
}
