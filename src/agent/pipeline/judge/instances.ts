import type { BehaviourRef } from '../../../core/behaviour/behaviour.ts'
import type { RiskFacts } from '../../../core/event/alert.ts'
import type { ActEvent } from '../../../core/event/event.ts'
import { instanceGroup } from '../../../core/match/cause.ts'
import { riskOf } from '../../../core/match/risk.ts'
import { instanceOf } from '../../../core/match/slot.ts'
import type { FindingCause } from '../alerts/finding.ts'
import type { Judged } from './findings.ts'

export interface InInstance {
  readonly cause: FindingCause
  readonly reason: string
}

/**
 * The deviation as one of all that a service does in a new folder as the window showed of it in one beside. Undefined for
 * what has an alert by itself: a session, a foreign program, a guardrail, what the kernel stopped, code and settings. And
 * for novelty, which shares an alert in any case. A link or a rename is about two files: both have to be in the folder.
 */
export function inInstance(
  { event, verdict, version }: Judged,
  found: FindingCause,
  ref: BehaviourRef,
  risk: RiskFacts,
): InInstance | undefined {
  if (version === undefined || verdict.guardrails.length > 0 || riskOf(risk) === 'low')
    return undefined
  const { access, place, actor, origin } = risk
  if (access !== 'change' || place !== 'data' || actor !== 'known') return undefined
  if (origin === 'exec-in' || event.enforced !== undefined) return undefined
  const instance = instanceOf(version.profile, ref)
  const group = instance && instanceGroup(ref, instance.folder)
  if (instance === undefined || group === undefined) return undefined
  const { folder, beside } = instance
  if (!isWithin(event, folder)) return undefined
  return {
    cause: { ...found, cause: { ...found.cause, group }, instance: folder },
    reason: `all that it does below \`${folder}\` as below \`${beside}\` shares this alert`,
  }
}

function isWithin(event: ActEvent, folder: string): boolean {
  if (event.kind !== 'file') return false
  const { path, to = path } = event.file
  return path.startsWith(folder) && to.startsWith(folder)
}
