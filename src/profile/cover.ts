import type { Micros } from '../event/time.ts'
import { holds, parseAddress } from './address-block.ts'
import type { Admission } from './admission.ts'
import { type BehaviourRef, behaviourKey } from './behaviour.ts'
import type { Known } from './known.ts'
import { anyArguments, groupOf, plainObject, subjectOf } from './subject.ts'

type Now = () => Micros
/** What makes it expected; `refused` where a person's word goes before whatever would. */
type Cover = Admission | 'refused' | undefined

/**
 * What in the profile makes the act expected: its own behaviour, or one that includes it; undefined where
 * nothing does. `now` is the time of the act. The order is that of {@link KernelProfile}.
 */
export function coverOf(known: Known, ref: BehaviourRef, now: Now): Admission | undefined {
  const own = known.admission(ref.key)
  if (own?.admits(ref, now) === true) {
    // What is shaped, a person may have rejected as part of something else.
    if (ref.literal === undefined || !known.patterns.anyRejected) return own
  }
  const cover =
    searched(known, ref, own, now) ?? byWrite(known, ref, now) ?? byProgram(known, ref, now)
  return cover === 'refused' ? undefined : cover
}

/** Whether a person's word is against it, so that it is not merely unknown. */
export function isRefused(known: Known, ref: BehaviourRef, now: Micros): boolean {
  const at = (): Micros => now
  const cover = searched(known, ref, known.admission(ref.key), at) ?? byWrite(known, ref, at)
  return cover === 'refused'
}

/** To write a file one may have to create it: who is known to write it may create it. */
function byWrite(known: Known, ref: BehaviourRef, now: Now): Cover {
  const { object } = ref
  if (object.kind !== 'file' || object.access !== 'create') return undefined
  const write = { ...object, access: 'write' } as const
  const key = behaviourKey(ref.actor, ref.uid, write)
  return searched(known, { ...ref, object: write, key }, known.admission(key), now)
}

/** Who is known to run a program with any arguments may run it with these; what a source does not tell is not held against it. */
function byProgram(known: Known, ref: BehaviourRef, now: Now): Cover {
  const { object, actor, uid } = ref
  if (object.kind !== 'exec') return undefined
  if (ref.untold === true) {
    const runs = known.patterns.shaped(groupOf(ref) ?? '')
    return runs.find((run) => run.grantsAt(now(), ref.workload).origins.includes(ref.origin))
  }
  if (object.args === undefined) return undefined
  const plain = anyArguments(object)
  const key = behaviourKey(actor, uid, plain)
  return searched(
    known,
    { key, actor, uid, object: plain, origin: ref.origin },
    known.admission(key),
    now,
  )
}

function searched(known: Known, ref: BehaviourRef, own: Admission | undefined, now: Now): Cover {
  const exact = ref.literal === undefined ? own : literalOf(known, ref)
  if (exact?.rejected === true) return 'refused'
  // Arguments are never literal: behind those that tell there may be others.
  const isArguments = ref.object.kind === 'exec' && ref.literal !== undefined
  if (!isArguments && exact?.admits(ref, now) === true) return exact
  if (ref.fixed === true) return undefined
  return ref.object.kind === 'connect' ? byBlock(known, ref, now) : byPattern(known, ref, own, now)
}

/** The behaviour that is exactly this act, where the act also is one of a shape. */
function literalOf(known: Known, ref: BehaviourRef): Admission | undefined {
  return known.admission(behaviourKey(ref.actor, ref.uid, plainObject(ref)))
}

function byPattern(known: Known, ref: BehaviourRef, own: Admission | undefined, now: Now): Cover {
  const subject = subjectOf(ref)
  const group = groupOf(ref)
  if (subject === undefined || group === undefined) return undefined
  const { patterns } = known
  if (patterns.refused(group).some((refused) => refused.concerns(subject))) return 'refused'
  if (own?.admits(ref, now) === true) return own
  const at = now()
  const found = patterns
    .shaped(group)
    .find((shaped) => shaped.takes(subject, ref.origin, at, ref.workload))
  if (found !== undefined) return found
  const wide = patterns
    .widened(group)
    .find(({ origin, pattern }) => origin === ref.origin && pattern.has(subject))
  return wide === undefined ? undefined : known.admission(wide.key)
}

/** Of the blocks that hold the address the smallest that has a say. */
function byBlock(known: Known, ref: BehaviourRef, now: Now): Cover {
  const group = groupOf(ref)
  const blocks = group === undefined ? [] : known.patterns.blocks(group)
  if (blocks.length === 0 || ref.address === undefined) return undefined
  const address = parseAddress(ref.address)
  if (address === undefined) return undefined
  for (const admission of blocks) {
    if (admission.block === undefined || !holds(admission.block, address)) continue
    if (admission.rejected) return 'refused'
    if (admission.admits(ref, now)) return admission
  }
  return undefined
}
