import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { Starter } from '../../core/lifecycle/starter.ts'
import { describeError, SnugError } from '../../errors.ts'
import { packagePath } from '../../support/package-folder.ts'
import { actorSchema, grantsSchema, objectSchema } from '../export/entry-schema.ts'

/** `snug.starter/v1` */
const starterSchema = z.strictObject({
  schema: z.literal('snug.starter/v1'),
  name: z.string().min(1),
  /** Debian's suite that its packages are of, and their versions. */
  suite: z.string().min(1),
  packages: z.record(z.string().min(1), z.string().min(1)),
  behaviours: z.array(
    z.strictObject({
      actor: actorSchema,
      as: z.enum(['root', 'account']),
      object: objectSchema,
      grants: grantsSchema,
    }),
  ),
})

export type StarterDocument = z.output<typeof starterSchema>

/**
 * The starter profiles that were installed with this code. They are part of what the release signs, as guardrails are.
 *
 * Errors: `RULES_INVALID`, with the file.
 */
export function loadStarters(folder = packagePath('profiles/starters')): readonly Starter[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => readStarter(join(folder, name)))
}

function readStarter(file: string): Starter {
  try {
    const parsed = starterSchema.parse(JSON.parse(readFileSync(file, 'utf8')))
    const { name, packages, behaviours } = parsed as StarterDocument & Pick<Starter, 'behaviours'>
    return { name, packages: new Set(Object.keys(packages)), behaviours }
  } catch (cause) {
    const why = cause instanceof z.ZodError ? cause.issues[0]?.message : describeError(cause)
    throw new SnugError('RULES_INVALID', `\`${file}\` is no starter profile: ${why}`, { cause })
  }
}
