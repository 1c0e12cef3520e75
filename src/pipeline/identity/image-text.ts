import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { findInLayers, namesInLayers } from './layers.ts'

/** Larger ones are not read: what an image ships was written by others. */
const maxBytes = 32 << 20

/** The text of a file that the image ships; undefined where it has none, or it is no ordinary file. */
export function readImageFile(layers: readonly string[], path: string): string | undefined {
  const found = safely(() => findInLayers(layers, path, true))
  if (found === undefined || !found.stats.isFile() || found.stats.size > maxBytes) return undefined
  return safely(() => {
    const fd = openSync(
      found.path,
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    )
    try {
      return fstatSync(fd).isFile() ? readFileSync(fd, 'utf8') : undefined
    } finally {
      closeSync(fd)
    }
  })
}

/** Names in a folder that the image ships; none where it has no such folder. */
export function listImageFolder(layers: readonly string[], path: string): readonly string[] {
  return safely(() => namesInLayers(layers, path)) ?? []
}

export function imageShips(layers: readonly string[], path: string): boolean {
  return safely(() => findInLayers(layers, path, true)) !== undefined
}

/** An image may be removed during the read, and then has no text. */
function safely<T>(read: () => T | undefined): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
