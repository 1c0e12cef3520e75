import { type BehaviourRef, behaviourKey } from './behaviour.ts'
import type { Patterns } from '../profile/profile-reader.ts'
import type { Shaper } from './shape.ts'
import { groupOf } from './subject.ts'

/** After this many different argument lists, words of shell code that are arguments are folded. */
const ARGUMENTS_TOLD_APART = 16

/**
 * How an unknown event is recorded. Of a shell that was seen with many different arguments, words
 * that are only arguments of its code may be any: no form admits another command, or other code of
 * other interpreters.
 */
export function recordedAs(patterns: Patterns, shaper: Shaper, ref: BehaviourRef): BehaviourRef {
  const { object, actor, uid, literal } = ref
  if (object.kind !== 'exec' || object.args === undefined || literal === undefined) return ref
  if (patterns.shaped(groupOf(ref) ?? '').length < ARGUMENTS_TOLD_APART) return ref
  const args = shaper.foldArguments(object.path, object.args)
  if (args === undefined) return ref
  const folded = { ...object, args }
  return {
    ...ref,
    key: behaviourKey(actor, uid, folded),
    object: folded,
    literal: { ...literal, values: [] },
  }
}
