import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { LRUCache } from 'lru-cache'
import {
  type ElfProgram,
  elfProgramOf,
  isElf,
  type ReadAt,
} from '../../../core/learning/elf-program.ts'
import type { ImageFacts, ShippedFile } from '../../../core/learning/program-files.ts'
import { findInLayers, type LayerFile, namesInLayers } from './layers.ts'

/** A larger folder is not searched. */
const MOST_NAMES = 4_096
const MOST_TEXT_BYTES = 64 << 10
const NOTHING = new Uint8Array(0)
/** No part of a header is larger. */
const MOST_READ = 1 << 20

/** The files of an image in its layers on disk. An unreadable file counts as absent. */
export class ImageContents implements ImageFacts {
  readonly #layers: readonly string[]
  readonly #programs = new LRUCache<string, { readonly program?: ElfProgram }>({ max: 4_096 })

  /** `layers`: folders on the host, the topmost first. */
  constructor(layers: readonly string[]) {
    this.#layers = layers
  }

  file(path: string): ShippedFile | undefined {
    const found = this.#find(path)
    const layer = this.#layers.find((one) => found?.path.startsWith(`${one}/`) === true)
    if (found === undefined || layer === undefined) return undefined
    const { stats } = found
    const kind = stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : 'other'
    return { path: found.path.slice(layer.length), mode: stats.mode, kind }
  }

  names(folder: string): readonly string[] {
    try {
      const names = namesInLayers(this.#layers, folder)
      return names.length > MOST_NAMES ? [] : names
    } catch {
      return []
    }
  }

  program(path: string): ElfProgram | undefined {
    const known = this.#programs.get(path)
    if (known !== undefined) return known.program
    const program = this.#read(path, elfProgramOf)
    this.#programs.set(path, program === undefined ? {} : { program })
    return program
  }

  isCode(path: string): boolean {
    return (
      this.#read(path, (read) => {
        const head = read(0, 4)
        return isElf(head) || (head[0] === 0x23 && head[1] === 0x21)
        // An unreadable file counts as code.
      }) ?? true
    )
  }

  text(path: string): string | undefined {
    return this.#read(path, (read) => {
      const bytes = read(0, MOST_TEXT_BYTES + 1)
      return bytes.length > MOST_TEXT_BYTES ? undefined : Buffer.from(bytes).toString('latin1')
    })
  }

  #find(path: string): LayerFile | undefined {
    try {
      return findInLayers(this.#layers, path, true)
    } catch {
      return undefined
    }
  }

  #read<T>(path: string, use: (read: ReadAt) => T | undefined): T | undefined {
    const found = this.#find(path)
    if (found?.stats.isFile() !== true) return undefined
    try {
      const fd = openSync(found.path, constants.O_RDONLY | constants.O_NOFOLLOW)
      try {
        return fstatSync(fd).isFile()
          ? use((offset, size) => readUpTo(fd, offset, size))
          : undefined
      } finally {
        closeSync(fd)
      }
    } catch {
      // The image was removed.
      return undefined
    }
  }
}

function readUpTo(fd: number, offset: number, size: number): Uint8Array {
  const ok = Number.isSafeInteger(offset) && offset >= 0 && size > 0 && size <= MOST_READ
  if (!ok) return NOTHING
  const bytes = Buffer.alloc(size)
  return bytes.subarray(0, readSync(fd, bytes, 0, size, offset))
}
