import { readRpmHeader, rpmFilesAt } from '../../../src/support/rpm/rpm-header.ts'

/** A header of an rpm database. It is read, or refused by a `RangeError`. */
export function fuzz(data: Buffer): void {
  try {
    const { name, version, files } = readRpmHeader(data)
    // Texts may lie over each other, and the version is made of two and a number.
    const isTooLong = name.length > data.length || version.length > 2 * data.length + 12
    rpmFilesAt(data, [0, files.length])
    if (isTooLong || files.length > data.length) throw new Error('more than the header holds')
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
}
