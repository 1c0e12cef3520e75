import { z } from 'zod'
import { severities } from '../event/alert-words.ts'
import {
  accesses,
  devices,
  driftKinds,
  identityRoutes,
  layers,
  origins,
} from '../event/event-words.ts'
import type { View } from '../view.ts'

const text = z.string().min(1)
const texts = z.array(text).min(1)
const sentence = text.max(300)

const who = {
  /** Only events of these process trees; absent: any. */
  origin: z.array(z.enum(origins)).min(1).exactOptional(),
  /** Only by these executables (globs). */
  actor: texts.exactOptional(),
  /** Never by these executables (globs). */
  exceptActor: texts.exactOptional(),
}

const execCondition = z.strictObject({
  kind: z.literal('exec'),
  ...who,
  path: texts.exactOptional(),
  /** Last segments of the path, globs; of a program with many names, the name it was called by. */
  name: texts.exactOptional(),
  /** One of its arguments is like one of these: see `texts` in `glob.ts`. */
  arg: texts.exactOptional(),
  /** None of its arguments is like one of these. */
  exceptArg: texts.exactOptional(),
  /** Whether it was started as the interpreter of a script. */
  script: z.boolean().exactOptional(),
  drift: z.boolean().exactOptional(),
  scriptDrift: z.boolean().exactOptional(),
  driftKind: z.array(z.enum(driftKinds)).min(1).exactOptional(),
  socketStdio: z.boolean().exactOptional(),
})

const otherConditions = [
  z.strictObject({
    kind: z.literal('file'),
    ...who,
    path: texts,
    exceptPath: texts.exactOptional(),
    /** Only where the source shows that the file is of this layer. */
    layer: z.enum(layers).exactOptional(),
    /** Only where the file is such a device, by whatever name. */
    device: z.array(z.enum(devices)).min(1).exactOptional(),
    /** Only where the image ships the path. */
    shipped: z.boolean().exactOptional(),
    /** `write` stands for `create` and for being the target of a rename too. */
    access: z.array(z.enum(accesses)).min(1),
  }),
  z.strictObject({
    kind: z.literal('connect'),
    ...who,
    protocol: texts.exactOptional(),
    /** Globs over the address and over the name. */
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
    /** What the call is about is like one of these: see `texts` in `glob.ts`. */
    target: texts.exactOptional(),
    /** Whether the call left the file as the image ships it, where its layers can be read. */
    asShipped: z.boolean().exactOptional(),
  }),
  z.strictObject({ kind: z.literal('capability'), ...who, name: texts }),
  z.strictObject({
    kind: z.literal('identity'),
    ...who,
    toUid: z.int().min(0).max(4_294_967_295),
    /** How the identity was there to be taken; `none`: it was gained. Absent: however. */
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
export type GuardrailCondition = View<typeof guardrailCondition>

const id = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be lower case letters, digits and hyphens')
const technique = z
  .string()
  .regex(/^T\d{4}(\.\d{3})?$/, 'must be an ATT&CK technique such as `T1059.004`')

const guardrail = z.strictObject({
  id,
  /** What happened, as a clause: `a shell whose standard streams are a socket`. */
  title: sentence,
  severity: z.enum(severities),
  attack: z.array(technique),
  why: sentence,
  /** While a version learns, the behaviour is learned like any other; afterwards it trips. */
  novel: z.boolean().exactOptional(),
  /** About which programs there are: of class `open`, a version expects it in its folders. See `open-class.ts`. */
  programs: z.boolean().exactOptional(),
  /** Trips where any of them holds. */
  when: z.array(guardrailCondition).min(1),
})

/** `profiles/guardrails.yaml`. */
export const guardrailRulesSchema = z
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
export type GuardrailRules = View<typeof guardrailRulesSchema>

/** Which objects and calls show a technique, regardless of the actor. */
const techniqueRule = z.strictObject({
  id,
  attack: z.array(technique).meta({ description: 'empty: the rule of that id is removed' }),
  why: sentence,
  /** Holds where any of them does. */
  when: z.array(condition).exactOptional(),
  peers: z.int().min(2).max(500).exactOptional().meta({
    description:
      'instead of `when`: an alert that stands for at least this many peers and ports of one actor',
  }),
})
export type TechniqueRule = View<typeof techniqueRule>

/** `profiles/techniques.yaml`, and the file of an operator that adds to it. */
export const techniqueRulesSchema = z
  .strictObject({
    schema: z.literal('snug.techniques/v1'),
    techniques: z
      .array(techniqueRule)
      .refine((rules) => new Set(rules.map((rule) => rule.id)).size === rules.length, {
        message: 'has two rules with the same id',
      }),
  })
  .meta({ title: 'Snug techniques, v1' })
export type TechniqueRules = View<typeof techniqueRulesSchema>
