import type { Micros } from '../event/time.ts'
import type { Admission, Known } from './admission.ts'
import { type BehaviourRef, behaviourKey } from './behaviour.ts'

/** To write a file one may have to create it: who is known to write it may create it. */
function byWrite(known: Known, ref: BehaviourRef, now: () => Micros): Admission | undefined {
  const { object } = ref
  if (object.kind !== 'file' || object.access !== 'create') return undefined
  const write = { ...object, access: 'write' } as const
  const key = behaviourKey(ref.actor, ref.uid, write)
  const admission = known.admission(key)
  return admission?.admits({ ...ref, object: write, key }, now) === true ? admission : undefined
}

/**
 * Of random names some look like a word or a number: mkstemp's `abcdef`, a hash without a letter. They are
 * never learned as random, but a pattern that is open to their type takes them.
 */
function byChance(known: Known, ref: BehaviourRef, now: () => Micros): Admission | undefined {
  const { object } = ref
  if (object.kind !== 'file' || object.to !== undefined || ref.fixed === true) return undefined
  const text = ref.literal?.text ?? object.path
  const shape = known.shaper.looseShape(text)
  if (shape === undefined || shape.path === object.path) return undefined
  const loose = { ...object, path: shape.path }
  const key = behaviourKey(ref.actor, ref.uid, loose)
  const admission = known.admission(key)
  if (admission === undefined) return undefined
  const literal = { text, values: shape.values }
  return admission.admits({ ...ref, object: loose, key, literal }, now) ? admission : undefined
}

/**
 * What in the profile makes the act expected: its own behaviour, or one that includes it; undefined where
 * nothing does. `now` is the time of the act.
 */
export function coverOf(known: Known, ref: BehaviourRef, now: () => Micros): Admission | undefined {
  const own = known.admission(ref.key)
  if (own?.admits(ref, now) === true) return own
  // A person said no to exactly this: nothing wider says yes to it.
  if (own?.decision?.kind === 'rejected') return undefined
  return byWrite(known, ref, now) ?? byChance(known, ref, now)
}
