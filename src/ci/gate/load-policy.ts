import { join } from 'node:path'
import { readRules, shippedRulesDir } from '../../support/config/load-rules.ts'
import { type GatePolicy, gatePolicySchema } from './policy-schema.ts'

/**
 * Reads a gate's policy; without a file, the one that is installed with this code.
 *
 * Errors: POLICY_INVALID, with file and line
 */
export function loadGatePolicy(file: string = join(shippedRulesDir(), 'gate.yaml')): GatePolicy {
  const { schema: _, ...policy } = readRules(file, gatePolicySchema, 'POLICY_INVALID')
  return Object.freeze(policy)
}
