import { SnugError } from '../../../src/errors.ts'
import { readRpmDatabase } from '../../../src/supplychain/image/rpm-database.ts'
import { pagesIn, SqliteFile } from '../../../src/support/rpm/sqlite-file.ts'

/** A database of rpm: read as a whole, and asked for one name. It is read, or refused by a coded error or `RangeError`. */
export function fuzz(data: Buffer): void {
  for (const read of [() => readRpmDatabase(data), () => rowsOf('bash', data)]) {
    try {
      read()
    } catch (error) {
      if (!(error instanceof SnugError || error instanceof RangeError)) throw error
    }
  }
}

function rowsOf(name: string, data: Buffer): void {
  const database = new SqliteFile(pagesIn(data))
  for (const id of database.idsOf('Basenames_key_idx', name)) database.row('Basenames', id)
}
