import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SnugError } from '../../../errors.ts'

/**
 * Rises with a change of the store that an earlier build would misread or set aside. Then
 * test/fixtures/formats needs a store that the build before it wrote.
 */
export const storeFormat = 4

/**
 * It is in the name of a file: a name cannot be half written, and LevelDB, which changes the files
 * of a store that it opens, need not read it. A store of a build from before the number has none.
 *
 * @param names of the files of the store
 * @throws SnugError STORE_NEWER if a later build wrote it
 */
export function refuseNewer(folder: string, names: readonly string[]): void {
  const found = Math.max(0, ...names.map(numberOf))
  if (found <= storeFormat) return
  throw new SnugError(
    'STORE_NEWER',
    `the store in \`${folder}\` has format ${found}, and this build reads up to ${storeFormat}`,
  )
}

/** To be called before the first write: from then on, earlier builds refuse the store. */
export function markFormat(folder: string): void {
  writeFileSync(join(folder, `format-${storeFormat}`), '', { mode: 0o600 })
}

function numberOf(name: string): number {
  return Number(/^format-(\d{1,9})$/.exec(name)?.[1] ?? 0)
}
