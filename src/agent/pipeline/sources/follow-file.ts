import { createHash } from 'node:crypto'
import { type FileHandle, open, readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** A position in a file that survives renaming: the file, the offset, and the bytes before it. */
export interface FilePlace {
  readonly dev: number
  readonly ino: number
  readonly offset: number
  /**
   * SHA-256 of the {@link anchorBytes} bytes before `offset`: a rewritten file has others there.
   */
  readonly anchor: string
}

export type FilePart =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  /** No more data for now. */
  | { readonly kind: 'waiting' }
  /** The next data is from the start of a file. */
  | { readonly kind: 'turn'; readonly why: 'rotated' | 'truncated' | 'lost-place' }
  /** No file has that name at the moment. */
  | { readonly kind: 'gone' }

const chunkBytes = 1 << 18
/** Longer than a line, because lines of one sensor end alike. */
const anchorBytes = 4_096
const pollMs = 200
const newline = 0x0a

/**
 * Follows a log file as it grows. After rotation, it reads the old file to its end before the new
 * one. It switches only once the new file has content, because writers keep the old one until they
 * are notified. If a file becomes shorter, or its content before the offset changes, it starts from
 * the beginning.
 */
export class FollowedFile {
  readonly #path: string
  readonly #buffer = Buffer.allocUnsafe(chunkBytes)
  #file: FileHandle | undefined
  #offset = 0
  #tail: Buffer = Buffer.alloc(0)

  constructor(path: string) {
    this.#path = path
  }

  /**
   * Yields parts until the signal aborts; the caller then closes it. The bytes of a part are valid
   * until the next one is requested. Throws the error of `open` if there is no such file at the
   * start.
   */
  async *parts(signal: AbortSignal, from?: FilePlace): AsyncGenerator<FilePart, void, undefined> {
    if (!(await this.#begin(from))) yield { kind: 'turn', why: 'lost-place' }
    while (!signal.aborted) {
      const bytes = await this.#read()
      if (bytes === 'rewritten') {
        await this.#goTo(0)
        yield { kind: 'turn', why: 'truncated' }
      } else if (bytes !== undefined) {
        yield { kind: 'bytes', bytes }
      } else {
        yield* this.#atEnd(signal)
      }
    }
  }

  async close(): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
  }

  /** The position `behind` bytes before the last read; undefined if no file is open. */
  async place(behind: number): Promise<FilePlace | undefined> {
    if (this.#file === undefined || behind > this.#offset) return undefined
    const offset = this.#offset - behind
    const { dev, ino } = await this.#file.stat()
    return { dev, ino, offset, anchor: sumOf(await bytesBefore(this.#file, offset)) }
  }

  /** False if `from` is not found. */
  async #begin(from: FilePlace | undefined): Promise<boolean> {
    if (from !== undefined) {
      for (const path of [this.#path, ...(await siblings(this.#path))]) {
        const file = await openAt(path, from)
        if (file === undefined) continue
        this.#file = file
        await this.#goTo(from.offset)
        return true
      }
    }
    this.#file = await open(this.#path, 'r')
    return from === undefined
  }

  async *#atEnd(signal: AbortSignal): AsyncGenerator<FilePart, void, undefined> {
    const next = await this.#successor()
    if (next !== undefined && next !== 'gone') {
      // Data that arrived between the last read and the first look at the successor.
      for (let rest = await this.#read(); rest instanceof Uint8Array; rest = await this.#read()) {
        yield { kind: 'bytes', bytes: rest }
      }
      await this.#file?.close()
      this.#file = next
      await this.#goTo(0)
      yield { kind: 'turn', why: 'rotated' }
      return
    }
    yield { kind: next === 'gone' ? 'gone' : 'waiting' }
    await delay(pollMs, undefined, { signal }).catch(() => undefined)
  }

  /** Data after the current offset; `rewritten` if the bytes before it have changed. */
  async #read(): Promise<Uint8Array | 'rewritten' | undefined> {
    if (this.#file === undefined) return undefined
    const known = this.#tail.length
    const from = this.#offset - known
    const { bytesRead } = await this.#file.read(this.#buffer, 0, this.#buffer.length, from)
    if (!this.#buffer.subarray(0, Math.min(known, bytesRead)).equals(this.#tail)) return 'rewritten'
    if (bytesRead === known) return undefined
    const bytes = this.#buffer.subarray(known, bytesRead)
    this.#offset += bytes.length
    this.#tail = Buffer.from(this.#buffer.subarray(Math.max(0, bytesRead - anchorBytes), bytesRead))
    return bytes
  }

  async #goTo(offset: number): Promise<void> {
    this.#offset = offset
    this.#tail = this.#file === undefined ? Buffer.alloc(0) : await bytesBefore(this.#file, offset)
  }

  /** The file that now has the name, if it is another one with content. */
  async #successor(): Promise<FileHandle | 'gone' | undefined> {
    try {
      const [now, mine] = await Promise.all([stat(this.#path), this.#file?.stat()])
      if ((now.ino === mine?.ino && now.dev === mine.dev) || now.size === 0) return undefined
      return await open(this.#path, 'r')
    } catch {
      return 'gone'
    }
  }
}

/** The beginning of the first line within the last `bytes` of a file; undefined: that of the file. */
export async function placeBeforeEnd(path: string, bytes: number): Promise<FilePlace | undefined> {
  const file = await open(path, 'r')
  try {
    const { dev, ino, size } = await file.stat()
    if (size <= bytes) return undefined
    const buffer = Buffer.allocUnsafe(chunkBytes)
    let offset = size - bytes
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, offset)
      const end = buffer.subarray(0, bytesRead).indexOf(newline)
      offset += end === -1 ? bytesRead : end + 1
      if (end === -1 && bytesRead > 0) continue
      return { dev, ino, offset, anchor: sumOf(await bytesBefore(file, offset)) }
    }
  } finally {
    await file.close()
  }
}

async function bytesBefore(file: FileHandle, offset: number): Promise<Buffer> {
  const length = Math.min(anchorBytes, offset)
  const buffer = Buffer.alloc(length)
  const { bytesRead } = await file.read(buffer, 0, length, offset - length)
  return buffer.subarray(0, bytesRead)
}

function sumOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Opens the file if it is the one of the position. */
async function openAt(path: string, place: FilePlace): Promise<FileHandle | undefined> {
  const file = await open(path, 'r').catch(() => undefined)
  if (file === undefined) return undefined
  const { dev, ino, size } = await file.stat()
  const isIt =
    dev === place.dev &&
    ino === place.ino &&
    size >= place.offset &&
    sumOf(await bytesBefore(file, place.offset)) === place.anchor
  if (isIt) return file
  await file.close()
  return undefined
}

/** Candidates for a rotated file: beside it, under a longer name (`audit.log.1`). */
async function siblings(path: string): Promise<readonly string[]> {
  const folder = dirname(path)
  const name = basename(path)
  const names = await readdir(folder).catch(() => [])
  return names
    .filter((each) => each !== name && each.startsWith(name))
    .map((each) => join(folder, each))
}
