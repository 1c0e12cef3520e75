import { type BehaviourRef, behaviourKey } from './behaviour.ts'
import type { Patterns } from '../profile/profile-reader.ts'
import { anyArguments, groupOf } from './subject.ts'

/** With so many different arguments a program is held to be run with any. */
const ARGUMENTS_TOLD_APART = 16

/**
 * What an act that is not known as it is goes on record as. A program that was seen with many different arguments is
 * one that may have any: more of them are not told apart.
 */
export function recordedAs(patterns: Patterns, ref: BehaviourRef): BehaviourRef {
  const { object, actor, uid } = ref
  if (object.kind !== 'exec' || object.args === undefined) return ref
  if (patterns.shaped(groupOf(ref) ?? '').length < ARGUMENTS_TOLD_APART) return ref
  const plain = anyArguments(object)
  const { literal: _, ...rest } = ref
  return { ...rest, key: behaviourKey(actor, uid, plain), object: plain }
}
