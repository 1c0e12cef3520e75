import type { BehaviourRef } from '../behaviour/behaviour.ts'
import type { ActEvent } from '../event/event.ts'
import type { ProfileReader } from '../profile/profile-reader.ts'
import { type Cause, causeOf } from './cause.ts'
import { placeClassOf } from './place-class.ts'
import { isInOpenSlot, mayMake } from './slot.ts'
import type { RiskFacts } from '../event/alert.ts'

/** Of several behaviours that one event shows, the one that changes something names the alert. */
export function mainRef(unexpected: readonly BehaviourRef[]): BehaviourRef | undefined {
  const changing = unexpected.find(
    ({ object }) => object.kind === 'file' && object.access !== 'read',
  )
  return changing ?? unexpected[0]
}

/** What the severity of a deviation depends on, before it is known what the replicas do. */
export function riskFactsOf(
  profile: ProfileReader | undefined,
  event: ActEvent,
  ref: BehaviourRef,
  cause: Cause = causeOf(ref),
): RiskFacts {
  const { access, placeClass: place } = cause
  const isKnown = (profile?.byActor(ref.object.kind, ref.actor.exe).length ?? 0) > 0
  return {
    access,
    place,
    actor: event.process.drift === true ? 'drift' : isKnown ? 'known' : 'new',
    origin: event.process.origin,
    drift: event.kind === 'exec' && event.exec.drift,
    shipped: event.kind === 'file' && event.file.shipped === true,
    usual:
      profile !== undefined && mayBeUsual(profile, event, ref, cause) && isInOpenSlot(profile, ref),
    local: isLocal(ref),
    leavesRoot: ref.object.kind === 'identity' && ref.object.from.uid === 0,
  }
}

/** Of files only those of the service's own data. */
function mayBeUsual(
  profile: ProfileReader,
  event: ActEvent,
  ref: BehaviourRef,
  { access, placeClass }: Cause,
): boolean {
  if (event.kind !== 'file') return access !== 'change' || placeClass === 'data'
  if (placeClass !== 'data') return false
  const { access: accesses, to } = event.file
  // A further name for a file that the program may make is no more than a copy of it.
  const isLink = to !== undefined && !accesses.includes('rename')
  return !isLink || (placeClassOf(to) === 'data' && mayMake(profile, ref, to))
}

/** With a peer on this machine. */
export function isLocal({ object, address }: BehaviourRef): boolean {
  if (object.kind === 'connect') return isLoopback(address ?? object.peer)
  return object.kind === 'listen' && isLoopback(object.address)
}

/** Unix sockets too: a guardrail is about those of the container's runtime. */
function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1' || /^[@/]/.test(address)
}
