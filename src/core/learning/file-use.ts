import type { Access, Origin } from '../event/event.ts'
import type { Micros } from '../event/time.ts'

/**
 * What is done to the names of a place. `own`: they are made there, and so may be written, read, renamed within it and
 * deleted as well; the others stand for themselves.
 */
export const placeClasses = ['own', 'read', 'delete'] as const
export type PlaceClass = (typeof placeClasses)[number] | 'rename'

/** One use of a file, as evidence has it. */
export interface FileUse {
  readonly path: string
  readonly access: Access
  readonly container: string
  readonly origin: Origin
  readonly acts: number
  readonly first: Micros
  readonly last: Micros
  /** Its folder had more names than are told apart: what it is called was one of a sample. */
  readonly folded?: boolean
}
