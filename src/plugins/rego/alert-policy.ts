import { z } from 'zod'
import { SnugError } from '../../errors.ts'
import { severities } from '../../core/event/alert-words.ts'
import { wasmRule } from './wasm-policy.ts'

const grade = z.strictObject({
  severity: z.enum(severities),
  reason: z.string().min(1).max(500),
})
type Grade = z.output<typeof grade>

/**
 * A policy in Rego that grades alerts: given an alert as it is delivered, it returns a severity, or nothing.
 *
 * Errors: SOURCE_UNREADABLE, REGO_FAILED; of the policy REGO_FAILED
 */
export async function alertPolicy(
  file: string,
  entrypoint: string,
): Promise<(alert: object) => Grade | undefined> {
  const rule = await wasmRule(file, entrypoint)
  return (alert) => {
    const content = rule(alert)
    if (content === undefined) return undefined
    const parsed = grade.safeParse(content)
    if (parsed.success) return parsed.data
    const where = parsed.error.issues[0]?.path.join('.') ?? ''
    throw new SnugError(
      'REGO_FAILED',
      `the policy returned an invalid result for an alert: \`${where}\``,
    )
  }
}
