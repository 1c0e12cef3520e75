import type { Allowance } from '../profile/allowance.ts'
import type { ProfileReader } from '../profile/profile-reader.ts'
import { parseAddress } from '../behaviour/address-block.ts'
import type { BehaviourRef } from '../behaviour/behaviour.ts'
import { actorText, describeBehaviour, objectLine, objectText } from '../behaviour/describe.ts'
import { isDnsPeer } from '../behaviour/dns-name.ts'
import { compareText } from '../compare-text.ts'
import { LOOKED_AT } from './act-parts.ts'
import type { NearestBehaviour } from './verdict.ts'
import { plainObject } from '../behaviour/subject.ts'
import { userText } from '../behaviour/user.ts'

/** One more than a sentence names. */
const SHOWN = 4

const done = {
  exec: 'executed',
  connect: 'connected to',
  listen: 'listened on',
  identity: 'made the identity change',
  capability: 'used',
  syscall: 'called',
} as const

const accessed = {
  read: 'read',
  write: 'written to',
  create: 'created',
  delete: 'deleted',
  rename: 'renamed',
  setattr: 'changed attributes of',
  exec: 'mapped for execution',
} as const

const origins = {
  entrypoint: 'the service itself',
  init: 'an init step',
  probe: 'a health probe',
  'exec-in': 'an exec session',
} as const

function literalLine(ref: BehaviourRef): string {
  const { object, literal } = ref
  if (literal === undefined) return objectLine(object)
  if (object.kind === 'file') return `${object.access} ${literal.text}`
  if (object.kind === 'syscall') return `call ${object.name} ${literal.text}`
  return objectLine(plainObject(ref))
}

function commonPrefix(a: string, b: string): number {
  const end = Math.min(a.length, b.length)
  let i = 0
  while (i < end && a.charCodeAt(i) === b.charCodeAt(i)) i++
  return i
}

/** How close a behaviour of the same actor and kind is; higher is closer. */
function closeness(ref: BehaviourRef, other: Allowance): number {
  const a = ref.object
  const b = other.object
  let score = other.uid === ref.uid ? 1 : 0
  if (a.kind === 'file' && b.kind === 'file') {
    const prefix = commonPrefix(a.path, b.path)
    score += prefix * 4 + (a.access === b.access ? 2 : 0) + (a.path === b.path ? 4000 : 0)
  } else if (a.kind === 'connect' && b.kind === 'connect') {
    score += (a.peer === b.peer ? 8 : 0) + (a.port === b.port ? 4 : 0)
    score += a.protocol === b.protocol ? 2 : 0
  } else if (a.kind === 'listen' && b.kind === 'listen') {
    score += (a.port === b.port ? 8 : 0) + (a.protocol === b.protocol ? 2 : 0)
  } else if (a.kind === 'exec' && b.kind === 'exec') {
    score += (a.path === b.path ? 1000 : commonPrefix(a.path, b.path)) * 2
  }
  return score
}

/** Why the event is not allowed although the profile has the behaviour. */
function heldBack(ref: BehaviourRef, own: Allowance): string | undefined {
  const { decision } = own
  const text = literalLine(ref)
  if (decision?.kind === 'rejected') {
    const reason = decision.reason === undefined ? '' : `: ${decision.reason}`
    return `${decision.by} rejected this behaviour on ${decision.at}${reason}`
  }
  if (own.void) return undefined
  if (decision?.until !== undefined && own.grants.empty) {
    return `the approval of this behaviour ended at ${decision.until}`
  }
  const allowed = own.origins
  if (!allowed.includes(ref.origin)) {
    const others = allowed.map((origin) => origins[origin]).join(' and ')
    return `${actorText(ref.actor)} may ${text} only as part of ${others}, not of ${origins[ref.origin]}`
  }
  if (own.thresholds.length > 0) {
    const seen = own.grants.of(ref.origin).literals.toJSON().sort(compareText)
    return (
      `${never(ref)}; of the pattern ${objectText(own.object)} the profile has ` +
      `${seen.slice(0, 3).join(', ')}${seen.length > 3 ? ' and others' : ''}`
    )
  }
  return undefined
}

interface Reported {
  readonly reason: string
  /** Absent: nothing is near. */
  readonly nearest?: Allowance | undefined
}

function known(list: readonly Allowance[]): readonly Allowance[] {
  return list.slice(0, LOOKED_AT).filter((allowance) => !allowance.void)
}

/** The few closest of one actor's behaviours, closest first, found in one pass. */
function closest(ref: BehaviourRef, list: readonly Allowance[]): readonly Allowance[] {
  const best: { readonly allowance: Allowance; readonly score: number }[] = []
  const end = Math.min(list.length, LOOKED_AT)
  for (let i = 0; i < end; i++) {
    const allowance = list[i]
    if (allowance === undefined || allowance.void) continue
    const score = closeness(ref, allowance)
    let at = best.length
    while (at > 0 && before(score, allowance, best[at - 1])) at--
    if (at < SHOWN) best.splice(at, 0, { allowance, score })
    if (best.length > SHOWN) best.pop()
  }
  return best.map(({ allowance }) => allowance)
}

function before(
  score: number,
  allowance: Allowance,
  other: { readonly allowance: Allowance; readonly score: number } | undefined,
): boolean {
  if (other === undefined) return false
  return score > other.score || (score === other.score && allowance.id < other.allowance.id)
}

function never(ref: BehaviourRef): string {
  const { object, actor, uid } = ref
  const what =
    object.kind === 'file'
      ? `${accessed[object.access]} ${ref.literal?.text ?? objectText(object)}`
      : `${done[object.kind]} ${objectText(plainObject(ref))}`
  return `${actorText(actor)} (${userText(uid)}) has never ${what} in this image`
}

function byThisActor(ref: BehaviourRef, ranked: readonly Allowance[]): string {
  const { object } = ref
  if (object.kind === 'exec' || object.kind === 'connect' || object.kind === 'listen') {
    const names = [...new Set(ranked.map((allowance) => objectText(allowance.object)))]
    const more = names.length > 3 ? ' and others' : ''
    const verb = { exec: 'executes', connect: 'connects to', listen: 'listens on' }[object.kind]
    return `it normally ${verb} ${names.slice(0, 3).join(', ')}${more}`
  }
  const [first] = ranked
  return first === undefined ? '' : `its nearest known behaviour: ${objectLine(first.object)}`
}

const dnsPort = 53

/** Of a program that finds its peers by DNS alone: that it did not find this one so. */
function unnamed(profile: ProfileReader, { object, actor, address }: BehaviourRef): string {
  if (object.kind !== 'connect' || object.peer !== address) return ''
  if (parseAddress(address) === undefined || object.port === dnsPort) return ''
  let isByName = false
  for (const { object: other, void: isVoid } of profile
    .byActor('connect', actor.exe)
    .slice(0, LOOKED_AT)) {
    if (isVoid || other.kind !== 'connect' || other.port === dnsPort) continue
    if (parseAddress(other.peer) !== undefined) return ''
    isByName ||= isDnsPeer(other.peer)
  }
  return isByName ? '; no DNS answer of this container names it' : ''
}

function report(profile: ProfileReader, ref: BehaviourRef): Reported {
  const own = profile.allowance(ref.key)
  const held = own === undefined ? undefined : heldBack(ref, own)
  if (held !== undefined && own !== undefined)
    return { reason: held, nearest: own.void ? undefined : own }

  const same = known(profile.byObject(ref.object)).filter((other) => other.key !== ref.key)
  const otherUid = same.find(
    (other) => other.actor.exe === ref.actor.exe && other.actor.script === ref.actor.script,
  )
  if (otherUid !== undefined) {
    const reason = `${actorText(ref.actor)} may ${literalLine(ref)} only as ${userText(otherUid.uid)}, not as ${userText(ref.uid)}`
    return { reason, nearest: otherUid }
  }
  const [otherActor] = same
  if (otherActor !== undefined)
    return { reason: `${never(ref)}; ${actorText(otherActor.actor)} does`, nearest: otherActor }
  const ranked = closest(ref, profile.byActor(ref.object.kind, ref.actor.exe))
  if (ranked.length > 0) {
    const normally = `${byThisActor(ref, ranked)}${unnamed(profile, ref)}`
    return { reason: `${never(ref)}; ${normally}`, nearest: ranked[0] }
  }
  return { reason: `${never(ref)}${nothingElse[ref.object.kind] ?? ''}` }
}

const nothingElse: Partial<Record<BehaviourRef['object']['kind'], string>> = {
  exec: '; it executes no other program',
  file: '; it opens no other file',
}

/** The behaviour as a verdict names it. */
function named(b: Allowance): NearestBehaviour {
  const { id, object } = b
  return { id, kind: object.kind, object: objectText(object), text: describeBehaviour(b) }
}

/**
 * Sentences about why the behaviours are not expected, and the known behaviour nearest to the first
 * of them.
 */
export function explain(
  profile: ProfileReader | undefined,
  unexpected: readonly BehaviourRef[],
): { readonly reasons: readonly string[]; readonly nearest: NearestBehaviour | null } {
  if (profile === undefined) return { reasons: ['the image has no profile'], nearest: null }
  const reported = unexpected.map((ref) => report(profile, ref))
  const [nearest] = reported.flatMap((one) => one.nearest ?? [])
  return {
    reasons: reported.map(({ reason }) => reason),
    nearest: nearest === undefined ? null : named(nearest),
  }
}
