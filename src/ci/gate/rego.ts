import { z } from 'zod'
import { SnugError } from '../../errors.ts'
import { describeBehaviour } from '../../core/behaviour/describe.ts'
import { findingLevels, type GateFinding } from '../../supplychain/findings/finding.ts'
import type { FoundByGate, GateInput } from './gate.ts'

/** The input of a policy in Rego: `snug.gate-input/v1`, described in docs/rego.md. */
export function regoInput(input: GateInput, { findings, behaviour }: FoundByGate): object {
  const { image, facts, profile, baseline, scan, nowMs } = input
  return {
    schema: 'snug.gate-input/v1',
    time: new Date(nowMs).toISOString(),
    image: { name: image, ...facts },
    findings,
    behaviours: (profile?.behaviours ?? []).map((entry) => ({
      id: entry.id,
      text: describeBehaviour(entry),
      actor: entry.actor,
      uid: entry.uid,
      object: entry.object,
      origins: [...new Set(entry.cells.map(({ origin }) => origin))],
      guardrails: [...new Set(entry.cells.flatMap(({ guardrails = [] }) => guardrails))],
      ...(baseline === undefined ? {} : { new: behaviour.again.has(entry.id) }),
    })),
    vulnerabilities: scan?.findings ?? [],
  }
}

const level = z.enum(findingLevels)
const text = z.string().min(1).max(2_000)
const output = z.strictObject({
  findings: z
    .array(
      z.strictObject({
        id: text.exactOptional(),
        level,
        text,
        why: text.exactOptional(),
        path: text.exactOptional(),
      }),
    )
    .max(10_000)
    .default([]),
  levels: z
    .array(z.strictObject({ id: text, level, reason: text }))
    .max(100_000)
    .default([]),
})

/** The result of a policy in Rego. */
export type RegoOutput = z.output<typeof output>

/** Errors: REGO_FAILED, also without a result: an unclear answer must not let an image pass */
export function parseRegoOutput(value: unknown): RegoOutput {
  if (value === undefined) {
    throw new SnugError('REGO_FAILED', 'the policy has no result: it has no such rule')
  }
  const parsed = output.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const where = issue?.path.map(String).join('.') ?? ''
  throw new SnugError(
    'REGO_FAILED',
    `the policy returned an invalid result: \`${where}\`: ${issue?.message}`,
  )
}

/** The findings as the policy has them: with its own, and with the levels that it gives to others. */
export function withRego(
  findings: readonly GateFinding[],
  { findings: own, levels }: RegoOutput,
): readonly GateFinding[] {
  const given = new Map(levels.map((one) => [one.id, one]))
  const graded = findings.map((finding): GateFinding => {
    const grade = given.get(finding.id)
    if (grade === undefined || grade.level === finding.level) return finding
    const by = `by the policy: ${grade.reason}`
    const why = finding.why === undefined ? by : `${finding.why}; ${by}`
    return { ...finding, level: grade.level, why }
  })
  const added = own.map(
    (one): GateFinding => ({ ...one, id: one.id ?? `policy:${one.text}`, rule: 'policy' }),
  )
  return [...graded, ...added]
}
