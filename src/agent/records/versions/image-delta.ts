import type { ContainerIdentity } from '../../pipeline/identity/identity.ts'
import type { ImageFiles } from '../../pipeline/identity/image-files.ts'
import type { ImagePackages } from '../../../supplychain/image/packages.ts'
import type { About, FileStory, Shipped } from '../../../core/lifecycle/inheritance.ts'
import type { DeployedVersion } from './deployed-version.ts'

export interface ShippedPair {
  readonly now: Shipped
  readonly before: Shipped
  /** Package and layer of a file of the new version. Only for texts, because it is expensive. */
  readonly about?: About
}

/**
 * The contents of two versions, as far as their layers are readable. Content distinguishes them.
 */
export function shippedBy(
  files: ImageFiles,
  packages: ImagePackages,
  now: DeployedVersion,
  before: DeployedVersion,
): ShippedPair | undefined {
  const [a, b] = [now.identity, before.identity]
  if (a?.rootfs === undefined || b?.rootfs === undefined) return undefined
  const old: Shipped = (path) => (files.shipped(b, path) === true ? 'before' : undefined)
  const fresh: Shipped = (path) => {
    if (files.shipped(a, path) !== true) return undefined
    return files.differs(a, b, path) === false ? 'before' : 'now'
  }
  return { now: fresh, before: old, about: (path) => storyOf(files, packages, a, b, path) }
}

function storyOf(
  files: ImageFiles,
  packages: ImagePackages,
  now: ContainerIdentity,
  before: ContainerIdentity,
  path: string,
): FileStory {
  const owner = packages.ownerOf(now, path)
  const layer = files.layerOf(now, before, path)
  const old = owner === undefined ? undefined : packages.named(before, owner.name)
  return {
    ...(layer === undefined ? {} : { layer }),
    ...(owner === undefined
      ? {}
      : {
          package: {
            name: owner.name,
            now: owner.version,
            ...(old === undefined ? {} : { before: old.version }),
          },
        }),
  }
}
