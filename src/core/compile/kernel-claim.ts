import type { Origin } from '../event/event-words.ts'
import type { Allowance } from '../profile/allowance.ts'
import type { PathPattern } from '../behaviour/language.ts'
import type { KernelRule } from './kernel-profile.ts'

/** A rule for one behaviour of an event, with the behaviour's entry in the profile. */
export interface LiteralClaim {
  readonly rule: KernelRule
  readonly allowance: Allowance
  readonly group: string | undefined
  /** The path that it is about; of a rename, both joined by NUL. */
  readonly subject: string | undefined
}

/** Who may do what to the paths of a pattern; of what was rejected, for every origin. */
export interface PatternClaim {
  readonly allowance: Allowance
  readonly group: string
  /** Of a rename: that it gives the name away, and nothing of what to. */
  readonly givesAway?: true
  readonly origin: Origin | undefined
  readonly pattern: PathPattern
}
