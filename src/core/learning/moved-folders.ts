import type { FileUse } from './file-use.ts'

/** Folders that are looked at: more are alike. */
const MOVED_MOST = 64

interface Move {
  readonly from: string
  readonly to: string
}

/** A folder that a program renames keeps what is in it: uses below the old name are uses below the new one. */
export function movedUses(uses: readonly FileUse[], moves: readonly Move[]): readonly FileUse[] {
  if (moves.length === 0) return []
  const folders = foldersOf(uses)
  const moved = moves
    .filter(({ from }) => folders.has(from))
    .sort((a, b) => (a.from + a.to < b.from + b.to ? -1 : 1))
    .slice(0, MOVED_MOST)
  return moved.flatMap(({ from, to }) =>
    uses
      .filter(({ path }) => path.startsWith(`${from}/`))
      .map((use) => ({ ...use, path: to + use.path.slice(from.length), made: 0 })),
  )
}

function foldersOf(uses: readonly FileUse[]): ReadonlySet<string> {
  const folders = new Set<string>()
  for (const { path } of uses) {
    let folder = path.slice(0, path.lastIndexOf('/'))
    while (folder !== '' && !folders.has(folder)) {
      folders.add(folder)
      folder = folder.slice(0, folder.lastIndexOf('/'))
    }
  }
  return folders
}
