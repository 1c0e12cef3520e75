import type { PlaceClass } from '../event/alert-risk.ts'
import { adversarialNames } from '../learning/adversary.ts'

/** Devices that every runtime makes (OCI runtime specification) and that keep nothing of what is written. */
const keepNothing = ['/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom']
/** By the Filesystem Hierarchy Standard: what a restart or a program may remove without loss. */
const temporary = [
  '/tmp',
  '/var/tmp',
  '/var/cache',
  '/dev/shm',
  '/run',
  '/var/run',
  '/var/lock',
  ...keepNothing,
]
const system = ['/etc', '/proc', '/sys', '/dev', '/boot', '/var/spool/cron']
const code = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/opt']
/** Certificates that everybody may have: their names look like those of keys. */
const published = ['/etc/ssl/certs', '/usr/share', '/usr/lib']

const secretNames = /^(g?shadow-?|\.env(\..+)?|\.netrc|\.git-credentials|credentials|id_[a-z0-9]+)$/
const secretExtensions = /\.(key|p12|pfx|jks|keystore|kdbx)$/
const secretFolders = /\/(\.ssh|\.gnupg|secrets?|private)\//
const memoryOfProcess = /^\/proc\/[^/]+\/(environ|mem|auxv)$/

/** The class of a path, in the language of shapes or literal. The most valuable one applies. */
export function placeClassOf(path: string): PlaceClass {
  if (isSecret(path)) return 'secret'
  if (isBelow(path, temporary)) return 'temporary'
  if (isBelow(path, system)) return 'system'
  return isBelow(path, code) ? 'code' : 'data'
}

function isSecret(path: string): boolean {
  if (memoryOfProcess.test(path)) return true
  if (isBelow(path, published)) return false
  const name = path.slice(path.lastIndexOf('/') + 1)
  return secretNames.test(name) || secretExtensions.test(name) || secretFolders.test(path)
}

function isBelow(path: string, folders: readonly string[]): boolean {
  return folders.some((folder) => path.startsWith(folder) && isEndOf(path, folder.length))
}

function isEndOf(path: string, at: number): boolean {
  return path.length === at || path[at] === '/'
}

/** `/data/jobs/` of `/data/jobs/a`; `/` of what lies in the root, and `` of what has no folder. */
export function folderOfPath(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1)
}

/** The folder that both lie in. */
export function commonFolder(a: string, b: string): string {
  let end = 0
  while (end < a.length && a[end] === b[end]) end++
  return folderOfPath(a.slice(0, end))
}

/** What a name is by its end: `.php`; `.` where it is hidden, and empty where it has no extension. */
export function nameKind(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1)
  if (name.startsWith('.')) return '.'
  // A longer end, or one with digits in most of it, is a part of the name.
  return /\.[a-z][a-z0-9]{0,4}$/i.exec(name)?.[0].toLowerCase() ?? ''
}

/** Code, settings and hidden files by their names. */
const harmfulKinds: ReadonlySet<string> = new Set(
  ['.', ...Object.values(adversarialNames).flat().map(nameKind)].filter((kind) => kind !== ''),
)

/**
 * The kind by which a person decides on changes of files: `*` for data, whose kinds differ without harm. Code, settings and
 * hidden files keep their kind. So does a name without an extension, as programs have none, unless it is only removed.
 */
export function decidedKind(kind: string, isRemoved = false): string {
  const isApart = kind === '' ? !isRemoved : isHarmfulKind(kind)
  return isApart ? kind : '*'
}

/** Whether files of that kind are code, settings, or hidden. */
export function isHarmfulKind(kind: string): boolean {
  return harmfulKinds.has(kind)
}
