import { imageKey } from '../../../core/event/image-key.ts'
import type { ImageRef } from '../../../core/event/event.ts'
import type { ErrorCode } from '../../../errors.ts'
import type { Finding } from './finding.ts'
import type { Teller } from './enforcement-findings.ts'

/** A registry that does not answer is a fault; a changed profile is an attack. */
const grave: ReadonlySet<ErrorCode> = new Set(['SIGNATURE_BROKEN', 'ATTESTATION_OF_ANOTHER'])

/** The agent refused the profile of an image: the version learns as if there were none. */
export function refusedProfileFinding(
  image: ImageRef,
  code: ErrorCode,
  because: string,
  { node, nowMs }: Teller,
): Finding {
  const time = new Date(nowMs).toISOString()
  return {
    fingerprint: `trust/${code}/${imageKey(image)}`,
    type: 'enforcement',
    severity: grave.has(code) ? 'critical' : 'medium',
    reasons: [
      `the agent refused the profile that is attached to the image: ${because}`,
      'the version learns as if no profile were attached',
    ],
    nearest: null,
    behaviour: null,
    guardrails: [],
    attack: [],
    mode: 'learn',
    event: {
      v: 1,
      kind: 'loss',
      time,
      node,
      source: 'agent',
      image,
      loss: { reason: 'profile-refused', count: 0, from: time, to: time },
    },
  }
}
