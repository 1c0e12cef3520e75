import type { ProcessRef } from '../event/event.ts'

/**
 * The user in a behaviour: `declared` for the user that the image or pod declares, whatever its uid
 * in this container; 0 is root; others are identified by their uid.
 */
export type User = number | 'declared'

/** The highest valid uid of a process: the value above it is reserved. */
export const MAX_UID = 0xffff_fffe

/** Root stays root, even if the container declares it as its user. */
export function userOf({ uid, declaredUser }: ProcessRef): User {
  return declaredUser === true && uid !== 0 ? 'declared' : uid
}

/** A process that runs as that user; for the declared user, any uid except root's. */
export function idsOf(user: User): Pick<ProcessRef, 'uid' | 'declaredUser'> {
  return user === 'declared' ? { uid: 1_000, declaredUser: true } : { uid: user }
}

/** As in `as uid 101`. */
export function userText(user: User): string {
  return user === 'declared' ? 'the declared user' : `uid ${user}`
}
