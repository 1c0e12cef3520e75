import { readRpmHeader } from '../../../src/supplychain/image/rpm-header.ts'

/** A header of an rpm database. It is read, or refused by a `RangeError`. */
export function fuzz(data: Buffer): void {
  try {
    const { name, version, files } = readRpmHeader(data)
    const length = name.length + version.length
    if (length > data.length + 12 || files.length > data.length)
      throw new Error('more than the header holds')
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
}
