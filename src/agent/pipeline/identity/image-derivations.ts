import { existsSync } from 'node:fs'
import { LRUCache } from 'lru-cache'
import { Derivation } from '../../../core/learning/derivation.ts'
import type { ContainerIdentity } from './identity.ts'
import { ImageContents } from './image-contents.ts'

/** Images in use on one node. */
const MOST_IMAGES = 256

/** Rules derived from the files of each image, computed once for all of its containers. */
export class ImageDerivations {
  readonly #guards: (path: string) => boolean
  readonly #byImage = new LRUCache<string, Derivation>({ max: MOST_IMAGES })

  /** `guards`: whether a guardrail covers the path. */
  constructor(guards: (path: string) => boolean) {
    this.#guards = guards
  }

  /** Undefined where the layers of the image cannot be read. */
  of({ imageId, rootfs }: ContainerIdentity): Derivation | undefined {
    const known = this.#byImage.get(imageId)
    if (known !== undefined || rootfs === undefined) return known
    if (!rootfs.layers.every((layer) => existsSync(layer))) return undefined
    const derivation = new Derivation(new ImageContents(rootfs.layers), this.#guards)
    this.#byImage.set(imageId, derivation)
    return derivation
  }
}
