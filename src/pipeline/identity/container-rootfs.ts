import { constants, existsSync, openSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Rootfs } from './identity.ts'

/** The overlay mounted at `/` of a process, from its mountinfo. */
export interface RootMount {
  /** `MAJOR:MINOR` */
  readonly device: string
  readonly upper: string
  /** Topmost first. */
  readonly lower: readonly string[]
}

/**
 * Finds the layers of a container's image through its processes, for engines that do not report
 * layers (containerd, CRI-O). Undefined if the container has no process at the moment, or its root
 * is no overlay of the runtime's folders.
 *
 * @param cgroup path in the hierarchy of version 2, from its root
 */
export function containerRootfs(cgroup: string): Rootfs | undefined {
  try {
    const hierarchy = cgroupHierarchy()
    if (hierarchy === undefined || cgroup === '') return undefined
    const [first] = readFileSync(join(hierarchy, cgroup, 'cgroup.procs'), 'utf8').split('\n')
    const pid = Number(first)
    const runtime = runtimeOf(pid)
    if (runtime === undefined) return undefined
    const mount = rootMountOf(pid)
    // The runtime's own process has the runtime's root, which may be an overlay too, until it leaves it.
    if (mount === undefined || mount.device === rootMountOf(runtime)?.device) return undefined
    return foldersOf(mount, rootOf(runtime))
  } catch {
    // It ended meanwhile, or nobody lets us look.
    return undefined
  }
}

const maxAncestors = 64

/** The nearest ancestor in another mount namespace: where the folders of the layers are. */
function runtimeOf(pid: number): number | undefined {
  const own = mountSpace(pid)
  let above = pid
  for (let steps = 0; steps < maxAncestors && above > 0; steps += 1) {
    if (mountSpace(above) !== own) return above
    above = parentOf(above)
  }
  return undefined
}

function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
}

function mountSpace(pid: number | 'self'): number {
  return statSync(`/proc/${pid}/ns/mnt`).ino
}

/** Roots of other mount namespaces, held open: a runtime's process may end before what it started is forgotten. */
const roots = new Map<number, number>()

/** A prefix by which files are found as the process finds them. */
function rootOf(pid: number): string {
  const space = mountSpace(pid)
  if (space === mountSpace('self')) return ''
  const root =
    roots.get(space) ?? openSync(`/proc/${pid}/root`, constants.O_RDONLY | constants.O_DIRECTORY)
  roots.set(space, root)
  return `/proc/self/fd/${root}`
}

function rootMountOf(pid: number): RootMount | undefined {
  return rootMount(readFileSync(`/proc/${pid}/mountinfo`, 'utf8'))
}

/** Of `/proc/PID/mountinfo`; undefined where the root is no overlay. */
export function rootMount(mountinfo: string): RootMount | undefined {
  // Of mounts over each other the last is seen.
  const line = mountinfo.split('\n').findLast((each) => each.split(' ')[4] === '/')
  const [before = '', after = ''] = line?.split(' - ') ?? []
  const [type, , options = ''] = after.split(' ')
  const device = before.split(' ')[2]
  if (type !== 'overlay' || device === undefined) return undefined
  const lower: string[] = []
  let upper: string | undefined
  for (const option of options.split(',')) {
    const at = option.indexOf('=')
    const value = unescaped(option.slice(at + 1))
    if (option.startsWith('lowerdir=')) lower.push(...value.split(':'))
    // One by one, as newer runtimes give them.
    else if (option.startsWith('lowerdir+=')) lower.push(value)
    else if (option.startsWith('upperdir=')) upper = value
  }
  return upper === undefined || lower.length === 0 ? undefined : { device, upper, lower }
}

/** Space, tab, newline and backslash are octal in mountinfo. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  )
}

/** The folders of an overlay as they are found behind `prefix`; undefined where they are not a runtime’s, or are gone. */
export function foldersOf({ upper, lower }: RootMount, prefix: string): Rootfs | undefined {
  if (!upper.startsWith('/')) return undefined
  // In long lists, layers are relative to the folder of all snapshots; each has a separate folder.
  const snapshots = dirname(dirname(upper))
  const layers = lower
    .map((folder) => followed(prefix, folder.startsWith('/') ? folder : join(snapshots, folder)))
    .filter((layer) => !layer.endsWith(engineLayer))
  // Who may mount in the container can name any folder of the host: only a runtime's are side by side with the upper one.
  const isSnapshot = (layer: string): boolean =>
    dirname(dirname(layer)) === join(prefix, snapshots) && existsSync(layer)
  return layers.every(isSnapshot) ? { upper: join(prefix, upper), layers } : undefined
}

/** What Docker puts upon the image's layers, with /etc/hosts and the like. */
const engineLayer = '-init/diff'

/** Docker gives short links. A link is followed by its text: their folder is not where we are. */
function followed(prefix: string, folder: string): string {
  const path = join(prefix, folder)
  try {
    return join(dirname(path), readlinkSync(path))
  } catch {
    return path
  }
}

/** Where version 2 is mounted from its root; a container's own part of it is none. */
function cgroupHierarchy(): string | undefined {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  return mounts
    .filter((line) => line.includes(' - cgroup2 '))
    .map((line) => unescaped(line.split(' ')[4] ?? ''))
    .find((target) => statSync(target).ino === rootInode)
}

const rootInode = 1
