import type { ActEvent } from '../../core/event/event.ts'
import { placeClassOf } from '../../core/match/place-class.ts'
import type { Verdict } from '../../core/match/verdict.ts'

export interface PolicyFacts {
  /** The profile has events of this kind by this executable: it is a usual program of the image. */
  readonly actorKnown: boolean
}

/**
 * Whether an unexpected event gets a separate alert. A program outside the profile raises an alert
 * when it starts. Its reads of libraries and other files follow from that start and are not a
 * second finding. The same holds for reads of an operator's `exec` session. The profile records
 * both. A guardrail always raises an alert; so does an event that the kernel stopped or should have
 * stopped.
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
  // The start of a new program is one finding; its reads of secrets are another.
  const isSecret = verdict.unexpected.some(
    ({ object }) => object.kind === 'file' && placeClassOf(object.path) === 'secret',
  )
  if (isSecret) return true
  if (event.process.origin === 'exec-in') return false
  return facts.actorKnown || event.file.shipped !== true
}
