const magics = { file: 'RpmP', slot: 'Slot', blob: 'BlbS', blobEnd: 'BlbE' } as const
const [headerBytes, slotBytes, blockBytes, blobHeaderBytes] = [32, 16, 16, 16] as const
const slotPageBytes = 4_096

const hasMagic = (bytes: Buffer, at: number, magic: string): boolean =>
  bytes.toString('latin1', at, at + magic.length) === magic

/** Whether a file begins as such a database does. */
export function isNdb(bytes: Buffer): boolean {
  return hasMagic(bytes, 0, magics.file)
}

/**
 * The headers of packages in `Packages.db`, the format of rpm's own that SUSE uses: pages of slots, of which each names
 * the first of the blocks of a package. Numbers are little-endian.
 *
 * Throws a `RangeError` where the bytes contradict the format.
 */
export function ndbHeaders(bytes: Buffer): readonly Buffer[] {
  if (!isNdb(bytes) || bytes.readUInt32LE(4) !== 0) throw new RangeError('it is no database of rpm')
  const end = bytes.readUInt32LE(12) * slotPageBytes
  if (end > bytes.length) throw new RangeError('its slots are cut')
  const headers: Buffer[] = []
  // No block is a part of two packages, so all of them are no longer than the file.
  let left = bytes.length
  for (let at = headerBytes; at < end; at += slotBytes) {
    if (!hasMagic(bytes, at, magics.slot)) throw new RangeError('a slot has another form')
    const [number, block] = [bytes.readUInt32LE(at + 4), bytes.readUInt32LE(at + 8)]
    if (block === 0) continue
    const blob = block * blockBytes
    const blobEnd = blob + bytes.readUInt32LE(at + 12) * blockBytes
    if (!hasMagic(bytes, blob, magics.blob) || bytes.readUInt32LE(blob + 4) !== number)
      throw new RangeError('a slot names another package')
    const [from, length] = [blob + blobHeaderBytes, bytes.readUInt32LE(blob + 12)]
    left -= length
    const isWhole = hasMagic(bytes, blobEnd - magics.blobEnd.length, magics.blobEnd)
    if (!isWhole || from + length > blobEnd || left < 0) throw new RangeError('a package is cut')
    headers.push(bytes.subarray(from, from + length))
  }
  return headers
}
