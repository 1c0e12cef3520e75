import { z } from 'zod'
import { evidenceKinds } from './framework.ts'

const text = z.string()
const texts = z.array(text)

const table = z.strictObject({
  title: text,
  columns: z.array(z.strictObject({ key: text, title: text })),
  rows: z
    .array(z.record(text, z.union([text, z.number()])))
    .meta({ description: 'the cells of a row by `key` of their column' }),
})
const evidence = z.strictObject({
  kind: z.enum(evidenceKinds),
  title: text,
  statements: texts.meta({ description: 'what the agent has on record' }),
  gaps: texts.meta({ description: 'what limits this evidence, or speaks against it' }),
  tables: z.array(table),
})
const control = z.strictObject({
  id: text,
  title: text,
  asks: text.meta({ description: 'the control in other words' }),
  source: text.meta({ description: 'a public page with the text of the control' }),
  evidence: z.array(z.enum(evidenceKinds)).meta({ description: 'members of `evidence`, by kind' }),
  notCovered: texts.meta({
    description: 'parts of the control for which Snug has no evidence',
  }),
})

/** The output of `snug report compliance -o json`. Texts of containers are in it as they are. */
export const reportSchema = z
  .strictObject({
    schema: z.literal('snug.evidence-report/v1'),
    framework: z.strictObject({ name: text, title: text, edition: text, source: text }),
    span: z.strictObject({ from: text, to: text }).meta({ description: 'RFC 3339, UTC' }),
    madeAt: text,
    node: text,
    version: text.meta({ description: 'of the agent' }),
    outside: texts.meta({ description: 'what a reader must not expect of the report' }),
    gaps: texts.meta({ description: 'gaps that concern all of the evidence' }),
    controls: z.array(control),
    evidence: z.array(evidence).meta({ description: 'each kind that a control names, once' }),
  })
  .meta({ title: 'Snug evidence report, v1' })

export type EvidenceReport = z.infer<typeof reportSchema>
export type Evidence = z.infer<typeof evidence>
export type EvidenceTable = z.infer<typeof table>
