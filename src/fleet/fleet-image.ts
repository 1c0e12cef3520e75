import { createHash } from 'node:crypto'
import type { ImageRef } from '../core/event/event.ts'
import { imageKey } from '../core/event/image-key.ts'

/** An image, for one scope or for all. */
export type FleetImage = Pick<ImageRef, 'repository' | 'digest' | 'scope'>

export function fleetImage({ repository, digest, scope }: FleetImage): FleetImage {
  return scope === undefined ? { repository, digest } : { repository, digest, scope }
}

const slugLength = 40

/** Equal on every node. A name cannot hold a repository; the hash separates images whose names look alike. */
export function profileName(image: FleetImage): string {
  const slug = image.repository
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(-slugLength)
    .replace(/^-+|-+$/g, '')
  const hash = shortHash(imageKey(image))
  return slug === '' ? hash : `${slug}-${hash}`
}

export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}
