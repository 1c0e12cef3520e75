import type { Author } from './author.ts'
import type { SharedClosing } from './shared-closing.ts'
import type { SharedHold } from './shared-hold.ts'

/** `release` approves although a guardrail keeps the behaviour in quarantine. */
export const decisionActions = ['approve', 'release', 'reject'] as const
export type DecisionAction = (typeof decisionActions)[number]

/** What stands on a behaviour after the action. */
export const decidedBy = { approve: 'approved', release: 'approved', reject: 'rejected' } as const
/** What was done where a decision stands, as the audit has it. */
export const doneFor = { approved: 'approve', rejected: 'reject', withdrawn: 'withdraw' } as const

/** In place of a behaviour: everything that waits for review. It can only be approved. */
export const allWaiting = '*'

/** In place of a behaviour: class `open`, which is approved or rejected. */
export const anyProgramEntry = 'any-program'

/** A decision on one behaviour, or on {@link allWaiting}. */
export interface SpecEntry extends Author {
  /** Id of the behaviour. */
  readonly behaviour: string
  readonly action: DecisionAction
  readonly reason?: string
}

/** What people decided, in the `spec` of an ImageProfile. */
export interface DecidedSpec {
  readonly mode?: Author & { readonly value: string }
  /** At most one of each behaviour. */
  readonly decisions?: readonly SpecEntry[]
  readonly holds?: readonly SharedHold[]
  readonly closings?: readonly SharedClosing[]
}
