import { closeSync, constants, openSync } from 'node:fs'

/**
 * Opens a file in a folder that the container can change concurrently. It opens one path component
 * at a time, follows no links, and never blocks on a pipe. Undefined if the file does not exist.
 */
export function openBeneath(folder: string, path: string): number | undefined {
  const parts = path.split('/').filter((part) => part !== '')
  const asFolder = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
  const asFile = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  let at = openSync(folder, asFolder)
  for (const [index, part] of parts.entries()) {
    const parent = at
    try {
      at = openSync(`/proc/self/fd/${parent}/${part}`, index < parts.length - 1 ? asFolder : asFile)
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
      throw error
    } finally {
      closeSync(parent)
    }
  }
  return at
}
