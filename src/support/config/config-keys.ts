import { z } from 'zod'
import { configSchema } from './config-schema.ts'

export interface ConfigKey {
  /** Dotted, as in `learn.floor`. */
  readonly path: string
  readonly flag: string
  readonly env: string
  readonly shape: 'text' | 'number' | 'switch' | 'list' | 'objects'
  /** As written in a config file; absent where the default is worked out at start. */
  readonly default?: unknown
  readonly doc: string
}

export interface JsonSchema {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly const?: unknown
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly deprecated?: boolean
  readonly since?: string
  readonly instead?: string
}

/** The published JSON Schema of the config file (draft 2020-12). */
export function configJsonSchema(): JsonSchema {
  return z.toJSONSchema(configSchema, { io: 'input' }) as JsonSchema
}

/** Every key that can be set, in the order of the schema: the one table behind flags, variables and docs. */
export const configKeys: readonly ConfigKey[] = Object.freeze(keysOf(configJsonSchema()))

/** The keys of a schema that has keys and values at its top. */
export function keysOf(schema: JsonSchema): readonly ConfigKey[] {
  return walk(schema, '')
}

function walk(schema: JsonSchema, prefix: string): ConfigKey[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, child]) => {
    const path = prefix + name
    return child.type === 'object' ? walk(child, `${path}.`) : [keyOf(path, child)]
  })
}

function keyOf(path: string, schema: JsonSchema): ConfigKey {
  const words = path.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`).replaceAll('.', '-')
  const key = {
    path,
    // A repeated flag names one of the list: `--source`, not `--sources`.
    flag: `--${schema.type === 'array' ? words.replace(/s$/, '') : words}`,
    env: `SNUG_${words.toUpperCase().replaceAll('-', '_')}`,
    shape: shapeOf(schema),
    doc: docOf(schema),
  }
  return Object.freeze('default' in schema ? { ...key, default: schema.default } : key)
}

function docOf({ description = '', deprecated, since, instead }: JsonSchema): string {
  if (deprecated !== true) return description
  return `deprecated since ${since}, write ${instead} instead: ${description}`
}

function shapeOf(schema: JsonSchema): ConfigKey['shape'] {
  if (schema.type === 'array') return schema.items?.type === 'string' ? 'list' : 'objects'
  if (schema.type === 'boolean') return 'switch'
  return schema.type === 'number' || schema.type === 'integer' ? 'number' : 'text'
}
