import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { findInLayers, namesInLayers } from './layers.ts'

/** Larger files are not read, because the content of an image is untrusted. Real ones have a few KiB. */
export const mostTextBytes = 1 << 20

/** The text of a file of the image; undefined if it is missing, larger than `most`, or not a regular file. */
export function readImageFile(
  layers: readonly string[],
  path: string,
  most: number = mostTextBytes,
): string | undefined {
  const found = safely(() => findInLayers(layers, path, true))
  if (found === undefined || !found.stats.isFile() || found.stats.size > most) return undefined
  return safely(() => {
    const fd = openSync(
      found.path,
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    )
    try {
      const stats = fstatSync(fd)
      return stats.isFile() && stats.size <= most ? readFileSync(fd, 'utf8') : undefined
    } finally {
      closeSync(fd)
    }
  })
}

/** Names in a folder of the image; empty if the folder is missing. */
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
