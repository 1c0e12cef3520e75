import { type BehaviourRef, behaviourKey } from './behaviour.ts'
import type { Patterns } from '../profile/profile-reader.ts'
import { anyArguments, groupOf } from './subject.ts'

/** After this many different argument lists, a program is recorded as run with any arguments. */
const ARGUMENTS_TOLD_APART = 16

/**
 * How an unknown event is recorded. A program that was seen with many different arguments may have
 * any: further ones are not recorded separately.
 */
export function recordedAs(patterns: Patterns, ref: BehaviourRef): BehaviourRef {
  const { object, actor, uid } = ref
  if (object.kind !== 'exec' || object.args === undefined) return ref
  if (patterns.shaped(groupOf(ref) ?? '').length < ARGUMENTS_TOLD_APART) return ref
  const plain = anyArguments(object)
  const { literal: _, ...rest } = ref
  return { ...rest, key: behaviourKey(actor, uid, plain), object: plain }
}
