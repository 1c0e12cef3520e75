import type { GeneraliseRules } from '../behaviour/generalise-schema.ts'
import { Shaper } from '../behaviour/shape.ts'
import { guardedFiles, guardedSockets } from './guardrail.ts'
import type { GuardrailRules } from './rules-schema.ts'

/** The rules of both files together: no place includes a path that a guardrail watches. */
export function shaperOf(rules: {
  readonly generalise: GeneraliseRules
  readonly guardrails: GuardrailRules
}): Shaper {
  const { generalise, guardrails } = rules
  return new Shaper(generalise, guardedFiles(guardrails), guardedSockets(guardrails))
}
