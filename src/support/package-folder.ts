import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * A file or folder of this installation, by its path in the repository. Where this code stands itself depends on how it
 * was built: in `src`, or in a chunk of `dist`.
 */
export function packagePath(path: string): string {
  folder ??= nearestPackage(dirname(fileURLToPath(import.meta.url)))
  return join(folder, path)
}

let folder: string | undefined

function nearestPackage(from: string): string {
  const parent = dirname(from)
  return existsSync(join(from, 'package.json')) || parent === from ? from : nearestPackage(parent)
}
