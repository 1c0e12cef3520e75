import type { GeneraliseRules } from '../behaviour/generalise.ts'
import { Shaper } from '../behaviour/shape.ts'
import { guardedFiles, type GuardrailRules } from './guardrail.ts'

/** The rules of both files together: no place includes a path that a guardrail watches. */
export function shaperOf(rules: {
  readonly generalise: GeneraliseRules
  readonly guardrails: GuardrailRules
}): Shaper {
  return new Shaper(rules.generalise, guardedFiles(rules.guardrails))
}
