import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { z } from 'zod'
import { type ErrorCode, SnugError } from '../../errors.ts'
import {
  type GuardrailRules,
  type TechniqueRules,
  guardrailRulesSchema,
  techniqueRulesSchema,
} from '../../core/match/rules-schema.ts'
import { mergedTechniques } from '../../core/match/technique.ts'
import {
  type GeneraliseRules,
  generaliseRulesSchema,
} from '../../core/behaviour/generalise-schema.ts'
import { packagePath } from '../package-folder.ts'
import { readYamlFile } from './yaml-file.ts'

export interface Rules {
  readonly guardrails: GuardrailRules
  readonly generalise: GeneraliseRules
}

/**
 * The rules of a folder of `guardrails.yaml` and `generalise.yaml`; without one, those that were
 * installed with this code.
 *
 * Errors: RULES_INVALID, with file and line; also where a file is missing.
 */
export function loadRules(dir: string = shippedRulesDir()): Rules {
  return Object.freeze({
    guardrails: readRuleFile(dir, 'guardrails', guardrailRulesSchema),
    generalise: readRuleFile(dir, 'generalise', generaliseRulesSchema),
  })
}

/**
 * The guardrails that were installed with this code; with a file, those in it too.
 *
 * Errors: RULES_INVALID, with file and line; also where one has the id of a built-in guardrail
 */
export function withOwnGuardrails(
  shipped: GuardrailRules,
  own: string | undefined,
): GuardrailRules {
  if (own === undefined) return shipped
  const { guardrails } = readRules(own, guardrailRulesSchema)
  const ids = new Set(shipped.guardrails.map(({ id }) => id))
  const taken = guardrails.find(({ id }) => ids.has(id))
  if (taken !== undefined)
    throw new SnugError('RULES_INVALID', `\`${own}\`: \`${taken.id}\` is a built-in guardrail`)
  return { ...shipped, guardrails: [...shipped.guardrails, ...guardrails] }
}

/**
 * The table of techniques that was installed with this code; with a file, its rules are added, and
 * replace those of the same id.
 *
 * Errors: RULES_INVALID, with file and line
 */
export function loadTechniques(own?: string): TechniqueRules {
  const shipped = readRuleFile(shippedRulesDir(), 'techniques', techniqueRulesSchema)
  return own === undefined
    ? shipped
    : mergedTechniques(shipped, readRules(own, techniqueRulesSchema))
}

/** The files of rules that the build parses: see {@link readRuleFile}. */
export const ruleFiles = ['guardrails', 'generalise', 'techniques'] as const

/** A file of rules as the build has parsed it. */
export interface ParsedRules {
  /** Of the YAML file, hexadecimal. */
  readonly sha256: string
  readonly value: unknown
}

/** The file of the parsed rules in `dist`. */
export function parsedRulesFile(name: (typeof ruleFiles)[number]): string {
  return packagePath(`dist/rules/${name}.json`)
}

/**
 * Takes what the build has parsed where the YAML file is still what it was then: to parse it again is a quarter of the
 * start of an agent.
 */
function readRuleFile<T>(dir: string, name: (typeof ruleFiles)[number], schema: z.ZodType<T>): T {
  const file = join(dir, `${name}.yaml`)
  try {
    const { sha256, value } = JSON.parse(readFileSync(parsedRulesFile(name), 'utf8')) as ParsedRules
    if (sha256 === createHash('sha256').update(readFileSync(file)).digest('hex'))
      return schema.parse(value)
  } catch {
    // It says what is wrong, and where.
  }
  return readRules(file, schema)
}

/** Reads one YAML file against its schema. Errors: `code`, with file and line */
export function readRules<T>(
  file: string,
  schema: z.ZodType<T>,
  code: ErrorCode = 'RULES_INVALID',
): T {
  const yaml = readYamlFile(file, { unreadable: code, invalid: code })
  const parsed = schema.safeParse(yaml.value)
  if (parsed.success) return parsed.data
  const wrongs = parsed.error.issues.slice(0, 5).map((issue) => {
    const keys = issue.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : []
    const path = [...issue.path, ...keys]
    return `line ${yaml.lineOf(path)}: \`${path.map(String).join('.')}\`: ${issue.message}`
  })
  throw new SnugError(code, `\`${file}\`: ${wrongs.join('; ')}`)
}

/** `profiles/` of this installation. */
export function shippedRulesDir(): string {
  return packagePath('profiles')
}
