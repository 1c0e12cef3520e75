import { SnugError } from '../../../errors.ts'
import type { ActEvent } from '../../../core/event/event.ts'
import { holds, parseAddress, parseBlock } from '../../../core/behaviour/address-block.ts'
import {
  behaviourId,
  behaviourKey,
  type BehaviourId,
  behavioursOf,
  type BehaviourRef,
  workloadText,
} from '../../../core/behaviour/behaviour.ts'
import { plainObject } from '../../../core/behaviour/subject.ts'
import { microsOf } from '../../../core/event/time.ts'
import type { ModeDecision } from '../../../core/lifecycle/mode-decision.ts'
import type { ProfileReader } from '../../../core/profile/profile-reader.ts'
import type { DecisionInput } from '../../../core/profile/entry-decisions.ts'
import type { Grant } from '../../../core/profile/profile-entry.ts'
import type { DeployedVersion } from '../../records/versions/deployed-version.ts'
import type { Decider } from '../../../api/engine.ts'

export function decisionOf(by: Decider, nowMs: number): DecisionInput {
  const at = by.at ?? new Date(nowMs).toISOString()
  const base = { kind: 'approved', by: by.who, at } as const
  return by.reason === undefined ? base : { ...base, reason: by.reason }
}

/** Records the mode that a person decided on. The fleet receives decisions made on this node. */
export function recordModeDecision(
  version: DeployedVersion,
  { mode, canary = {} }: Pick<ModeDecision, 'mode' | 'canary'>,
  { who, at, reason }: Decider,
  nowMs: number,
): void {
  const isChosen = canary.fraction !== undefined || canary.forMs !== undefined
  const word: ModeDecision = {
    mode,
    by: who,
    at: at ?? new Date(nowMs).toISOString(),
    ...(reason === undefined ? {} : { reason }),
    ...(isChosen ? { canary } : {}),
  }
  version.modeDecisions =
    at === undefined ? { own: word, done: word } : { ...version.modeDecisions, done: word }
  version.changed = true
}

/** Approves everything that the event showed, in the form observed so far. */
export function allowEvent(
  version: DeployedVersion,
  event: ActEvent,
  decision: DecisionInput,
): readonly BehaviourId[] {
  const { profile } = version
  const refs = behavioursOf(event, profile.shaper)
  const ids = refs.map((ref) => behaviourId(ref.key))
  // A full review queue may have kept this event out of the profile.
  if (!ids.every((id) => profile.has(id))) profile.observe(event, refs, { phase: 'later' })
  for (const id of ids) profile.decide(id, decision)
  return ids
}

/**
 * Rejects the unexpected behaviours of the event, or all of them if the profile expects them all by
 * now. Where other objects of the same shape are allowed, it rejects only this exact object.
 */
export function rejectEvent(
  version: DeployedVersion,
  event: ActEvent,
  decision: DecisionInput,
): readonly BehaviourId[] {
  const { profile } = version
  const refs = behavioursOf(event, profile.shaper)
  const now = microsOf(event.time)
  const odd = refs.filter((ref) => !profile.isExpected(ref, now))
  return (odd.length > 0 ? odd : refs).map((ref) => {
    const own = profile.allowance(ref.key)
    const object = own === undefined || own.void ? ref.object : plainObject(ref)
    const { actor, uid } = ref
    const id = behaviourId(behaviourKey(actor, uid, object))
    if (!profile.decide(id, decision)) {
      const entry = { schema: 'snug.behaviour/v1', id, actor, uid, object, cells: [] } as const
      profile.merge([{ ...entry, decision: { ...decision, grants: [] } }])
    }
    return id
  })
}

/** Whether a person rejected the behaviour, or this exact object of its shape. */
export function wasRejected(known: ProfileReader, ref: BehaviourRef): boolean {
  if (known.allowance(ref.key)?.rejected === true) return true
  if (ref.literal === undefined) return false
  return known.allowance(behaviourKey(ref.actor, ref.uid, plainObject(ref)))?.rejected === true
}

/** Errors: DECISION_INVALID where the event names no workload. */
export function workloadOf(event: ActEvent): string {
  if (event.workload !== undefined) return workloadText(event.workload)
  throw new SnugError('DECISION_INVALID', 'the workload of the container is unknown')
}

/**
 * Approves the connection to every address of a block. The block is a separate behaviour that only
 * a person can add.
 *
 * Errors: DECISION_INVALID if it is no connection, no block of addresses, or the block lacks its
 * address.
 */
export function allowBlock(
  version: DeployedVersion,
  event: ActEvent,
  peer: string,
  decision: DecisionInput,
): BehaviourId {
  const { profile } = version
  const cidr = blockFor(event, peer)
  const [ref] = behavioursOf(event, profile.shaper)
  if (ref?.object.kind !== 'connect') throw notAConnection()
  const { actor, uid } = ref
  const object = { ...ref.object, peer: cidr }
  const id = behaviourId(behaviourKey(actor, uid, object))
  const grants = withOrigin(profile.entry(id)?.decision?.grants ?? [], ref)
  profile.merge([
    {
      schema: 'snug.behaviour/v1',
      id,
      actor,
      uid,
      object,
      cells: [],
      decision: { ...decision, grants },
    },
  ])
  return id
}

function blockFor(event: ActEvent, peer: string): string {
  if (event.kind !== 'connect' || event.connect.protocol === 'unix') throw notAConnection()
  if (event.connect.serverName !== undefined) throw namesServer()
  const block = parseBlock(peer)
  if (block === undefined) {
    const how = 'is not an address block such as `10.0.0.0/8`'
    throw new SnugError('DECISION_INVALID', `\`${peer}\` ${how}`)
  }
  const { address } = event.connect
  const parsed = parseAddress(address)
  if (parsed === undefined || !holds(block, parsed)) {
    throw new SnugError('DECISION_INVALID', `\`${address}\` is not in \`${block.cidr}\``)
  }
  return block.cidr
}

function withOrigin(grants: readonly Grant[], { origin }: BehaviourRef): readonly Grant[] {
  return grants.some((grant) => grant.origin === origin) ? grants : [...grants, { origin }]
}

function notAConnection(): SnugError {
  return new SnugError(
    'DECISION_INVALID',
    'only an alert about a connection to an address accepts a peer',
  )
}

function namesServer(): SnugError {
  return new SnugError(
    'DECISION_INVALID',
    'this connection is judged by the server that it names in TLS, and not by its address',
  )
}
