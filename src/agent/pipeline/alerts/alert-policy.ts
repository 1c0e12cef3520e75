import type { ActEvent } from '../../../core/event/event.ts'
import { placeClassOf } from '../../../core/match/place-class.ts'
import type { Verdict } from '../../../core/match/verdict.ts'

export interface PolicyFacts {
  /** The profile has events of this kind by this executable: it is a usual program of the image. */
  readonly actorKnown: boolean
}

/**
 * Whether an unexpected event gets a separate alert. A program outside the profile raises an alert
 * when it starts. Its reads of libraries and settings of the image follow from that start and are
 * not a second finding; its reads of secrets and of data are. Of an operator's `exec` session only
 * reads of secrets are a finding. The profile records all of them. A guardrail always raises an alert; so does an event that the kernel stopped or should have
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
  // The start of a new program is one finding; its reads of secrets and of data are others.
  const classes = verdict.unexpected.flatMap(({ object }) =>
    object.kind === 'file' ? [placeClassOf(object.path)] : [],
  )
  if (classes.includes('secret')) return true
  if (event.process.origin === 'exec-in') return false
  if (classes.includes('data')) return true
  return facts.actorKnown || event.file.shipped !== true
}
