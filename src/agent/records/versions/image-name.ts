import { canonicalRepository } from '../../../core/event/canonical.ts'
import type { ImageRef } from '../../../core/event/event.ts'
import { lineageName } from '../../../core/event/image-key.ts'
import type { DeployedVersion } from './deployed-version.ts'

/** Whether an operator's IMAGE names the version: see `VersionRegistry.find`. */
export function isNamed(
  typed: string,
  { image, tags, otherDigests }: Pick<DeployedVersion, 'image' | 'tags' | 'otherDigests'>,
): boolean {
  const ref = canonicalRepository(typed)
  const at = ref.indexOf('@')
  if (at >= 0) {
    const digest = ref.slice(at + 1)
    const digests = [image.digest, ...otherDigests]
    if (!isLineage(withoutTag(ref.slice(0, at)), image)) return false
    return digests.some((known) => known.startsWith(digest))
  }
  if (isLineage(ref, image)) return true
  const colon = tagColon(ref)
  return isLineage(ref.slice(0, colon), image) && tags.has(ref.slice(colon + 1))
}

/** Without a scope it names the lineages of all scopes. */
function isLineage(typed: string, image: ImageRef): boolean {
  return typed === image.repository || typed === lineageName(image)
}

function withoutTag(ref: string): string {
  const colon = tagColon(ref)
  return colon < 0 ? ref : ref.slice(0, colon)
}

/** Behind the port of a registry. The version of a package may have another one: `1:10.0p1-7`. */
function tagColon(ref: string): number {
  return ref.indexOf(':', ref.lastIndexOf('/') + 1)
}
