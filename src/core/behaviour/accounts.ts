import type { UserIds } from '../event/event.ts'
import { type Actor, type BehaviourObject, behaviourKey } from './behaviour.ts'
import { ACCOUNT_LEAST, accountOf, type User } from './user.ts'

/** Stands for any account in a rule of the kernel: no process has this id. As the kernel programs have it (abi.h). */
const ANYBODY = 0xffff_ffff

/** An actor that made the same change of identity for this many people makes it for one more as well. */
export const ACCOUNTS_LEAST = 3

type IdentityObject = Extract<BehaviourObject, { kind: 'identity' }>

/** The change of identity for anybody. Undefined where no account of people is in it, and for other kinds. */
export function ofAnybody(object: BehaviourObject): IdentityObject | undefined {
  if (object.kind !== 'identity') return undefined
  const { from, to } = object
  const isPersons = [from.uid, from.gid, to.uid, to.gid].some(isAccount)
  return isPersons ? { ...object, from: anybodyIn(from), to: anybodyIn(to) } : undefined
}

/** The key of the behaviour for anybody, by which those of one actor and user are alike. */
export function anybodyKey(behaviour: {
  readonly actor: Actor
  readonly uid: User
  readonly object: BehaviourObject
}): string | undefined {
  const object = ofAnybody(behaviour.object)
  return object === undefined ? undefined : behaviourKey(behaviour.actor, behaviour.uid, object)
}

function anybodyIn({ uid, gid }: UserIds): UserIds {
  return { uid: isAccount(uid) ? ANYBODY : uid, gid: isAccount(gid) ? ANYBODY : gid }
}

function isAccount(id: number): boolean {
  return accountOf(id) === ACCOUNT_LEAST
}
