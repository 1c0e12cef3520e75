import type { ContainerIdentity } from '../pipeline/identity/identity.ts'
import { type VersionKey, versionKey } from '../records/versions/deployed-version.ts'
import type { VersionRegistry } from '../records/versions/version-registry.ts'
import type { Slices } from '../../support/slices.ts'

/** Has new versions inherit beside judging: only their own containers wait for it. */
export class Preparation {
  readonly #registry: VersionRegistry
  readonly #slices: Slices
  readonly #running = new Map<VersionKey, Promise<void>>()

  constructor(registry: VersionRegistry, slices: Slices) {
    this.#registry = registry
    this.#slices = slices
  }

  /** Resolves once the version of the container is prepared; undefined: there is nothing to do. */
  of({ image, imageId }: ContainerIdentity): Promise<void> | undefined {
    const key = versionKey(image)
    const running = this.#running.get(key)
    if (running !== undefined) return running
    const steps = this.#registry.origins.prepare(image, imageId)
    if (steps === undefined) return undefined
    const prepared = this.#slices
      .run('inheritance', steps)
      // Without it, the version inherits with its first event.
      .catch(() => undefined)
      .finally(() => this.#running.delete(key))
    this.#running.set(key, prepared)
    return prepared
  }
}
