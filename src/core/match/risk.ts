import type { BehaviourRef } from '../behaviour/behaviour.ts'
import type { RiskFacts } from '../event/alert.ts'
import {
  type CauseAccess,
  type PlaceClass,
  severities,
  type Severity,
} from '../event/alert-words.ts'
import type { ActEvent } from '../event/event.ts'
import type { ProfileReader } from '../profile/profile-reader.ts'
import { type Cause, causeOf } from './cause.ts'
import { graver } from './guardrail.ts'
import { placeClassOf } from './place-class.ts'
import { isInOpenSlot, mayMake } from './slot.ts'

/** Before anything else is considered. `docs/alerts.md` shows it; a test holds the two together. */
export const riskTable: Readonly<Record<CauseAccess, Readonly<Record<PlaceClass, Severity>>>> = {
  read: row('low', 'low', 'medium'),
  change: row('low', 'medium', 'high'),
  map: row('medium', 'medium', 'medium'),
  run: row('medium', 'medium', 'medium'),
  connect: row('low', 'medium', 'medium'),
  listen: row('low', 'medium', 'medium'),
  identity: row('medium', 'medium', 'medium'),
  capability: row('medium', 'medium', 'medium'),
  syscall: row('medium', 'medium', 'medium'),
}

/** Data, system and code have one severity. */
function row(
  temporary: Severity,
  other: Severity,
  secret: Severity,
): Readonly<Record<PlaceClass, Severity>> {
  return { temporary, data: other, system: other, code: other, secret }
}

/** Only a guardrail is critical. */
const most = severities.indexOf('high')

/** The severity of a deviation that trips no guardrail. Pure; documented in `docs/alerts.md`. */
export function riskOf(facts: RiskFacts): Severity {
  const { access, place, actor, drift, replicas } = facts
  const raised = Number(drift || actor === 'drift') + Number(replicas === 'few')
  const step = raised - Number(isHarmless(facts))
  const at = severities.indexOf(riskTable[access][place]) + step
  return severities[Math.min(most, Math.max(at, leastOf(facts)))] ?? 'low'
}

/** The severity of several deviations together. */
export function gravestOf(risks: readonly RiskFacts[]): Severity {
  return risks.map(riskOf).reduce((a, b) => (graver(b, a) > 0 ? b : a), 'low')
}

/** One reason is enough; several are not less than one. */
function isHarmless(facts: RiskFacts): boolean {
  const { access, actor, origin, drift, shipped, usual, local, leavesRoot } = facts
  if (leavesRoot || local) return true
  // Events of a session are no habit of the service.
  if (origin === 'exec-in' || drift || actor === 'drift') return false
  if (usual) return true
  return access === 'map' && shipped
}

/** Below it nothing lowers the severity. */
function leastOf({ access, place, actor, drift }: RiskFacts): number {
  if (drift || (access === 'run' && actor === 'drift')) return severities.indexOf('high')
  const isSecret = place === 'secret' && (access === 'read' || access === 'change')
  return isSecret ? severities.indexOf('medium') : 0
}

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
