import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { canonicalAddress } from '../../../core/event/canonical.ts'
import { cgroupHierarchy, mountSpace } from './container-rootfs.ts'

/** Bytes of the file that are read. */
const mostBytes = 16_384
const mostResolvers = 8
/** What the C libraries ask where the file names nobody. */
const noResolver: readonly string[] = ['127.0.0.1']

/** The addresses of the `nameserver` lines, canonical. */
export function parseResolvers(text: string): readonly string[] {
  const found = new Set<string>()
  for (const line of text.split('\n')) {
    const [, given = ''] = /^\s*nameserver\s+([0-9a-fA-F.:]+)(?:%\S+)?\s*$/.exec(line) ?? []
    const address = canonicalAddress(given)
    if (address !== undefined) found.add(address)
  }
  return found.size === 0 ? noResolver : [...found].slice(0, mostResolvers)
}

/**
 * The resolvers that `/etc/resolv.conf` of a container names, through one of its processes. Undefined where it has none
 * at the moment.
 *
 * @param cgroup path in the hierarchy of version 2, from its root
 */
export function containerResolvers(cgroup: string): readonly string[] | undefined {
  try {
    const hierarchy = cgroupHierarchy()
    if (hierarchy === undefined || cgroup === '') return undefined
    const procs = readFileSync(join(hierarchy, cgroup, 'cgroup.procs'), 'utf8')
    const pid = procs.split('\n').find((each) => each !== '' && isApart(each))
    if (pid === undefined) return undefined
    return parseResolvers(readStart(`/proc/${pid}/root/etc/resolv.conf`))
  } catch {
    // The process ended, or the container has no such file.
    return undefined
  }
}

/** Of this host, for a job that runs with the host's files. To be asked before it begins, as it may change them. */
export function hostResolvers(): readonly string[] {
  try {
    return parseResolvers(readFileSync('/etc/resolv.conf', 'latin1').slice(0, mostBytes))
  } catch {
    return noResolver
  }
}

/**
 * The runtime's own process comes first into the cgroup. It is in the host's mount namespace, and then in the
 * container's with the host's root, until it changes to the container's.
 */
function isApart(pid: string): boolean {
  try {
    if (mountSpace(Number(pid)) === mountSpace('self')) return false
    const root = rootOf(pid)
    return root !== undefined && root !== rootOf('self') && root !== rootOf('1')
  } catch {
    return false
  }
}

/** Undefined where it cannot be looked at. */
function rootOf(pid: string): string | undefined {
  try {
    const { dev, ino } = statSync(`/proc/${pid}/root`)
    return `${dev}:${ino}`
  } catch {
    return undefined
  }
}

/** The container may have put anything there: a link that leads elsewhere, a pipe that nobody writes to. */
function readStart(path: string): string {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const file = openSync(path, flags)
  try {
    if (!fstatSync(file).isFile()) return ''
    const bytes = Buffer.alloc(mostBytes)
    return bytes.toString('latin1', 0, readSync(file, bytes, 0, mostBytes, 0))
  } finally {
    closeSync(file)
  }
}
