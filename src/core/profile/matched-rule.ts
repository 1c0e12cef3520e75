import type { Access, Origin } from '../event/event-words.ts'
import type { Micros } from '../event/time.ts'
import { holds, parseAddress } from '../behaviour/address-block.ts'
import { ACCOUNTS_LEAST, anybodyKey } from '../behaviour/accounts.ts'
import type { Allowance } from './allowance.ts'
import { type BehaviourObject, type BehaviourRef, behaviourKey } from '../behaviour/behaviour.ts'
import type { ProfileReader } from './profile-reader.ts'
import { isDnsPeer } from '../behaviour/dns-name.ts'
import { wildcardOf } from '../behaviour/peer.ts'
import { drawnOf } from '../behaviour/ports.ts'
import { literalPath } from '../behaviour/shape.ts'
import { anyArguments, awayGroup, groupOf, plainObject, subjectOf } from '../behaviour/subject.ts'

type Now = () => Micros
/** The allowance that makes an event expected; `refused` if a person's rejection overrides any allowance. */
type MatchedRule = Allowance | 'refused' | undefined

/**
 * The allowance that makes the event expected: its own behaviour, or one that includes it; undefined where none does.
 * `now` is the time of the event. The order is that of {@link KernelProfile}.
 */
export function matchedRuleOf(
  known: ProfileReader,
  ref: BehaviourRef,
  now: Now,
): Allowance | undefined {
  const own = known.allowance(ref.key)
  if (own?.admits(ref, now) === true) {
    // A person may have rejected a shaped behaviour as part of another one.
    if (ref.literal === undefined || !known.patterns.anyRejected) return own
  }
  const cover =
    searched(known, ref, own, now) ??
    byWrite(known, ref, now) ??
    byRename(known, ref, now) ??
    byProgram(known, ref, now) ??
    byAccounts(known, ref, now) ??
    known.derived.covers(ref, now)
  return cover === 'refused' ? undefined : cover
}

/** Whether a person rejected it, so that it is not merely unknown. */
export function isRefused(known: ProfileReader, ref: BehaviourRef, now: Micros): boolean {
  const at = (): Micros => now
  const cover = searched(known, ref, known.allowance(ref.key), at) ?? byWrite(known, ref, at)
  return cover === 'refused'
}

/** To write a file one may have to create it: who is known to write it may create it. */
function byWrite(known: ProfileReader, ref: BehaviourRef, now: Now): MatchedRule {
  const { object } = ref
  if (object.kind !== 'file' || object.access !== 'create') return undefined
  const write = withAccess(ref, object, 'write')
  return searched(known, write, known.allowance(write.key), now)
}

/**
 * An actor that may create a file, and rename it away, may delete it: a file renamed onto another is gone as well.
 * Programs that write a replacement beside a file do so when they no longer need it.
 */
function byRename(known: ProfileReader, ref: BehaviourRef, now: Now): MatchedRule {
  const { object } = ref
  if (object.kind !== 'file' || object.access !== 'delete' || ref.fixed === true) return undefined
  const renamed = renamedAway(known, ref, object, now)
  if (renamed === undefined || renamed === 'refused') return renamed
  const made = matchedRuleOf(known, withAccess(ref, object, 'create'), now)
  return made === undefined ? undefined : renamed
}

type FileObject = Extract<BehaviourObject, { kind: 'file' }>

/** The rename that gives the name away, whatever to. */
function renamedAway(
  known: ProfileReader,
  ref: BehaviourRef,
  object: FileObject,
  now: Now,
): MatchedRule {
  const path = subjectOf(ref)
  const { actor, uid, origin, workload } = ref
  const group = groupOf({ actor, uid, object: { ...object, access: 'rename' } })
  if (path === undefined || group === undefined) return undefined
  const literal = known
    .byActor('file', actor.exe)
    .filter((one) => one.shape === undefined && groupOf(one) === group && renames(one, path))
  if (literal.some(({ rejected }) => rejected)) return 'refused'
  const at = now()
  const exact = literal.filter((one) => one.grantsAt(at, workload).includes(origin))
  if (exact.length > 0) return exact.reduce((a, b) => (b.id < a.id ? b : a))
  const { patterns } = known
  if (patterns.refused(group).some((refused) => refused.mayGiveAway(path))) return 'refused'
  return (
    patterns.shaped(group).find((one) => one.givesAway(path, origin, at, workload)) ??
    byWidening(known, awayGroup(group), origin, path)
  )
}

/** The behaviour that stands for what the kernel's profile could not hold as it is. */
function byWidening(
  known: ProfileReader,
  group: string,
  origin: Origin,
  subject: string,
): Allowance | undefined {
  const wide = known.patterns
    .widened(group)
    .find((one) => one.origin === origin && one.pattern.has(subject))
  return wide === undefined ? undefined : known.allowance(wide.key)
}

function renames({ object }: Allowance, path: string): boolean {
  return object.kind === 'file' && literalPath(object.path) === path
}

function withAccess(ref: BehaviourRef, object: FileObject, access: Access): BehaviourRef {
  const other = { ...object, access }
  return { ...ref, object: other, key: behaviourKey(ref.actor, ref.uid, other) }
}

/**
 * An actor that is expected to run a program with any arguments may run it with these. Arguments that a source does not
 * report are not a deviation.
 */
function byProgram(known: ProfileReader, ref: BehaviourRef, now: Now): MatchedRule {
  const { object, actor, uid } = ref
  if (object.kind !== 'exec') return undefined
  if (ref.unshared === true) {
    const runs = known.patterns.shaped(groupOf(ref) ?? '')
    return runs.find((run) => run.grantsAt(now(), ref.workload).includes(ref.origin))
  }
  if (object.args === undefined) return undefined
  const plain = anyArguments(object)
  const key = behaviourKey(actor, uid, plain)
  return searched(
    known,
    { key, actor, uid, object: plain, origin: ref.origin },
    known.allowance(key),
    now,
  )
}

/** A peer that DNS answers name: what is not decided by its name may be by a wildcard, then by its address. */
function byPeer(known: ProfileReader, ref: BehaviourRef, now: Now): MatchedRule {
  const { object, address } = ref
  if (object.kind !== 'connect' || !isDnsPeer(object.peer)) return byBlock(known, ref, now)
  const wildcard = byWildcard(known, ref, now)
  // What a client named in TLS is judged by that name alone.
  if (wildcard !== undefined || address === undefined) return wildcard
  // Before it had a name, or where no answer was seen, the address was known alone.
  return asked(known, ref, { ...object, peer: address }, now)
}

function byWildcard(known: ProfileReader, ref: BehaviourRef, now: Now): MatchedRule {
  const object = wildcardOf(ref.object)
  if (object === undefined) return undefined
  const key = behaviourKey(ref.actor, ref.uid, object)
  const wildcard = known.allowance(key)
  if (wildcard?.rejected === true) return 'refused'
  return wildcard?.admits({ ...ref, object, key }, now) === true ? wildcard : undefined
}

/** The answer for the same actor and another object. */
function asked(
  known: ProfileReader,
  ref: BehaviourRef,
  object: BehaviourObject,
  now: Now,
): MatchedRule {
  const key = behaviourKey(ref.actor, ref.uid, object)
  return searched(known, { ...ref, object, key }, known.allowance(key), now)
}

/** An actor that acts for several people may act for one more: with the same change of identity, and its own. */
function byAccounts(known: ProfileReader, ref: BehaviourRef, now: Now): MatchedRule {
  const { actor, origin, workload } = ref
  const key = anybodyKey(ref)
  if (key === undefined) return undefined
  const at = now()
  const alike = known
    .byActor('identity', actor.exe)
    .filter((one) => !one.rejected && anybodyKey(one) === key)
    .filter((one) => one.grantsAt(at, workload).includes(origin))
  return alike.length < ACCOUNTS_LEAST ? undefined : alike.reduce((a, b) => (b.id < a.id ? b : a))
}

function searched(
  known: ProfileReader,
  ref: BehaviourRef,
  own: Allowance | undefined,
  now: Now,
): MatchedRule {
  const exact = ref.literal === undefined ? own : literalOf(known, ref)
  if (exact?.rejected === true) return 'refused'
  // Arguments are never literal: others may follow behind the significant ones.
  const isArguments = ref.object.kind === 'exec' && ref.literal !== undefined
  if (!isArguments && exact?.admits(ref, now) === true) return exact
  if (ref.fixed === true) return undefined
  const drawn = drawnOf(ref.object)
  const byPorts = drawn === undefined ? undefined : byRange(known, ref, drawn, now)
  if (byPorts !== undefined) return byPorts
  const isOfNet = ref.object.kind === 'connect' && ref.object.protocol !== 'unix'
  return isOfNet ? byPeer(known, ref, now) : byPattern(known, ref, own, now)
}

/** The range of ports that an actor draws from, at that peer or address. */
function byRange(
  known: ProfileReader,
  ref: BehaviourRef,
  drawn: NonNullable<ReturnType<typeof drawnOf>>,
  now: Now,
): MatchedRule {
  const { object, actor, uid, origin, workload } = ref
  if (object.kind !== 'connect' && object.kind !== 'listen') return undefined
  const group = groupOf({ actor, uid, object: drawn })
  if (group === undefined) return undefined
  const { patterns } = known
  const port = String(object.port)
  if (patterns.refused(group).some((refused) => refused.concerns(port))) return 'refused'
  const at = now()
  return patterns.shaped(group).find((range) => range.takes(port, origin, at, workload))
}

/** The behaviour that is exactly this event, where the event also matches a shape. */
function literalOf(known: ProfileReader, ref: BehaviourRef): Allowance | undefined {
  return known.allowance(behaviourKey(ref.actor, ref.uid, plainObject(ref)))
}

function byPattern(
  known: ProfileReader,
  ref: BehaviourRef,
  own: Allowance | undefined,
  now: Now,
): MatchedRule {
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
  return found ?? byWidening(known, group, ref.origin, subject)
}

/** The smallest block that holds the address and has a decision or a grant for it. */
function byBlock(known: ProfileReader, ref: BehaviourRef, now: Now): MatchedRule {
  const group = groupOf(ref)
  const blocks = group === undefined ? [] : known.patterns.blocks(group)
  if (blocks.length === 0 || ref.address === undefined) return undefined
  const address = parseAddress(ref.address)
  if (address === undefined) return undefined
  for (const allowance of blocks) {
    if (allowance.block === undefined || !holds(allowance.block, address)) continue
    if (allowance.rejected) return 'refused'
    if (allowance.admits(ref, now)) return allowance
  }
  return undefined
}
