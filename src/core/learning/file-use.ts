import type { Access, Origin } from '../event/event.ts'
import type { Micros } from '../event/time.ts'

/**
 * The operations on the names of a place. `own`: the program creates them there, and so may write, read and delete
 * them, and rename them within the place. The others include only themselves.
 */
export const placeClasses = ['own', 'read', 'delete'] as const
export type FilePlaceClass = (typeof placeClasses)[number] | 'rename'
/** `connect`, `listen`: no place of files, but a range of ports. */
export type PlaceClass = FilePlaceClass | 'connect' | 'listen'

/** One use of a file, as evidence has it. */
export interface FileUse {
  readonly path: string
  readonly access: Access
  readonly container: string
  readonly origin: Origin
  readonly acts: number
  readonly first: Micros
  readonly last: Micros
  /** Its folder had more names than are distinguished: the name is one of a sample. */
  readonly folded?: boolean
}
