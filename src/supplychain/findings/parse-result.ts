import { z } from 'zod'
import { SnugError } from '../../errors.ts'
import type { GateResult } from './finding.ts'

/** A gate result as it was written; its findings are passed on without validation. */
export type AttestedGate = Omit<
  GateResult,
  'findings' | 'behaviours' | 'baseline' | 'contrast' | 'representative'
>

const count = z.int().min(0)
const gateResult = z.looseObject({
  schema: z.literal('snug.gate-result/v1'),
  image: z.string(),
  digest: z
    .string()
    .regex(/^sha256:[0-9a-f]{64}$/)
    .exactOptional(),
  passed: z.boolean(),
  counts: z.looseObject({ approve: count, warn: count, note: count, approved: count }),
  findings: z.array(z.unknown()),
})

/** Parses the output of `snug gate --write json=FILE`. Errors: GATE_RESULT_INVALID */
export function parseGateResult(value: unknown): AttestedGate {
  const parsed = gateResult.safeParse(value)
  if (parsed.success) return parsed.data
  const where = parsed.error.issues[0]?.path.join('.') ?? ''
  throw new SnugError('GATE_RESULT_INVALID', `\`${where}\` is not part of a gate result`)
}
