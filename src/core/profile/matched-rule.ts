import type { Access } from '../event/event.ts'
import type { Micros } from '../event/time.ts'
import { holds, parseAddress } from '../behaviour/address-block.ts'
import type { Admission } from './allowance.ts'
import { type BehaviourObject, type BehaviourRef, behaviourKey } from '../behaviour/behaviour.ts'
import type { Known } from './profile-reader.ts'
import { literalPath } from '../behaviour/shape.ts'
import { anyArguments, groupOf, plainObject, subjectOf } from '../behaviour/subject.ts'

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
    searched(known, ref, own, now) ??
    byWrite(known, ref, now) ??
    byRename(known, ref, now) ??
    byProgram(known, ref, now)
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
  const write = withAccess(ref, object, 'write')
  return searched(known, write, known.admission(write.key), now)
}

/**
 * Whoever may make a file, and give its name away, may delete it: renamed onto another it is as gone. So do all who
 * write a file beside the one that it is to replace, and find that they need it no more.
 */
function byRename(known: Known, ref: BehaviourRef, now: Now): Cover {
  const { object } = ref
  if (object.kind !== 'file' || object.access !== 'delete' || ref.fixed === true) return undefined
  const renamed = givenAway(known, ref, object, now)
  if (renamed === undefined || renamed === 'refused') return renamed
  const made = coverOf(known, withAccess(ref, object, 'create'), now)
  return made === undefined ? undefined : renamed
}

type FileObject = Extract<BehaviourObject, { kind: 'file' }>

/** The rename that gives the name away, whatever to. */
function givenAway(known: Known, ref: BehaviourRef, object: FileObject, now: Now): Cover {
  const path = subjectOf(ref)
  const { actor, uid, origin, workload } = ref
  const group = groupOf({ actor, uid, object: { ...object, access: 'rename' } })
  if (path === undefined || group === undefined) return undefined
  const literal = known
    .byActor('file', actor.exe)
    .filter((one) => one.shape === undefined && groupOf(one) === group && renames(one, path))
  if (literal.some(({ rejected }) => rejected)) return 'refused'
  const at = now()
  const exact = literal.filter((one) => one.grantsAt(at, workload).origins.includes(origin))
  if (exact.length > 0) return exact.reduce((a, b) => (b.id < a.id ? b : a))
  const { patterns } = known
  if (patterns.refused(group).some((refused) => refused.mayGiveAway(path))) return 'refused'
  return patterns.shaped(group).find((one) => one.givesAway(path, origin, at, workload))
}

function renames({ object }: Admission, path: string): boolean {
  return object.kind === 'file' && literalPath(object.path) === path
}

function withAccess(ref: BehaviourRef, object: FileObject, access: Access): BehaviourRef {
  const other = { ...object, access }
  return { ...ref, object: other, key: behaviourKey(ref.actor, ref.uid, other) }
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
