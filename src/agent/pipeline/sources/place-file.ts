import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import type { FilePlace } from './follow-file.ts'

const place = z.object({
  dev: z.number(),
  ino: z.number(),
  offset: z.int().min(0),
  anchor: z.string(),
  line: z.int().min(1),
})

/** The position at which reading resumes after a restart; `line` is the number of its line. */
export type ReadPlace = FilePlace & { readonly line: number }

/** The offset in a followed file, kept in a separate file that is replaced atomically. */
export class PlaceFile {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  /**
   * Undefined if there is no readable position: reading then starts at the beginning of the file.
   */
  load(): ReadPlace | undefined {
    try {
      return place.parse(JSON.parse(readFileSync(this.#path, 'utf8')))
    } catch {
      return undefined
    }
  }

  save(reached: ReadPlace): void {
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 })
    const fresh = `${this.#path}.new`
    writeFileSync(fresh, JSON.stringify(reached), { mode: 0o600 })
    renameSync(fresh, this.#path)
  }
}

/** Path of the position file of a source in a data directory. */
export function placePath(data: string, spec: string): string {
  return join(data, 'sources', `${encodeURIComponent(spec)}.json`)
}
