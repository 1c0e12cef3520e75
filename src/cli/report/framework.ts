import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { readRules, shippedRulesDir } from '../../support/config/load-rules.ts'
import { SnugError } from '../../errors.ts'

/** All that the code knows of a framework: which kinds of evidence there are. A data file says which control takes which. */
export const evidenceKinds = [
  'images',
  'functions',
  'capabilities',
  'root',
  'changes',
  'alerts',
  'losses',
  'monitoring',
  'enforcement',
  'decisions',
  'audit',
] as const
export type EvidenceKind = (typeof evidenceKinds)[number]

const sentence = z.string().min(1).max(300)
const address = z.url({ protocol: /^https$/ })

const control = z.strictObject({
  id: z.string().min(1).max(40).meta({ description: 'number of the control in the framework' }),
  title: sentence,
  asks: sentence.meta({ description: 'the control in other words' }),
  source: address.meta({ description: 'a public page with the text of the control' }),
  evidence: z.array(z.enum(evidenceKinds)).min(1),
  notCovered: z
    .array(sentence)
    .min(1)
    .meta({ description: 'parts of the control for which Snug has no evidence' }),
})

/** `profiles/frameworks/*.yaml`: the name of the file is the name of the framework. */
export const frameworkSchema = z
  .strictObject({
    schema: z.literal('snug.framework/v1'),
    title: sentence,
    edition: sentence,
    source: address.meta({ description: 'where its publisher offers it' }),
    outside: z
      .array(sentence)
      .min(1)
      .meta({ description: 'what a reader must not expect of the report' }),
    controls: z
      .array(control)
      .min(1)
      .refine((all) => new Set(all.map(({ id }) => id)).size === all.length, {
        message: 'has two controls with the same id',
      }),
  })
  .meta({ title: 'Snug framework, v1' })
export type Framework = z.infer<typeof frameworkSchema>

const frameworks = (): string => join(shippedRulesDir(), 'frameworks')

export function frameworkNames(): readonly string[] {
  return readdirSync(frameworks())
    .flatMap((file) => /^(.*)\.yaml$/.exec(file)?.[1] ?? [])
    .sort()
}

/** Errors: FRAMEWORK_UNKNOWN; RULES_INVALID, with file and line */
export function loadFramework(name: string): Framework {
  const names = frameworkNames()
  if (!names.includes(name)) {
    throw new SnugError(
      'FRAMEWORK_UNKNOWN',
      `no framework is named \`${name}\`; known: ${names.join(', ')}`,
    )
  }
  return readRules(join(frameworks(), `${name}.yaml`), frameworkSchema)
}
