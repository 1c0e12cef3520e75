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
    // The runtime's process has the root of the runtime, possibly also an overlay, until it changes
    // its root.
    if (mount === undefined || mount.device === rootMountOf(runtime)?.device) return undefined
    return foldersOf(mount, rootOf(runtime))
  } catch {
    // The process ended, or access is denied.
    return undefined
  }
}

const maxProcesses = 64

/**
 * Whether the kernel of this host runs a program of the container: the file that a process of it executes is of the
 * overlay at its root, which is neither the host's nor the runtime's. A sandbox is a program of the host, also where it
 * can reach the files of the image. Where the root is no overlay, nothing is proven.
 *
 * @param cgroup path in the hierarchy of version 2, from its root
 */
export function runsOnHost(cgroup: string): boolean {
  const hierarchy = cgroup === '' ? undefined : cgroupHierarchy()
  if (hierarchy === undefined) return false
  const pids = processesOf(join(hierarchy, cgroup)).slice(0, maxProcesses)
  return pids.some((pid) => executesOwnRoot(pid))
}

function processesOf(folder: string): readonly number[] {
  try {
    const text = readFileSync(join(folder, 'cgroup.procs'), 'utf8')
    return text.split('\n').flatMap((line) => (line === '' ? [] : [Number(line)]))
  } catch {
    return []
  }
}

function executesOwnRoot(pid: number): boolean {
  try {
    const runtime = runtimeOf(pid)
    const mount = rootMountOf(pid)
    if (runtime === undefined || mount === undefined) return false
    const others = [rootMountOf(runtime), rootMountOf(hostInit)]
    if (others.some((other) => other?.device === mount.device)) return false
    return statSync(`/proc/${pid}/exe`).dev === statSync(`/proc/${pid}/root/`).dev
  } catch {
    // The process ended, or access is denied.
    return false
  }
}

const hostInit = 1
const maxAncestors = 64

/** The nearest ancestor in another mount namespace, which sees the folders of the layers. */
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

export function mountSpace(pid: number | 'self'): number {
  return statSync(`/proc/${pid}/ns/mnt`).ino
}

/**
 * Open roots of other mount namespaces: a runtime process may end before its containers are
 * forgotten.
 */
const roots = new Map<number, number>()

/** A path prefix that resolves files in the mount namespace of the process. */
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

/** Parses `/proc/PID/mountinfo`; undefined if the root is no overlay. */
export function rootMount(mountinfo: string): RootMount | undefined {
  // The last of stacked mounts is the visible one.
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
    // Newer runtimes pass the layers one by one.
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

/**
 * The folders of an overlay, resolved below `prefix`; undefined if they are gone or not of a
 * runtime.
 */
export function foldersOf({ upper, lower }: RootMount, prefix: string): Rootfs | undefined {
  if (!upper.startsWith('/')) return undefined
  // In long lists, layers are relative to the folder of all snapshots; each has a separate folder.
  const snapshots = dirname(dirname(upper))
  const layers = lower
    .map((folder) => followed(prefix, folder.startsWith('/') ? folder : join(snapshots, folder)))
    .filter((layer) => !layer.endsWith(engineLayer))
  // A process that may mount in the container can name any host folder. Only a runtime's layers lie
  // beside the upper one.
  const isSnapshot = (layer: string): boolean =>
    dirname(dirname(layer)) === join(prefix, snapshots) && existsSync(layer)
  return layers.every(isSnapshot) ? { upper: join(prefix, upper), layers } : undefined
}

/** Docker's layer on top of the image's layers, with /etc/hosts and similar files. */
const engineLayer = '-init/diff'

/**
 * Docker uses short links. Their text is resolved here, because their folder is not visible from
 * this process.
 */
function followed(prefix: string, folder: string): string {
  const path = join(prefix, folder)
  try {
    return join(dirname(path), readlinkSync(path))
  } catch {
    return path
  }
}

/** The mount of cgroup version 2 from its root, not the part that a container sees. */
export function cgroupHierarchy(): string | undefined {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  return mounts
    .filter((line) => line.includes(' - cgroup2 '))
    .map((line) => unescaped(line.split(' ')[4] ?? ''))
    .find((target) => statSync(target).ino === rootInode)
}

const rootInode = 1
