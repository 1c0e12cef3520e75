import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadConfig } from '../../../src/support/config/load-config.ts'
import { readRules } from '../../../src/support/config/load-rules.ts'
import { generaliseRulesSchema } from '../../../src/core/behaviour/generalise-schema.ts'
import { guardrailRulesSchema, techniqueRulesSchema } from '../../../src/core/match/rules-schema.ts'
import { Guardrails } from '../../../src/core/match/guardrail.ts'
import { Techniques } from '../../../src/core/match/technique.ts'
import { gatePolicySchema } from '../../../src/ci/gate/policy-schema.ts'
import { coded } from './expect-coded.ts'

const file = join(mkdtempSync('/dev/shm/snug-fuzz-'), 'file.yaml')

/** YAML of an operator; its first byte chooses what it is read as. Rules that are taken must compile. */
export function fuzz(data: Buffer): void {
  writeFileSync(file, data.subarray(1))
  switch ((data[0] ?? 0) % 4) {
    case 0:
      coded(() => loadConfig({ file }))
      break
    case 1: {
      const rules = coded(() => readRules(file, techniqueRulesSchema))
      if (rules !== undefined) new Techniques(rules)
      break
    }
    case 2: {
      const rules = coded(() => readRules(file, guardrailRulesSchema))
      if (rules !== undefined) new Guardrails(rules)
      break
    }
    default:
      coded(() => readRules(file, gatePolicySchema, 'POLICY_INVALID'))
      coded(() => readRules(file, generaliseRulesSchema))
  }
}
