import type { ImageRef } from '../../core/event/event.ts'
import { parseImageReference } from '../../agent/pipeline/identity/image-reference.ts'

/**
 * The image of a container, from what its pod asks for (`nginx:1.25`) and what the runtime reports
 * (`docker.io/library/nginx@sha256:…`, `docker-pullable://nginx@sha256:…`, or only an image id if it was never in a
 * registry). Undefined until the runtime reports it.
 */
export function imageOf(asked: string, imageId: string): ImageRef | undefined {
  const runs = imageId.replace(/^[a-z-]+:\/\//, '')
  const at = runs.indexOf('@')
  const digest = at === -1 ? runs : runs.slice(at + 1)
  if (!/^[a-z0-9]+:[0-9a-f]{32,}$/.test(digest)) {
    // CRI-O reports an image id without its algorithm.
    return /^[0-9a-f]{64}$/.test(digest) ? imageOf(asked, `sha256:${digest}`) : undefined
  }
  const named =
    parseImageReference(asked) ?? (at === -1 ? undefined : parseImageReference(runs.slice(0, at)))
  if (named === undefined) return { repository: digest.replace(/^.*:/, '').slice(0, 12), digest }
  const { repository, tag } = named
  return { repository, ...(tag === undefined ? {} : { tag }), digest }
}
