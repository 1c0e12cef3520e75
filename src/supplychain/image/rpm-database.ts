import { SnugError } from '../../errors.ts'
import { berkeleyHeaders, isBerkeley } from '../../support/rpm/berkeley-file.ts'
import { isNdb, ndbHeaders } from '../../support/rpm/ndb-file.ts'
import { readRpmHeader, type RpmPackage } from '../../support/rpm/rpm-header.ts'
import { pagesIn, SqliteFile } from '../../support/rpm/sqlite-file.ts'

/**
 * The packages in a database of rpm, in one of the forms that it had: SQLite, Berkeley DB before, and `ndb` at SUSE.
 * Ignores a log of SQLite beside it: rpm empties that when it ends.
 *
 * Errors: IMAGE_INVALID
 */
export function readRpmDatabase(bytes: Buffer): readonly RpmPackage[] {
  try {
    return headersIn(bytes).map(readRpmHeader)
  } catch (cause) {
    throw new SnugError('IMAGE_INVALID', 'its rpm database cannot be read', { cause })
  }
}

function headersIn(bytes: Buffer): readonly Buffer[] {
  if (isNdb(bytes)) return ndbHeaders(bytes)
  if (isBerkeley(bytes)) return berkeleyHeaders(bytes)
  return Array.from(new SqliteFile(pagesIn(bytes)).rows('Packages'), ({ values: [, blob] }) => {
    if (!(blob instanceof Buffer)) throw new RangeError('a row of Packages has no header')
    return blob
  })
}
