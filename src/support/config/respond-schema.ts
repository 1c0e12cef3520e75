import { z } from 'zod'
import { severities } from '../../core/event/alert-words.ts'
import { holdLevels, longestHoldMs } from '../../core/lifecycle/hold.ts'
import { responseModes } from '../../core/lifecycle/response-rule.ts'
import { duration } from './value-schema.ts'

const patterns = z.array(z.string().min(1)).min(1).optional()

const rule = z.strictObject({
  name: z.string().min(1).max(100),
  when: z
    .strictObject({
      severity: z.enum(severities).optional(),
      guardrails: patterns,
      techniques: patterns,
      images: patterns,
      namespaces: patterns,
    })
    .refine((when) => Object.values(when).some((one) => one !== undefined), {
      message: 'must have a condition',
    }),
  level: z.enum(holdLevels).default('network'),
  for: duration
    .prefault('1h')
    .refine((ms) => ms > 0 && ms <= longestHoldMs, { message: 'must be at most `7d`' }),
  last: z.boolean().default(false),
})

export const respondSchema = z.strictObject({
  mode: z.enum(responseModes).default('dry-run').meta({
    description:
      '`dry-run`: rules report which containers they would hold; `hold`: they hold them, see docs/quarantine.md',
  }),
  budget: z.int().min(1).max(1_000).default(5).meta({
    description: 'maximum number of containers that rules hold on this node within an hour',
  }),
  never: z.array(z.string().min(1)).default(['kube-*']).meta({
    description: 'globs of namespaces whose containers no rule holds',
  }),
  rules: z
    .array(rule)
    .max(100)
    .default([])
    .refine((rules) => new Set(rules.map(({ name }) => name)).size === rules.length, {
      message: 'has two rules with the same name',
    })
    .meta({
      description:
        'rules that hold the container of an alert, each with `name`, `when`, `level`, `for` and `last`: see docs/quarantine.md',
    }),
})

export const captureSchema = z.strictObject({
  from: z
    .enum(['none', ...severities])
    .default('none')
    .meta({
      description:
        'severity from which an alert has a case of its container captured, see docs/cases.md; `none`: only people do',
    }),
  budget: z.int().min(1).max(1_000).default(12).meta({
    description: 'maximum number of cases that alerts cause on this node within an hour',
  }),
  key: z.string().optional().meta({
    description:
      'PEM file with the private key that signs cases: ECDSA over P-256 or Ed25519, not encrypted. Without it they are not signed',
  }),
})
