import { lstatSync, readdirSync, readlinkSync, type Stats } from 'node:fs'

/** A file of the image: the layer that brings it, and where it lies on the host. */
export interface LayerFile {
  readonly path: string
  readonly stats: Stats
}

const maxLinks = 40

/**
 * Finds a path of the container in the image's layers, topmost first, with the rules of overlayfs.
 * The topmost layer that has the name wins, a whiteout hides lower layers, and folders of all
 * layers are merged. It resolves links by their text within the layers only, and never reads the
 * host's files. An extended attribute that Node cannot read marks an opaque folder, so content
 * below such a folder still counts as part of the image. Returns undefined if the image has no such
 * path. `follow` also resolves a link at the very end.
 */
export function findInLayers(
  layers: readonly string[],
  path: string,
  follow = false,
): LayerFile | undefined {
  return walk(layers, path, follow)?.file
}

/**
 * Names in a folder of the image, merged from all layers; empty if it is no folder. Follows links.
 */
export function namesInLayers(layers: readonly string[], path: string): readonly string[] {
  const folders = walk(layers, path, true)?.folders ?? []
  const names = new Set(folders.flatMap((folder) => readdirSync(folder)))
  return [...names].filter((name) => lookupInFolders(folders, name) !== undefined).sort()
}

/** The layer that has the file, counted from the bottom, 1 first; 0 if none has it. */
export function layerNumber(layers: readonly string[], file: LayerFile): number {
  const at = layers.findIndex((layer) => file.path.startsWith(`${layer}/`))
  return at < 0 ? 0 : layers.length - at
}

interface Walked {
  readonly file?: LayerFile
  /** Present where it is a folder: the same folder in every layer that has it. */
  readonly folders?: readonly string[]
}

function walk(layers: readonly string[], path: string, follow: boolean): Walked | undefined {
  let rest = path.split('/').filter((part) => part !== '' && part !== '.')
  let links = 0
  /**
   * The folders of the current path: for each depth, the same folder in every layer that has it.
   */
  let stack: (readonly string[])[] = [layers]
  let last: LayerFile | undefined
  while (rest.length > 0) {
    const [name = '', ...more] = rest
    rest = more
    if (name === '..') {
      if (stack.length > 1) stack.pop()
      last = undefined
      continue
    }
    const found = lookupInFolders(stack.at(-1) ?? [], name)
    if (found === undefined) return undefined
    if (found.kind === 'folder') {
      stack.push(found.folders)
      last = found.file
      continue
    }
    if (found.file.stats.isSymbolicLink() && (rest.length > 0 || follow)) {
      links += 1
      if (links > maxLinks) return undefined
      const target = readlinkSync(found.file.path)
      if (target.startsWith('/')) stack = [layers]
      rest = [...target.split('/').filter((part) => part !== '' && part !== '.'), ...rest]
      last = undefined
      continue
    }
    return rest.length > 0 ? undefined : { file: found.file }
  }
  const folders = stack.at(-1) ?? []
  return last === undefined ? { folders } : { file: last, folders }
}

type Found =
  | { readonly kind: 'folder'; readonly file: LayerFile; readonly folders: readonly string[] }
  | { readonly kind: 'file'; readonly file: LayerFile }

/** One name in the folders that are one folder of the image, topmost first. */
export function lookupInFolders(folders: readonly string[], name: string): Found | undefined {
  const below: string[] = []
  let top: LayerFile | undefined
  for (const folder of folders) {
    const path = `${folder}/${name}`
    const stats = lstatSync(path, { throwIfNoEntry: false })
    if (stats === undefined) continue
    if (stats.isDirectory()) {
      top ??= { path, stats }
      below.push(path)
      continue
    }
    // A whiteout or a file hides everything below it, and a folder above hides both.
    if (top === undefined && !isWhiteout(stats)) return { kind: 'file', file: { path, stats } }
    break
  }
  return top === undefined ? undefined : { kind: 'folder', file: top, folders: below }
}

/** Overlayfs marks a removed name by a character device 0:0. */
function isWhiteout(stats: Stats): boolean {
  return stats.isCharacterDevice() && stats.rdev === 0
}
