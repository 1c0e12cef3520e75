import { closeSync, constants, openSync } from 'node:fs'

/** What of `node:fs` it needs. */
export interface Opening {
  readonly openSync: typeof openSync
  readonly closeSync: typeof closeSync
  readonly constants: typeof constants
}

/**
 * Opens a file in a folder that the container can change concurrently. It opens one path component
 * at a time, follows no links, and never blocks on a pipe. Undefined if the file does not exist.
 */
export function openBeneath(folder: string, path: string): number | undefined {
  return openBeneathBy({ openSync, closeSync, constants }, folder, path)
}

/** {@link openBeneath} by the calls that it gets alone, so that a thread without modules can have its text. */
export function openBeneathBy(
  { openSync: open, closeSync: close, constants: flags }: Opening,
  folder: string,
  path: string,
): number | undefined {
  const parts = path.split('/').filter((part) => part !== '')
  const asFolder = flags.O_RDONLY | flags.O_DIRECTORY | flags.O_NOFOLLOW
  const asFile = flags.O_RDONLY | flags.O_NOFOLLOW | flags.O_NONBLOCK
  let at = open(folder, asFolder)
  for (const [index, part] of parts.entries()) {
    const parent = at
    try {
      at = open(`/proc/self/fd/${parent}/${part}`, index < parts.length - 1 ? asFolder : asFile)
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
      throw error
    } finally {
      close(parent)
    }
  }
  return at
}
