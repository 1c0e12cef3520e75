import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { posix } from 'node:path'
import { type Duplex, PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { type Extract, extract, type Headers } from 'tar-stream'
import { SnugError } from '../../errors.ts'
import { configFactsOf, type ImageFacts } from './image-facts.ts'
import { type FileContent, ImageTree, type LayerEntry } from './image-tree.ts'
import { layersOf } from './image-manifest.ts'
import { isPackageText, isRpmDatabase } from './package-texts.ts'
import { readRpmDatabase } from './rpm-database.ts'
import { unpackZstd } from './zstd.ts'

/** An image with its files, as an archive holds it. */
export interface ImageContents {
  readonly facts: ImageFacts
  readonly tree: ImageTree
}

/** Metadata of images and of packages: more than that is neither. */
const maxJsonBytes = 8 << 20
const maxTextBytes = 32 << 20
const maxRpmBytes = 256 << 20
const gzipMagic = 0x1f8b
const zstdMagic = 0x28b52ffd
const tarMagic = 'ustar'
const tarMagicAt = 257

/**
 * Reads the output of `docker save`, or an OCI layout in a tar. One pass, without unpacking to disk: it keeps only the
 * names of files, and the texts of package databases.
 *
 * Errors: IMAGE_INVALID; SOURCE_UNREADABLE where the file cannot be read
 */
export async function readImageArchive(file: string): Promise<ImageContents> {
  const stream = createReadStream(file, { highWaterMark: 1 << 20 })
  try {
    return await readImageStream(stream)
  } catch (cause) {
    if (cause instanceof SnugError) throw cause
    const code =
      cause instanceof Error && 'syscall' in cause ? 'SOURCE_UNREADABLE' : 'IMAGE_INVALID'
    throw new SnugError(code, `cannot read \`${file}\``, { cause })
  }
}

/** Errors: IMAGE_INVALID; whatever the stream throws */
export async function readImageStream(stream: Readable): Promise<ImageContents> {
  const layers = new Map<string, Layer>()
  const jsons = new Map<string, unknown>()
  const links = new Map<string, string>()
  const outer = eachEntry(async (header, body) => {
    const name = posix.normalize(header.name)
    if (header.type === 'symlink') {
      links.set(name, posix.join(posix.dirname(name), header.linkname ?? ''))
    }
    const blob = header.type === 'file' ? await readBlob(name, header, body) : await drained(body)
    if (blob?.layer !== undefined) layers.set(name, blob.layer)
    if (blob?.json !== undefined) jsons.set(name, blob.json)
  })
  await pipeline(stream, outer)
  return contentsOf(layers, jsons, links)
}

type TakeEntry = (header: Headers, body: Readable) => Promise<void>

/** An archive, one entry after the other; each body is read to its end. */
function eachEntry(take: TakeEntry): Extract {
  const tar = extract()
  tar.on('entry', (header, body, next) => {
    void settled(take(header, body), next)
  })
  return tar
}

async function settled(work: Promise<void>, next: (error?: unknown) => void): Promise<void> {
  try {
    await work
  } catch (error) {
    next(error)
    return
  }
  next()
}

function contentsOf(
  layers: ReadonlyMap<string, Layer>,
  jsons: ReadonlyMap<string, unknown>,
  links: ReadonlyMap<string, string>,
): ImageContents {
  const { config, layers: stacked, names, imageId } = layersOf(jsons)
  const facts = configFactsOf(config)
  const tree = new ImageTree()
  for (const [at, name] of stacked.entries()) {
    const layer = layers.get(name) ?? layers.get(links.get(name) ?? '')
    if (layer === undefined) {
      throw new SnugError('IMAGE_INVALID', `its layer \`${name}\` is not in the archive`)
    }
    // Trust in a base by its layers is trust in their content. The check also catches corruption that a decompressor
    // lets through.
    if (layer.diffId !== facts.diffIds[at]) {
      throw new SnugError('IMAGE_INVALID', `its layer \`${name}\` is not the one its config names`)
    }
    tree.addLayer(layer.entries)
  }
  return { tree, facts: { ...facts, names, ...(imageId === undefined ? {} : { imageId }) } }
}

interface Layer {
  readonly entries: readonly LayerEntry[]
  /** `sha256:…` of its archive without compression. */
  readonly diffId: string
}

interface Blob {
  readonly layer?: Layer
  readonly json?: unknown
}

async function readBlob(name: string, { size = 0 }: Headers, blob: Readable): Promise<Blob> {
  const { head, all: body } = await peeked(blob)
  const unpack = packingOf(head)
  if (unpack !== undefined) return { layer: await readLayer(name, body, unpack) }
  const text = size <= maxJsonBytes ? await textOf(body) : await drained(body)
  if (text === undefined || !/^\s*[[{]/.test(text)) return {}
  try {
    return { json: JSON.parse(text) as unknown }
  } catch {
    return {}
  }
}

/** The decompression for these first bytes of a layer; undefined where they belong to no archive. */
function packingOf(head: Buffer): (() => Unpack) | undefined {
  const magic = head.length < 4 ? 0 : head.readUInt32BE(0)
  if (magic === zstdMagic) return () => unpackZstd
  if (magic >>> 16 === gzipMagic) return () => createGunzip()
  const isTar = head.toString('latin1', tarMagicAt).startsWith(tarMagic)
  return isTar ? () => new PassThrough() : undefined
}

/** The first bytes of a stream, and all of it. */
async function peeked(body: Readable): Promise<{ readonly head: Buffer; readonly all: Readable }> {
  const wanted = tarMagicAt + tarMagic.length
  const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  let head: Buffer = Buffer.alloc(0)
  for (let ended = false; !ended && head.length < wanted; ) {
    const { done, value } = await chunks.next()
    ended = done === true
    if (!ended) head = Buffer.concat([head, value as Buffer])
  }
  return { head, all: Readable.from(headFirst(head, { [Symbol.asyncIterator]: () => chunks })) }
}

async function* headFirst(head: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield head
  yield* rest
}

type Unpack = Duplex | ((packed: AsyncIterable<Buffer>) => AsyncIterable<Buffer>)

/** Errors: IMAGE_INVALID where it is not an archive, or is cut, or has another compression than it declares */
async function readLayer(name: string, body: Readable, unpack: () => Unpack): Promise<Layer> {
  const entries: LayerEntry[] = []
  const hash = createHash('sha256')
  const inner = eachEntry(async (header, file) => {
    const joined = posix.join('/', header.name)
    const path = joined.length > 1 && joined.endsWith('/') ? joined.slice(0, -1) : joined
    entries.push(entryOf(path, header, await contentOf(path, header, file)))
  })
  try {
    await pipeline(body, unpack(), (unpacked) => hashed(unpacked, hash), inner)
  } catch (cause) {
    if (cause instanceof SnugError) throw cause
    throw new SnugError('IMAGE_INVALID', `its layer \`${name}\` cannot be unpacked`, { cause })
  }
  return { entries, diffId: `sha256:${hash.digest('hex')}` }
}

async function* hashed(bytes: AsyncIterable<Buffer>, hash: Hash): AsyncGenerator<Buffer> {
  for await (const chunk of bytes) {
    hash.update(chunk)
    yield chunk
  }
}

async function contentOf(
  path: string,
  { type, size = 0 }: Headers,
  file: Readable,
): Promise<FileContent | undefined> {
  if (type === 'file' && isRpmDatabase(path)) {
    if (size <= maxRpmBytes) return { rpm: readRpmDatabase(await bytesOf(file)) }
    throw new SnugError('IMAGE_INVALID', `its rpm database is larger than ${maxRpmBytes} bytes`)
  }
  const isText = type === 'file' && size <= maxTextBytes && isPackageText(path)
  return isText ? { text: await textOf(file) } : await drained(file)
}

function entryOf(
  path: string,
  { type, linkname }: Headers,
  content: FileContent | undefined,
): LayerEntry {
  if (type === 'directory') return { path, kind: 'folder' }
  if (type === 'symlink') return { path, kind: 'link', target: linkname ?? '' }
  if (type === 'link') return { path, kind: 'hard-link', target: posix.join('/', linkname ?? '') }
  return { path, kind: 'file', ...(content === undefined ? {} : { content }) }
}

async function textOf(body: Readable): Promise<string> {
  return (await bytesOf(body)).toString('utf8')
}

async function bytesOf(body: Readable): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const chunk of body) parts.push(chunk as Buffer)
  return Buffer.concat(parts)
}

async function drained(body: Readable): Promise<undefined> {
  body.resume()
  if (!body.readableEnded) await new Promise((resolve) => body.once('end', resolve))
  return undefined
}
