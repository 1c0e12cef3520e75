import type { PlaceClass } from '../event/alert-words.ts'
import { fileKinds } from './file-kinds.ts'

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
  return folders.some((folder) => path === folder || path.startsWith(`${folder}/`))
}

/** `/data/jobs/` of `/data/jobs/a`; `/` of what lies in the root, and `` of what has no folder. */
export function folderOfPath(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1)
}

/** The folder that both lie in. */
export function commonFolder(a: string, b: string): string {
  return folderOfPath(a.slice(0, commonLength(a, b)))
}

/** How many characters both begin with. */
export function commonLength(a: string, b: string): number {
  let end = 0
  while (end < a.length && a.charCodeAt(end) === b.charCodeAt(end)) end++
  return end
}

/** A number or a time behind the name of a file that was put aside, as it is or as its shape. */
const COUNTER = /[._-](?:(?=.*\d)[\dTZ:_-]{1,24}|<(?:int|num|long|date|time|digits:\d+)>)$/

/** The name of a path without the counter of a file that was put aside: `app.log` of `/srv/app.log.2`. */
export function nameOf(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1)
  return name.replace(COUNTER, '') || name
}

/** What a name is by its end: `.php`; `.` where it is hidden, and empty where it has no extension. */
export function nameKind(path: string): string {
  const name = nameOf(path)
  if (name.startsWith('.')) return '.'
  // A longer end, or one with digits in most of it, is a part of the name.
  return /\.[a-z][a-z0-9]{0,4}$/i.exec(name)?.[0].toLowerCase() ?? ''
}

/**
 * What a file may do, by the kind of its name. Only `data` is harmless by itself: `unknown` has names without an extension
 * too, as programs have none.
 */
export type FileClass =
  | 'data'
  | 'executable'
  | 'interpreted'
  | 'configuration'
  | 'hidden'
  | 'unknown'

const classOfKind: ReadonlyMap<string, FileClass> = new Map([
  ['.', 'hidden'],
  ...(['executable', 'interpreted', 'configuration', 'data'] as const).flatMap((name) =>
    fileKinds[name]
      .trim()
      .split(/\s+/)
      .map((kind) => [kind, name] as const),
  ),
])

/**
 * Of the kind of a name ({@link nameKind}). A name without an extension may be removed as data is.
 */
export function fileClassOf(kind: string, isRemoved = false): FileClass {
  return isRemoved && kind === '' ? 'data' : (classOfKind.get(kind) ?? 'unknown')
}

/**
 * The kind by which a person decides on changes of files: `*` for data, whose kinds differ without harm. All else keeps its
 * kind.
 */
export function decidedKind(kind: string, isRemoved = false): string {
  return fileClassOf(kind, isRemoved) === 'data' ? '*' : kind
}
