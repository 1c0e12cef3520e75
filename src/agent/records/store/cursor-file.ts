import { closeSync, constants, fstatSync, openSync, readFileSync, writeSync } from 'node:fs'
import { crc32 } from 'node:zlib'

/** Sink → greatest record id that it confirmed. */
export type Cursors = Readonly<Record<string, string>>

const checksumLength = 8

/**
 * Keeps the positions of sinks in a separate file, because they change with every delivery. After a
 * kill, a delivery that is not on record goes out twice. So each update is one immediate write at a
 * fixed offset; a batch of the store would wait for earlier batches. Like those batches, it
 * survives a crash of the process but not a power cut.
 */
export class CursorFile {
  readonly #path: string
  #file: number | undefined
  #length = 0

  /** Opens nothing yet. */
  constructor(path: string) {
    this.#path = path
  }

  /** Empty if there is no readable file. */
  load(): Cursors {
    try {
      return decoded(readFileSync(this.#path, 'utf8'))
    } catch {
      return {}
    }
  }

  /** False if the write failed. */
  keep(cursors: Cursors): boolean {
    const text = JSON.stringify(cursors)
    try {
      this.#file ??= this.#open()
      // Padding overwrites the rest of a longer previous text.
      const bytes = Buffer.from(`${checksum(text)}${text}`.padEnd(this.#length))
      this.#length = bytes.length
      return writeSync(this.#file, bytes, 0, bytes.length, 0) === bytes.length
    } catch {
      this.close()
      return false
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }

  /**
   * Opens the file without truncation: an empty file would hold no position until the first write.
   */
  #open(): number {
    const file = openSync(this.#path, constants.O_WRONLY | constants.O_CREAT, 0o600)
    this.#length = fstatSync(file).size
    return file
  }
}

/** The greater cursor of each sink. */
export function furthest(...all: readonly Cursors[]): Record<string, string> {
  const most: Record<string, string> = {}
  for (const [sink, cursor] of all.flatMap((one) => Object.entries(one))) {
    if (cursor > (most[sink] ?? '')) most[sink] = cursor
  }
  return most
}

function decoded(stored: string): Cursors {
  const text = stored.slice(checksumLength).trimEnd()
  if (checksum(text) !== stored.slice(0, checksumLength)) return {}
  const value: unknown = JSON.parse(text)
  return cursorsOf(value)
}

/** The members that are texts. */
export function cursorsOf(value: unknown): Cursors {
  if (typeof value !== 'object' || value === null) return {}
  return Object.fromEntries(
    Object.entries(value).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    ),
  )
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(checksumLength, '0')
}
