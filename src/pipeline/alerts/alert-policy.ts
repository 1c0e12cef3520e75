import type { ActEvent } from '../../core/event/event.ts'
import { placeClassOf } from '../../core/match/place-class.ts'
import type { Verdict } from '../../core/match/verdict.ts'

export interface PolicyFacts {
  /** The profile knows acts of this kind by this executable: it is one of the image's usual programs. */
  readonly actorKnown: boolean
}

/**
 * Whether an act that was not expected gets an alert of its own.
 *
 * A program that has no place in the profile is alerted on when it is started. That it then reads its
 * libraries and other files of the image is the consequence of that one alert and not a second finding;
 * so is what an operator's `exec` session reads. Both are on record in the profile, and what a guardrail
 * names is always an alert, and what was stopped, or should have been.
 */
export function deservesAlert(event: ActEvent, verdict: Verdict, facts: PolicyFacts): boolean {
  if (verdict.outcome !== 'deviation' || verdict.guardrails.length > 0) {
    return verdict.guardrails.length > 0
  }
  if (event.kind !== 'file' || event.enforced !== undefined) return true
  const onlyReads = verdict.unexpected.every(
    ({ object }) => object.kind === 'file' && object.access === 'read',
  )
  if (!onlyReads) return true
  // That a new program is known to run does not answer what of value it reads.
  const isSecret = verdict.unexpected.some(
    ({ object }) => object.kind === 'file' && placeClassOf(object.path) === 'secret',
  )
  if (isSecret) return true
  if (event.process.origin === 'exec-in') return false
  return facts.actorKnown || event.file.shipped !== true
}
