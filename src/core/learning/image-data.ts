import type { ImageFacts } from './program-files.ts'

/**
 * Files of one folder of the image that anyone may read and nobody can run: who reads some of them reads data, and
 * which of it carries no risk. `guards` is true of a path that a guardrail is about.
 *
 * INVARIANT: nothing executable, private or guarded is among them (law 7).
 */
export function imageData(
  facts: ImageFacts,
  folder: string,
  guards: (path: string) => boolean,
): ReadonlySet<string> {
  const data = new Set<string>()
  if (!isOpen(facts, folder)) return data
  for (const name of facts.names(folder)) {
    const path = `${folder}/${name}`
    const file = facts.file(path)
    // The target of a link belongs to another folder.
    if (file?.kind !== 'file' || file.path !== path) continue
    const readable = (file.mode & 0o004) !== 0 && (file.mode & 0o111) === 0
    if (readable && !guards(path) && !facts.isCode(path)) data.add(path)
  }
  return data
}

/** Configuration and accounts by the Filesystem Hierarchy Standard, on every distribution: no data. */
const CONFIGURATION = '/etc'

/** Whether everyone may go into it, and into all folders above. */
function isOpen(facts: ImageFacts, folder: string): boolean {
  if (folder === CONFIGURATION || folder.startsWith(`${CONFIGURATION}/`)) return false
  for (let at = folder; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) {
    const file = facts.file(at)
    if (file?.kind !== 'folder' || file.path !== at || (file.mode & 0o001) === 0) return false
  }
  return folder !== ''
}
