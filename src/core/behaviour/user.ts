import type { ProcessRef } from '../event/event.ts'

/**
 * The user in a behaviour: `declared` for the user that the image or pod declares, whatever its uid
 * in this container; 0 is root; accounts of people are one ({@link accountOf}); others are identified by their uid.
 */
export type User = number | 'declared'

/** The highest valid uid of a process: the value above it is reserved. */
export const MAX_UID = 0xffff_fffe

/**
 * Uids and gids that systems give to people: `UID_MIN` and `UID_MAX` of login.defs, the same on all distributions.
 * Those of services lie below, and those of orchestrators above. As the kernel programs have them (agent/include/abi.h).
 */
export const ACCOUNT_LEAST = 1_000
export const ACCOUNT_MOST = 60_000

/**
 * People come and go: who of them a program acts for makes no other behaviour. The least id stands for all of theirs.
 */
export function accountOf(id: number): number {
  return id >= ACCOUNT_LEAST && id <= ACCOUNT_MOST ? ACCOUNT_LEAST : id
}

/** Root stays root, even if the container declares it as its user. */
export function userOf({ uid, declaredUser }: ProcessRef): User {
  return declaredUser === true && uid !== 0 ? 'declared' : accountOf(uid)
}

/** {@link userOf} of what was stored before accounts were one. */
export function userOfStored(user: User): User {
  return user === 'declared' ? user : accountOf(user)
}

/** A process that runs as that user; for the declared user, any uid except root's. */
export function idsOf(user: User): Pick<ProcessRef, 'uid' | 'declaredUser'> {
  return user === 'declared' ? { uid: 1_000, declaredUser: true } : { uid: user }
}

/** As in `as uid 101`. */
export function userText(user: User): string {
  if (user === 'declared') return 'the declared user'
  return user === ACCOUNT_LEAST
    ? `an account (uid ${ACCOUNT_LEAST} to ${ACCOUNT_MOST})`
    : `uid ${user}`
}
