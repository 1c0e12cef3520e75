import { z } from 'zod'
import { severities } from '../../core/event/alert.ts'
import { accesses, devices, identityRoutes, origins } from '../../core/event/event-words.ts'
import type { GuardrailRules } from '../../core/match/guardrail.ts'
import type { TechniqueRules } from '../../core/match/technique.ts'
import {
  type GeneraliseRules,
  PROGRAMS_MOST,
  tokenNames,
  WITNESSES_KEPT,
} from '../../core/behaviour/generalise.ts'

const text = z.string().min(1)
const texts = z.array(text).min(1)
const sentence = text.max(300)

const who = {
  origin: z.array(z.enum(origins)).min(1).exactOptional(),
  actor: texts.exactOptional(),
  exceptActor: texts.exactOptional(),
}

const execCondition = z.strictObject({
  kind: z.literal('exec'),
  ...who,
  path: texts.exactOptional(),
  name: texts.exactOptional(),
  arg: texts.exactOptional(),
  exceptArg: texts.exactOptional(),
  script: z.boolean().exactOptional(),
  drift: z.boolean().exactOptional(),
  scriptDrift: z.boolean().exactOptional(),
  driftKind: z
    .array(z.enum(['upper', 'memfd', 'mount']))
    .min(1)
    .exactOptional(),
  socketStdio: z.boolean().exactOptional(),
})

const otherConditions = [
  z.strictObject({
    kind: z.literal('file'),
    ...who,
    path: texts,
    exceptPath: texts.exactOptional(),
    layer: z.enum(['image', 'container']).exactOptional(),
    device: z.array(z.enum(devices)).min(1).exactOptional(),
    shipped: z.boolean().exactOptional(),
    access: z.array(z.enum(accesses)).min(1),
  }),
  z.strictObject({
    kind: z.literal('connect'),
    ...who,
    protocol: texts.exactOptional(),
    peer: texts.exactOptional(),
    port: z.array(z.int().min(0).max(65_535)).min(1).exactOptional(),
  }),
  z.strictObject({
    kind: z.literal('listen'),
    ...who,
    port: z.array(z.int().min(0).max(65_535)).min(1),
  }),
  z.strictObject({
    kind: z.literal('syscall'),
    ...who,
    name: texts,
    target: texts.exactOptional(),
    asShipped: z.boolean().exactOptional(),
  }),
  z.strictObject({ kind: z.literal('capability'), ...who, name: texts }),
  z.strictObject({
    kind: z.literal('identity'),
    ...who,
    toUid: z.int().min(0).max(4_294_967_295),
    through: z
      .array(z.enum(['none', ...identityRoutes]))
      .min(1)
      .exactOptional(),
  }),
] as const

const condition = z.discriminatedUnion('kind', [execCondition, ...otherConditions])

/** Techniques are found when an event is judged: no hash is known then. */
const guardrailCondition = z.discriminatedUnion('kind', [
  execCondition.extend({
    hash: z
      .array(z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in 64 lower case hex digits'))
      .min(1)
      .exactOptional()
      .meta({
        description:
          'SHA-256 of what was executed and is not part of the image; the alert follows the execution, and nothing is blocked by it',
      }),
  }),
  ...otherConditions,
])

const id = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be lower case letters, digits and hyphens')
const technique = z
  .string()
  .regex(/^T\d{4}(\.\d{3})?$/, 'must be an ATT&CK technique such as `T1059.004`')

const guardrail = z.strictObject({
  id,
  title: sentence,
  severity: z.enum(severities),
  attack: z.array(technique),
  why: sentence,
  novel: z.boolean().exactOptional(),
  programs: z.boolean().exactOptional(),
  when: z.array(guardrailCondition).min(1),
})

/** `profiles/guardrails.yaml`. */
export const guardrailRulesSchema: z.ZodType<GuardrailRules> = z
  .strictObject({
    schema: z.literal('snug.guardrails/v1'),
    guardrails: z
      .array(guardrail)
      .min(1)
      .refine((rules) => new Set(rules.map(({ id }) => id)).size === rules.length, {
        message: 'has two guardrails with the same id',
      }),
  })
  .meta({ title: 'Snug guardrails, v1' })

/** `profiles/techniques.yaml`, and the file of an operator that adds to it. */
export const techniqueRulesSchema: z.ZodType<TechniqueRules> = z
  .strictObject({
    schema: z.literal('snug.techniques/v1'),
    techniques: z
      .array(
        z.strictObject({
          id,
          attack: z.array(technique).meta({ description: 'empty: the rule of that id is removed' }),
          why: sentence,
          when: z.array(condition).exactOptional(),
          peers: z.int().min(2).max(500).exactOptional().meta({
            description:
              'instead of `when`: an alert that stands for at least this many peers and ports of one actor',
          }),
        }),
      )
      .refine((rules) => new Set(rules.map((rule) => rule.id)).size === rules.length, {
        message: 'has two rules with the same id',
      }),
  })
  .meta({ title: 'Snug techniques, v1' })

/** `profiles/generalise.yaml`. */
export const generaliseRulesSchema: z.ZodType<GeneraliseRules> = z
  .strictObject({
    schema: z.literal('snug.generalise/v1'),
    thresholds: z.record(z.enum(tokenNames), z.int().min(1).max(WITNESSES_KEPT)),
    numbered: z.array(
      z.strictObject({
        prefix: z.string().regex(/^\/.*\/$/, 'must begin and end with `/`'),
        why: sentence,
      }),
    ),
    never: z.array(text),
    arguments: z
      .array(
        z.strictObject({
          names: z
            .array(z.string().regex(/^[a-z]{1,15}$/, 'must be at most 15 lower case letters'))
            .min(1),
          why: sentence,
          options: z.literal('shell').exactOptional(),
          code: texts.exactOptional(),
          last: texts.exactOptional(),
          subcommands: z.boolean().exactOptional(),
          valued: texts.exactOptional(),
          applets: z.boolean().exactOptional(),
        }),
      )
      .refine((rules) => rules.flatMap(({ names }) => names).length <= PROGRAMS_MOST, {
        message: `names more than ${PROGRAMS_MOST} programs`,
      }),
  })
  .meta({ title: 'Snug generalisation rules, v1' })
