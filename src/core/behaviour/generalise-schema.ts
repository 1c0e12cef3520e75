import { z } from 'zod'
import type { View } from '../view.ts'
import { PROGRAMS_MOST, tokenNames, WITNESSES_KEPT } from './generalise.ts'

const text = z.string().min(1)
const texts = z.array(text).min(1)
const sentence = text.max(300)

/** Programs whose arguments define the action. */
const programRule = z.strictObject({
  /** As their files are called, without a version: `python` for `python3.13`. */
  names: z.array(z.string().regex(/^[a-z]{1,15}$/, 'must be at most 15 lower case letters')).min(1),
  why: sentence,
  /**
   * How options are written. `shell`: the code is the first argument that is no option, `+` begins
   * options too, and a value is always the next argument. Absent: as `getopt` has it.
   */
  options: z.literal('shell').exactOptional(),
  /** Options whose value is the code or program to run. */
  code: texts.exactOptional(),
  /** Options whose value is the code or program, and behind which nothing is an option any more. */
  last: texts.exactOptional(),
  /** The first argument that is no option is a subcommand; the second is the code or program. */
  subcommands: z.boolean().exactOptional(),
  /** Other options that take a value. */
  valued: texts.exactOptional(),
  /** One file is many programs; the name in the call selects one. */
  applets: z.boolean().exactOptional(),
})
export type ProgramRule = View<typeof programRule>

/** `profiles/generalise.yaml`. */
export const generaliseRulesSchema = z
  .strictObject({
    schema: z.literal('snug.generalise/v1'),
    /** Distinct values, 1 to 8, before the token accepts all values of its type. */
    thresholds: z.record(z.enum(tokenNames), z.int().min(1).max(WITNESSES_KEPT)),
    /** Below these folders every number is one that the kernel gave out. */
    numbered: z.array(
      z.strictObject({
        prefix: z.string().regex(/^\/.*\/$/, 'must begin and end with `/`'),
        why: sentence,
      }),
    ),
    /** Words that look variable and are not: architectures, digest names. */
    never: z.array(text),
    arguments: z
      .array(programRule)
      .refine((rules) => rules.flatMap(({ names }) => names).length <= PROGRAMS_MOST, {
        message: `names more than ${PROGRAMS_MOST} programs`,
      }),
  })
  .meta({ title: 'Snug generalisation rules, v1' })
export type GeneraliseRules = View<typeof generaliseRulesSchema>
