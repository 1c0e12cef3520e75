import { type BehaviourRef, behaviourKey } from './behaviour.ts'
import type { Patterns } from '../profile/profile-reader.ts'
import type { Shaper } from './shape.ts'
import { groupOf } from './subject.ts'

/** After this many different argument lists, words of shell code that vary are folded. */
const ARGUMENTS_TOLD_APART = 16

/**
 * How an unknown event is recorded. Of a shell that was seen with many different arguments, words
 * that are only arguments of its code, and varied, may be any: no form admits another command, or
 * other code of other interpreters.
 */
export function recordedAs(patterns: Patterns, shaper: Shaper, ref: BehaviourRef): BehaviourRef {
  const { object, actor, uid, literal } = ref
  if (object.kind !== 'exec' || object.args === undefined || literal === undefined) return ref
  const others = patterns.shaped(groupOf(ref) ?? '')
  if (others.length < ARGUMENTS_TOLD_APART) return ref
  const runs = others.flatMap((one) => (one.object.kind === 'exec' ? [one.object] : []))
  const shaped = shaper.foldArguments(object, literal.values, runs)
  if (shaped === undefined) return ref
  const folded = { ...object, args: shaped.path }
  return {
    ...ref,
    key: behaviourKey(actor, uid, folded),
    object: folded,
    literal: { ...literal, values: shaped.values },
  }
}
