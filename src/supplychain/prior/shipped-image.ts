import type { ImageRef } from '../../core/event/event.ts'
import { parseImageReference } from '../../agent/pipeline/identity/image-reference.ts'

/** The image of a name with a whole digest, `repository[:tag]@sha256:…`; undefined of any other name. */
export function wholeImage(named: string): ImageRef | undefined {
  const { repository, tag, digest } = parseImageReference(named) ?? {}
  if (repository === undefined || digest === undefined) return undefined
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) return undefined
  return { repository, ...(tag === undefined ? {} : { tag }), digest }
}
