import { loadRequirements, type Requirements } from '../../ci/gate/representative.ts'
import { type AttackTrace, loadAttacks } from '../../support/config/load-attacks.ts'

export const contrastOption = [
  '--contrast [dir]',
  'tries recorded attacks: which of them would the profile let pass? Without a directory, those that are installed',
] as const

export const representativeOption = [
  '--representative <file>',
  'requires what this file names to have been seen, see profiles/representative.schema.json',
] as const

export interface TrialOptions {
  readonly contrast?: true | string
  readonly representative?: string
}

/** Trials of a profile beside the comparison with its baseline. Errors: RULES_INVALID, POLICY_INVALID */
export function trialsOf({ contrast, representative }: TrialOptions): {
  readonly attacks?: readonly AttackTrace[]
  readonly requirements?: Requirements
} {
  return {
    ...(contrast === undefined
      ? {}
      : { attacks: loadAttacks(contrast === true ? undefined : contrast) }),
    ...(representative === undefined ? {} : { requirements: loadRequirements(representative) }),
  }
}
