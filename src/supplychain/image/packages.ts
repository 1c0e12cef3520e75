import { LRUCache } from 'lru-cache'
import {
  type ImagePackage,
  type ImageText,
  type PackageDatabase,
  readPackageDatabase,
} from './package-databases.ts'
import type { ContainerIdentity } from '../../agent/pipeline/identity/identity.ts'
import { listImageFolder, readImageFile } from '../../agent/pipeline/identity/image-text.ts'

/** Images whose databases are kept in memory: those in comparison. */
const imagesKept = 4
/** The image is not trusted, and this is the memory of the agent. A large image of a distribution has half of it. */
export const databaseLimits = { packages: 10_000, paths: 200_000 } as const
const mostFileBytes = 16 << 20
const mostBytes = 48 << 20

/** Where a merged `/usr` lets one file be known by two names, databases have either. */
const mergedFolders = /^\/(bin|sbin|lib|lib32|lib64|libx32)\//

/**
 * The package of a file in an image, from the database that the image ships. The image is not trusted: this explains a
 * delta to a reviewer, and makes nothing expected.
 */
export class ImagePackages {
  readonly #databases = new LRUCache<string, PackageDatabase>({ max: imagesKept })

  /** The package that brought `path`; undefined where no package did, or it cannot be determined. */
  ownerOf(identity: ContainerIdentity, path: string): ImagePackage | undefined {
    const { byPath } = this.#of(identity)
    const known = byPath.get(path)
    if (known !== undefined) return known
    if (mergedFolders.test(path)) return byPath.get(`/usr${path}`)
    const short = path.startsWith('/usr/') ? path.slice(4) : ''
    return mergedFolders.test(short) ? byPath.get(short) : undefined
  }

  /** The package of that name; undefined where the image has none. */
  named(identity: ContainerIdentity, name: string): ImagePackage | undefined {
    return this.#of(identity).byName.get(name)
  }

  #of({ imageId, rootfs }: ContainerIdentity): PackageDatabase {
    const kept = this.#databases.get(imageId)
    if (kept !== undefined) return kept
    const database =
      rootfs === undefined ? none : readPackageDatabase(onDisk(rootfs.layers), databaseLimits)
    if (rootfs !== undefined) this.#databases.set(imageId, database)
    return database
  }
}

const none: PackageDatabase = { byName: new Map(), byPath: new Map() }

function onDisk(layers: readonly string[]): ImageText {
  let left = mostBytes
  return {
    read: (path) => {
      const text = readImageFile(layers, path, Math.min(left, mostFileBytes))
      left -= text?.length ?? 0
      return text
    },
    list: (folder) => listImageFolder(layers, folder),
  }
}
