import type { ProcessRef } from '../event/event.ts'

/**
 * Whose act it was, as a behaviour names it: `declared` for the user that the image or pod declares, whatever its uid
 * is in this container; 0 is root; all others are told apart by their uid.
 */
export type User = number | 'declared'

/** The highest uid that a process can have: the one above it is none. */
export const MAX_UID = 0xffff_fffe

/** Root is root, also where it is what was declared. */
export function userOf({ uid, declaredUser }: ProcessRef): User {
  return declaredUser === true && uid !== 0 ? 'declared' : uid
}

/** A process that acts as that user; of the declared one any uid but root's will do. */
export function idsOf(user: User): Pick<ProcessRef, 'uid' | 'declaredUser'> {
  return user === 'declared' ? { uid: 1_000, declaredUser: true } : { uid: user }
}

/** As in `as uid 101`. */
export function userText(user: User): string {
  return user === 'declared' ? 'the declared user' : `uid ${user}`
}
