import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  openSync,
  readSync,
  type Stats,
} from 'node:fs'
import { LRUCache } from 'lru-cache'
import { microsOf } from '../../../core/event/time.ts'
import type { PathAutomaton } from '../../../core/compile/kernel-profile.ts'
import type { ContainerIdentity, Rootfs } from './identity.ts'
import { pathsTaken } from './layer-walk.ts'
import { findInLayers, type LayerFile, layerNumber } from './layers.ts'
import { openBeneath } from './open-beneath.ts'
import type { HostFiles } from './units/host-files.ts'

/** A layer of an image, counted from the bottom, 1 first. */
export interface Layer {
  readonly number: number
  readonly of: number
  /** The previous image lacks the layer. */
  readonly isNew: boolean
}

/**
 * Larger files are not compared: the answer is `undefined`, and the caller keeps its previous
 * result.
 */
const maxComparedBytes = 64 << 20
const blockBytes = 1 << 17
const SETUID = 0o4000

/**
 * Finds the files that an image ships, from its layers on disk. It is synchronous and cached,
 * because only new behaviour needs it. `undefined` means that the layers are unreadable (another
 * storage driver, a removed image); it is never a guess.
 */
export class ImageFiles {
  /** Made when first needed, because it reserves memory for all of its entries. */
  #shipped: LRUCache<string, boolean> | undefined
  readonly #compared = new LRUCache<string, boolean>({ max: 4_096 })
  readonly #hosts: Pick<HostFiles, 'ships' | 'isAsShipped'> | undefined

  /** `hosts`: what accounts for the files of units of systemd. */
  constructor(hosts?: Pick<HostFiles, 'ships' | 'isAsShipped'>) {
    this.#hosts = hosts
  }

  /** Whether the image ships this path, or a package of the host. */
  shipped(identity: ContainerIdentity, path: string): boolean | undefined {
    const { rootfs, host } = identity
    if (host !== undefined) return this.#hosts?.ships(host, path)
    if (rootfs === undefined || !path.startsWith('/')) return undefined
    const key = `${identity.imageId} ${path}`
    this.#shipped ??= new LRUCache({ max: 65_536 })
    const kept = this.#shipped.get(key)
    if (kept !== undefined) return kept
    const found = find(rootfs, path)
    if (found === 'unreadable') return undefined
    this.#shipped.set(key, found !== undefined)
    return found !== undefined
  }

  /**
   * Whether a path leads to a file of the image, as a program would follow it: by links of the image
   * too.
   */
  leadsToShipped({ rootfs, host }: ContainerIdentity, path: string): boolean | undefined {
    if (host !== undefined) return this.#hosts?.ships(host, path)
    if (rootfs === undefined || !path.startsWith('/')) return undefined
    const found = find(rootfs, path, true)
    return found === 'unreadable' ? undefined : found !== undefined
  }

  /**
   * Paths that the image ships and the automaton matches, as {@link pathsTaken} finds them. Empty
   * if the layers are unreadable, as {@link shipped} then confirms no path.
   *
   * Errors: PROFILE_TOO_LARGE if there are too many.
   */
  taken(identity: ContainerIdentity, automaton: PathAutomaton): readonly string[] {
    const layers = identity.rootfs?.layers ?? []
    return layers.every((layer) => existsSync(layer)) ? pathsTaken(layers, automaton) : []
  }

  /**
   * Whether the container's file has the content that the image ships at this path. A `chmod` or
   * `chown` copies a file to the container's upper layer and leaves its content unchanged. `asOf`
   * is the time of use (RFC 3339): a file that changed later is no evidence of what ran. The
   * kernel's coarse clock has ticks of at most 10 ms, and a change within the same tick stays
   * undetected.
   */
  sameAsImage(identity: ContainerIdentity, path: string, asOf: string): boolean | undefined {
    const { rootfs, host } = identity
    if (host !== undefined) return this.#hosts?.isAsShipped(host, path, asOf)
    if (rootfs === undefined || !path.startsWith('/')) return undefined
    const shipped = find(rootfs, path)
    if (shipped === 'unreadable') return undefined
    if (shipped === undefined || !shipped.stats.isFile()) return false
    try {
      return this.#compareUpper(rootfs, path, shipped, asOf)
    } catch {
      // The file vanished, or the container changes it during the read: an unreadable file is not
      // proven equal.
      return undefined
    }
  }

  /** Whether the container has a file of its own at this path, such as a copy of the image's. */
  isInUpper({ rootfs, host }: ContainerIdentity, path: string): boolean {
    // A host has one layer, and a path of it names one file.
    if (host !== undefined) return true
    try {
      return rootfs !== undefined && isThere(rootfs.upper, path)
    } catch {
      return false
    }
  }

  /**
   * Whether the image ships the file setuid, and the container's file has the mode, the owner and the
   * content of the image's at this moment. Links of the image are followed, as the calls that change
   * a mode do.
   */
  isSetuidAsShipped({ rootfs }: ContainerIdentity, path: string): boolean | undefined {
    if (rootfs === undefined || !path.startsWith('/')) return undefined
    const shipped = find(rootfs, path, true)
    if (shipped === undefined || shipped === 'unreadable') return undefined
    const layer = rootfs.layers.find((one) => shipped.path.startsWith(`${one}/`))
    const isSetuid = shipped.stats.isFile() && (shipped.stats.mode & SETUID) !== 0
    if (layer === undefined || !isSetuid) return false
    const target = shipped.path.slice(layer.length)
    try {
      // A link of the container leads elsewhere.
      if (target !== path && isThere(rootfs.upper, path)) return false
      return this.#isUnchanged(rootfs.upper, target, shipped)
    } catch {
      return undefined
    }
  }

  #isUnchanged(folder: string, path: string, shipped: LayerFile): boolean | undefined {
    const upper = openBeneath(folder, path)
    if (upper === undefined) return true
    try {
      const stats = fstatSync(upper)
      const same = (['mode', 'uid', 'gid', 'size'] as const).every(
        (one) => stats[one] === shipped.stats[one],
      )
      return same && compareWith(upper, stats, shipped)
    } finally {
      closeSync(upper)
    }
  }

  /** Whether two images differ at this path, including paths that only one of them has. */
  differs(a: ContainerIdentity, b: ContainerIdentity, path: string): boolean | undefined {
    if (a.rootfs === undefined || b.rootfs === undefined) return undefined
    const left = find(a.rootfs, path, true)
    const right = find(b.rootfs, path, true)
    if (left === 'unreadable' || right === 'unreadable') return undefined
    if (left === undefined || right === undefined) return left !== right
    if (left.path === right.path) return false
    if (!left.stats.isFile() || !right.stats.isFile()) {
      return left.stats.isFile() !== right.stats.isFile()
    }
    if (left.stats.size !== right.stats.size) return true
    const key = `${left.path} ${right.path}`
    const kept = this.#compared.get(key)
    if (kept !== undefined) return !kept
    const same = compareFiles(left, right)
    if (same !== undefined) this.#compared.set(key, same)
    return same === undefined ? undefined : !same
  }

  /** The layer of `now` that has the path, and whether `before` has that layer too. */
  layerOf(now: ContainerIdentity, before: ContainerIdentity, path: string): Layer | undefined {
    const layers = now.rootfs?.layers ?? []
    const found = now.rootfs === undefined ? undefined : find(now.rootfs, path, true)
    if (found === undefined || found === 'unreadable') return undefined
    const number = layerNumber(layers, found)
    const layer = layers[layers.length - number]
    if (number === 0 || layer === undefined) return undefined
    // Engines store a layer once for all images.
    const isNew = before.rootfs?.layers.includes(layer) !== true
    return { number, of: layers.length, isNew }
  }

  #compareUpper(
    rootfs: Rootfs,
    path: string,
    shipped: LayerFile,
    asOf: string,
  ): boolean | undefined {
    const upper = openBeneath(rootfs.upper, path)
    // The upper layer has no such file, so the container sees the image's file.
    if (upper === undefined) return true
    try {
      const stats = fstatSync(upper)
      if (!stats.isFile()) return false
      if (stats.ctimeMs > Math.ceil(microsOf(asOf) / 1_000)) return false
      if (stats.size !== shipped.stats.size) return false
      const key = `${stats.dev}:${stats.ino}:${stats.ctimeMs} ${shipped.path}`
      const kept = this.#compared.get(key)
      if (kept !== undefined) return kept
      const same = compareWith(upper, stats, shipped)
      if (same !== undefined) this.#compared.set(key, same)
      return same
    } finally {
      closeSync(upper)
    }
  }
}

function find(rootfs: Rootfs, path: string, follow = false): LayerFile | 'unreadable' | undefined {
  try {
    const found = findInLayers(rootfs.layers, path, follow)
    if (found !== undefined) return found
    // A removed image looks like an image without files.
    return rootfs.layers.every((layer) => existsSync(layer)) ? undefined : 'unreadable'
  } catch {
    return 'unreadable'
  }
}

function isThere(folder: string, path: string): boolean {
  const found = openBeneath(folder, path)
  if (found !== undefined) closeSync(found)
  return found !== undefined
}

function compareFiles(left: LayerFile, right: LayerFile): boolean | undefined {
  try {
    const fd = openSync(left.path, constants.O_RDONLY | constants.O_NOFOLLOW)
    try {
      return compareWith(fd, left.stats, right)
    } finally {
      closeSync(fd)
    }
  } catch {
    return undefined
  }
}

function compareWith(left: number, stats: Stats, shipped: LayerFile): boolean | undefined {
  if (stats.size > maxComparedBytes) return undefined
  const right = openSync(shipped.path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const a = Buffer.allocUnsafe(blockBytes)
    const b = Buffer.allocUnsafe(blockBytes)
    for (let offset = 0; ; ) {
      const read = readSync(left, a, 0, blockBytes, offset)
      const other = readSync(right, b, 0, blockBytes, offset)
      if (read !== other || a.compare(b, 0, other, 0, read) !== 0) return false
      if (read === 0) return true
      offset += read
    }
  } finally {
    closeSync(right)
  }
}
