/** One installed package in an rpm database. */
export interface RpmPackage {
  readonly name: string
  /** As scanners write it: `1:3.0.7-18.el9`, without an epoch where it is 0. */
  readonly version: string
  /** Paths that it brought, without those of folders. */
  readonly files: readonly string[]
}

/** A file as one package ships it. */
export interface RpmFile {
  readonly package: Pick<RpmPackage, 'name' | 'version'> & { readonly architecture: string }
  readonly path: string
  readonly algorithm: DigestName
  /** Of its content: hex digits. */
  readonly digest: string
}

const tags = {
  name: 1000,
  version: 1001,
  release: 1002,
  epoch: 1003,
  architecture: 1022,
  fileStates: 1029,
  fileModes: 1030,
  fileDigests: 1035,
  folderOf: 1116,
  baseNames: 1117,
  folders: 1118,
  digestAlgorithm: 5011,
} as const

/** Bytes of a number, by type. */
const widths: Readonly<Record<number, number>> = { 1: 1, 2: 1, 3: 2, 4: 4 }
const texts: readonly number[] = [6, 8, 9]
const entryBytes = 16
const typeOfFile = 0o170000
const folderMode = 0o040000
/** The others: replaced by another package, not installed, on another host, or of another architecture. */
const normalState = 0
/** By their numbers in OpenPGP. Packages that name none have MD5. */
const digests = {
  1: 'md5',
  2: 'sha1',
  8: 'sha256',
  9: 'sha384',
  10: 'sha512',
  11: 'sha224',
} as const
const md5 = 1
type DigestName = (typeof digests)[keyof typeof digests]
/** As Linux has it. Many files of one endless folder would otherwise be a thousand times what the header has. */
const longestPath = 4_096

/**
 * A header in the database: two counts, an index of entries of four numbers each (tag, type, offset, count), and the
 * store that the offsets refer to. Numbers are big-endian.
 *
 * Throws a `RangeError` where an offset is outside of the header, a required entry is missing, or a path is too long.
 */
export function readRpmHeader(bytes: Uint8Array): RpmPackage {
  const header = new RpmHeader(bytes)
  return { ...nameOf(header), files: filesOf(header) }
}

/**
 * Files of such a header, by their places in its list. Those that have no content of the package are left out: folders,
 * links, files that the package only claims, and those that it did not install.
 *
 * Throws as {@link readRpmHeader} does.
 */
export function rpmFilesAt(bytes: Uint8Array, places: readonly number[]): readonly RpmFile[] {
  const header = new RpmHeader(bytes)
  const [number = md5] = header.numbers(tags.digestAlgorithm)
  const algorithm = (digests as Readonly<Record<number, DigestName>>)[number]
  if (algorithm === undefined) return []
  const [architecture = ''] = header.texts(tags.architecture)
  const owner = { ...nameOf(header), architecture }
  const sums = header.texts(tags.fileDigests)
  const states = header.numbers(tags.fileStates)
  const folders = header.texts(tags.folders)
  const folderOf = header.numbers(tags.folderOf)
  const names = header.texts(tags.baseNames)
  return places.flatMap((at): RpmFile[] => {
    const digest = sums[at] ?? ''
    if (digest === '' || (states[at] ?? normalState) !== normalState) return []
    const path = `${folders[folderOf[at] ?? -1] ?? ''}${names[at] ?? ''}`
    return [{ package: owner, path, algorithm, digest }]
  })
}

function nameOf(header: RpmHeader): Pick<RpmPackage, 'name' | 'version'> {
  const [name] = header.texts(tags.name)
  const [version] = header.texts(tags.version)
  const [release] = header.texts(tags.release)
  if (name === undefined || version === undefined || release === undefined)
    throw new RangeError('the header has no name, version or release')
  const [epoch = 0] = header.numbers(tags.epoch)
  const full = `${version}-${release}`
  return { name, version: epoch === 0 ? full : `${epoch}:${full}` }
}

function filesOf(header: RpmHeader): readonly string[] {
  const folders = header.texts(tags.folders)
  const folderOf = header.numbers(tags.folderOf)
  const modes = header.numbers(tags.fileModes)
  return header.texts(tags.baseNames).flatMap((base, at) => {
    const folder = folders[folderOf[at] ?? -1]
    if (folder === undefined) throw new RangeError('a file is in no folder')
    if (folder.length + base.length > longestPath) throw new RangeError('a path is too long')
    const isFolder = ((modes[at] ?? 0) & typeOfFile) === folderMode
    return isFolder ? [] : [folder + base]
  })
}

interface Entry {
  readonly type: number
  readonly offset: number
  readonly count: number
}

class RpmHeader {
  readonly #entries = new Map<number, Entry>()
  readonly #store: Buffer

  constructor(bytes: Uint8Array) {
    const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const count = all.readUInt32BE(0)
    const storeAt = 8 + count * entryBytes
    const end = storeAt + all.readUInt32BE(4)
    if (end > all.length) throw new RangeError('the header is cut')
    this.#store = all.subarray(storeAt, end)
    for (let at = 8; at < storeAt; at += entryBytes) {
      this.#entries.set(all.readUInt32BE(at), {
        type: all.readUInt32BE(at + 4),
        offset: all.readUInt32BE(at + 8),
        count: all.readUInt32BE(at + 12),
      })
    }
  }

  texts(tag: number): readonly string[] {
    const entry = this.#entries.get(tag)
    if (entry === undefined || !texts.includes(entry.type)) return []
    const found: string[] = []
    let { offset } = entry
    while (found.length < entry.count) {
      const end = this.#store.indexOf(0, offset)
      if (end < 0) throw new RangeError('a text has no end')
      found.push(this.#store.toString('utf8', offset, end))
      offset = end + 1
    }
    return found
  }

  numbers(tag: number): readonly number[] {
    const entry = this.#entries.get(tag)
    if (entry === undefined) return []
    const { type, offset, count } = entry
    const width = widths[type]
    if (width === undefined) return []
    if (offset + count * width > this.#store.length) throw new RangeError('a list has no end')
    return Array.from({ length: count }, (_, at) =>
      this.#store.readUIntBE(offset + at * width, width),
    )
  }
}
