import { NAME } from '../../core/behaviour/place-pattern.ts'
import { plainPath } from '../../core/behaviour/shape.ts'
import { canonicalPath } from '../../core/event/canonical.ts'

/** In Kubescape's language one segment of a path, whatever its name; and any number of them. */
const anySegment = '⋯'
const anySegments = '*'
/** Folders that `*` may stand for, one in another: a pattern of Snug has a fixed number of them. */
export const foldersDeep = 6

/** True for a path without a variable part. */
export function isLiteral(path: string): boolean {
  return path.startsWith('/') && !path.includes(anySegment) && !path.includes(anySegments)
}

/**
 * A path in the language of shapes; several where `*` stands for folders within folders, one for each depth. None
 * where it is not a path from the root.
 */
export function shapedPaths(path: string): readonly string[] {
  if (!path.startsWith('/')) return []
  let paths: readonly string[] = ['']
  for (const segment of canonicalPath(path).slice(1).split('/')) {
    const forms = segment === anySegments ? someSegments() : [shapedSegment(segment)]
    paths = paths.flatMap((before) => forms.map((form) => `${before}/${form}`))
  }
  return paths
}

function someSegments(): readonly string[] {
  return Array.from({ length: foldersDeep }, (_, i) =>
    Array(i + 1)
      .fill(NAME)
      .join('/'),
  )
}

function shapedSegment(segment: string): string {
  return plainPath(segment).replace(/[\u22ef*]+/g, NAME)
}
