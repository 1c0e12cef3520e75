import type { ImageRef } from '../../../core/event/event.ts'
import { lineageName, unscoped } from '../../../core/event/image-key.ts'
import { SnugError } from '../../../errors.ts'
import { addName, type DeployedVersion, type VersionKey, versionKey } from './deployed-version.ts'
import { isNamed } from './image-name.ts'

/** Finds versions: by image, by any of its names, by lineage, and by the number that the kernel knows. */
export class VersionIndex {
  readonly #versions = new Map<VersionKey, DeployedVersion>()
  /** Aliases of a version: later digests, and the id of the image. */
  readonly #aliases = new Map<VersionKey, DeployedVersion>()
  /** Image → its versions in each scope. */
  readonly #scopes = new Map<VersionKey, Set<DeployedVersion>>()
  readonly #byKernelScope = new Map<number, DeployedVersion>()
  #lastKernelScope = 0

  get size(): number {
    return this.#versions.size
  }

  [Symbol.iterator](): Iterator<DeployedVersion> {
    return this.#versions.values()
  }

  has(version: DeployedVersion): boolean {
    return this.#versions.get(version.key) === version
  }

  /** Adds a version with the names that it has. */
  add(version: DeployedVersion): void {
    this.#versions.set(version.key, version)
    this.#rememberNames(version)
    version.scope = this.freshScope(version)
    const { image } = version
    if (image.scope === undefined) return
    const key = versionKey(unscoped(image))
    const scopes = this.#scopes.get(key)
    if (scopes === undefined) this.#scopes.set(key, new Set([version]))
    else scopes.add(version)
  }

  remove(version: DeployedVersion): void {
    this.#versions.delete(version.key)
    this.#scopes.get(versionKey(unscoped(version.image)))?.delete(version)
    dropValue(this.#aliases, version)
    dropValue(this.#byKernelScope, version)
  }

  /** The version of an image, if one was observed before. */
  ofImage(image: ImageRef, imageId?: string): DeployedVersion | undefined {
    const key = versionKey(image)
    const known = this.#versions.get(key) ?? this.#aliases.get(key)
    if (known !== undefined || imageId === undefined) return known
    return this.#aliases.get(versionKey({ ...image, digest: imageId }))
  }

  /** The version of a scope, including its earlier scopes. */
  ofKernelScope(scope: number): DeployedVersion | undefined {
    return this.#byKernelScope.get(scope)
  }

  /** All versions of its lineage, itself included. */
  lineageOf({ image }: DeployedVersion): readonly DeployedVersion[] {
    const name = lineageName(image)
    return [...this].filter((each) => lineageName(each.image) === name)
  }

  predecessorOf(version: DeployedVersion): DeployedVersion | undefined {
    const { predecessor } = version.life
    if (predecessor === undefined) return undefined
    const image = { ...version.image, digest: predecessor }
    return this.ofImage(image) ?? this.ofImage(unscoped(image))
  }

  /** The latest version of the lineage before a new one; by default of the lineage for all scopes. */
  newestBefore(image: ImageRef, lineage = image.repository): DeployedVersion | undefined {
    let newest: DeployedVersion | undefined
    for (const version of this) {
      if (lineageName(version.image) !== lineage || version.image.digest === image.digest) continue
      if (newest === undefined || version.firstSeen >= newest.firstSeen) newest = version
    }
    return newest
  }

  /** Versions of the same image in other scopes. */
  otherScopes({ image }: DeployedVersion): readonly DeployedVersion[] {
    const scopes = this.#scopes.get(versionKey(unscoped(image)))
    return [...(scopes ?? [])].filter((other) => other.image.scope !== image.scope)
  }

  /**
   * Versions that match an operator's IMAGE: `repository`, `repository:tag` or
   * `repository@sha256:prefix`. `repository#scope` names those of one scope, and `repository` those of all.
   *
   * Errors: `IMAGE_UNKNOWN`.
   */
  find(ref: string): readonly DeployedVersion[] {
    // The key of one version, which may be a name of versions in other scopes as well.
    const named = this.#versions.get(ref as VersionKey)
    if (named !== undefined) return [named]
    const found = [...this].filter((version) => isNamed(ref, version))
    if (found.length === 0) {
      throw new SnugError('IMAGE_UNKNOWN', `no image that was observed is named \`${ref}\``)
    }
    return found.sort((a, b) => (a.firstSeen < b.firstSeen ? -1 : 1))
  }

  /**
   * Versions that match IMAGE, which are of one lineage.
   *
   * Errors: `IMAGE_UNKNOWN`; `IMAGE_AMBIGUOUS` where several scopes have a profile of it.
   */
  findLineage(ref: string): readonly DeployedVersion[] {
    const found = this.find(ref)
    const lineages = [...new Set(found.map(({ image }) => lineageName(image)))]
    if (lineages.length <= 1) return found
    const which = lineages.map((name) => `\`${name}\``).join(', ')
    throw new SnugError('IMAGE_AMBIGUOUS', `\`${ref}\` has a profile for each of ${which}`)
  }

  /**
   * The version that IMAGE names; the newest one if a repository or tag has several in one scope.
   *
   * Errors: `IMAGE_UNKNOWN`, `IMAGE_AMBIGUOUS`.
   */
  findOne(ref: string): DeployedVersion {
    const found = this.findLineage(ref)
    const newest = found.at(-1)
    if (newest === undefined || (ref.includes('@') && found.length > 1)) {
      const digests = found.map(({ image }) => image.digest.slice(0, 19)).join(', ')
      throw new SnugError('IMAGE_AMBIGUOUS', `\`${ref}\` names several versions: ${digests}`)
    }
    return newest
  }

  /** Joins the names of one image: a local build has only an id, and each push adds a digest. */
  addNames(version: DeployedVersion, { digest }: ImageRef, imageId: string | undefined): void {
    const { image, otherDigests, imageIds } = version
    const known = digest === image.digest || otherDigests.has(digest)
    if (known && (imageId === undefined || imageIds.has(imageId))) return
    const gone = [
      digest === image.digest ? undefined : addName(otherDigests, digest),
      imageId === undefined ? undefined : addName(imageIds, imageId),
    ]
    for (const old of gone) {
      if (old !== undefined) this.#aliases.delete(versionKey({ ...image, digest: old }))
    }
    version.changed = true
    this.#rememberNames(version)
  }

  #rememberNames(version: DeployedVersion): void {
    const { image, otherDigests, imageIds } = version
    for (const digest of [...otherDigests, ...imageIds]) {
      this.#aliases.set(versionKey({ ...image, digest }), version)
    }
  }

  /** A number for the version in the kernel that no version had. Late reports still name its earlier ones. */
  freshScope(version: DeployedVersion): number {
    this.#lastKernelScope += 1
    this.#byKernelScope.set(this.#lastKernelScope, version)
    if (this.#byKernelScope.size > this.#versions.size + oldScopesKept) {
      for (const [scope, { scope: present }] of this.#byKernelScope) {
        if (scope === present) continue
        this.#byKernelScope.delete(scope)
        break
      }
    }
    return this.#lastKernelScope
  }
}

/** Earlier numbers of all versions in the kernel: late reports still name them. */
export const oldScopesKept = 1_024

function dropValue<K>(index: Map<K, DeployedVersion>, version: DeployedVersion): void {
  for (const [key, value] of index) if (value === version) index.delete(key)
}
