import type { FileAct } from '../../core/event/event.ts'
import { RENAMES_TO } from '../../core/behaviour/shape-pattern.ts'
import type { Allowed } from './allowed.ts'
import { compareText } from '../../core/compare-text.ts'
import { globOf, partsOf } from './paths.ts'

/** A folder in which files are made, changed or taken away. */
export interface WrittenFolder {
  readonly folder: string
  /** Names of its files, or globs of them below it; sorted. */
  readonly files: readonly string[]
}

/** By convention all users may write there, in every image. */
const everybodys = ['/tmp', '/var/tmp', '/run/lock', '/dev/shm', '/dev/mqueue']

export function isEverybodys(folder: string): boolean {
  return everybodys.some((each) => isBelow(folder, each))
}

/** File systems that the runtime mounts, `/dev/shm` among them: no image has them, and no volume takes their place. */
function isRuntimes(path: string): boolean {
  return ['/proc', '/sys', '/dev'].some((each) => isBelow(path, each))
}

export function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`)
}

const writing: Readonly<Record<FileAct['access'][number], boolean>> = {
  read: false,
  exec: false,
  write: true,
  create: true,
  delete: true,
  rename: true,
  setattr: true,
}

/**
 * Paths, or globs of them, that the event creates, changes or deletes; of a truncated path its end, which begins with
 * `…`.
 */
export function writtenPaths({ object, literals }: Allowed): readonly string[] {
  switch (object.kind) {
    case 'file': {
      if (!writing[object.access]) return []
      const shaped = [object.path, ...(object.to === undefined ? [] : [object.to])]
      const paths =
        literals === undefined
          ? shaped.map((path) => globOf(partsOf(path)))
          : literals.flatMap((each) => each.split(RENAMES_TO))
      return paths.filter(isName)
    }
    case 'syscall':
      // These calls have a file as their target.
      return ['chmod', 'setxattr', 'utimensat', 'truncate'].includes(object.name)
        ? [globOf(partsOf(object.target ?? ''))].filter(isName)
        : []
    case 'listen':
      return object.protocol === 'unix' ? [object.address].filter(isName) : []
    case 'exec':
    case 'connect':
    case 'identity':
    case 'capability':
      return []
  }
}

/** The folder of a path; for a glob, the deepest folder with a literal name. */
export function folderOfPath(path: string): string {
  const glob = path.indexOf('*')
  const named = glob < 0 ? path : path.slice(0, glob)
  return named.slice(0, named.lastIndexOf('/')) || '/'
}

/** Folders that these events write to, without the runtime's own mounts; sorted. */
export function writtenFolders(allowed: readonly Allowed[]): readonly WrittenFolder[] {
  const found = new Map<string, Set<string>>()
  for (const path of allowed.flatMap(writtenPaths)) {
    if (isCut(path) || isRuntimes(path)) continue
    const folder = folderOfPath(path)
    const files = found.get(folder) ?? new Set()
    files.add(path.slice(folder === '/' ? 1 : folder.length + 1))
    found.set(folder, files)
  }
  return [...found]
    .sort(([a], [b]) => compareText(a, b))
    .map(([folder, files]) => ({ folder, files: [...files].sort(compareText) }))
}

/** Neither a socket without a name nor a file in memory. */
function isName(path: string): boolean {
  return path.startsWith('/') || isCut(path)
}

function isCut(path: string): boolean {
  return path.startsWith('…')
}
