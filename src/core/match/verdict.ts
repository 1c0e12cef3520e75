import type { Severity } from '../event/alert-words.ts'
import type { BehaviourId, BehaviourRef } from '../behaviour/behaviour.ts'

/** `unprofiled`: no profile exists, or it does not cover events of that kind. */
export type Outcome = 'expected' | 'deviation' | 'unprofiled'

export interface FiredGuardrail {
  readonly id: string
  readonly title: string
  readonly severity: Severity
  /** MITRE ATT&CK technique ids. */
  readonly attack: readonly string[]
  readonly why: string
}

/** The known behaviour that an unknown one is closest to. */
export interface NearestBehaviour {
  readonly id: BehaviourId
  readonly kind: string
  readonly object: string
  /** One line for people. */
  readonly text: string
}

/** A decision is a value with its reasons. */
export interface Verdict {
  readonly outcome: Outcome
  /** Sentences, most important first; empty if expected. */
  readonly reasons: readonly string[]
  /** Only for deviations. */
  readonly nearest: NearestBehaviour | null
  /** The behaviours that were not expected; empty where all were. */
  readonly unexpected: readonly BehaviourRef[]
  /** Guardrails that fired, each once, gravest first. */
  readonly guardrails: readonly FiredGuardrail[]
  /** Their ids for each of the event's behaviours, for `Profile.observe`; absent where none fired. */
  readonly guardrailsByRef?: readonly (readonly string[])[]
  /** The gravest guardrail's; a plain deviation has the severity of its kind. */
  readonly severity: Severity
  /** `partial` where the profile's evidence is known to be incomplete. */
  readonly confidence: 'full' | 'partial'
}
