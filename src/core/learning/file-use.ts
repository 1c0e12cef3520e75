import type { Access, Origin } from '../event/event-words.ts'
import type { Micros } from '../event/time.ts'

/** A system call that is about a file or folder: `call chroot`. */
export type CallUse = `call ${string}`

/**
 * The operations on the names of a place. `own`: the program creates them there, and so may write, read and delete
 * them, change their attributes, and rename them within the place. The others include only themselves. `socket`: it
 * connects to unix sockets of these names.
 */
export type PathPlaceClass = 'own' | 'read' | 'delete' | 'setattr' | 'socket' | CallUse
export type FilePlaceClass = PathPlaceClass | 'rename'
/** `connect`, `listen`: no place of files, but a range of ports; `name`: the DNS names below a domain. */
export type PlaceClass = FilePlaceClass | 'connect' | 'listen' | 'name'

/** What a program does with a path: an access to the file, a connection to the socket, or a call about it. */
export type PathUse = Access | 'connect' | CallUse

export function isCallUse(use: string): use is CallUse {
  return use.startsWith('call ')
}

/**
 * The name in a folder by which a call is about the folder itself: so such folders hold the same, as those of users do.
 */
export const ITSELF = '.'

export function underItself(path: string): string {
  return `${path}/${ITSELF}`
}

/** The path or template that {@link underItself} made of one; the same of any other. */
export function aboveItself(path: string): string {
  return path.endsWith(`/${ITSELF}`) ? path.slice(0, -ITSELF.length - 1) : path
}

/** Parts of a path that can be known as made: those below them are not. */
export const MADE_PARTS = 30

/** One use of a file, as evidence has it. */
export interface FileUse {
  readonly path: string
  readonly access: PathUse
  readonly container: string
  readonly origin: Origin
  readonly acts: number
  readonly first: Micros
  readonly last: Micros
  /** Its folder had more names than are distinguished: the name is one of a sample. */
  readonly folded?: boolean
  /** The parts of the path that programs of the image make, this one or another: a bit each, the first of them 1. */
  readonly made?: number
}
