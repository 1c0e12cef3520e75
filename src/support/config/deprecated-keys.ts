import type { JsonSchema } from './config-keys.ts'

/** In the metadata of a key, beside its description; it becomes part of the JSON Schema. */
export interface Deprecation {
  /** The standard annotation, which editors show. */
  readonly deprecated: true
  /** The version from which on the key is deprecated. */
  readonly since: string
  /** What to write instead. */
  readonly instead: string
}

export interface DeprecatedKey {
  readonly key: string
  readonly since: string
  readonly instead: string
}

/** Keys of a file, with flags and variables applied, that a later version may not have. Items of a list have their index. */
export function deprecatedKeysIn(schema: JsonSchema, written: unknown): readonly DeprecatedKey[] {
  return [...find(schema, written, [])]
}

function* find(
  schema: JsonSchema,
  value: unknown,
  path: readonly string[],
): Iterable<DeprecatedKey> {
  if (value === undefined) return
  const { deprecated, since = '', instead = '' } = schema
  if (deprecated === true) yield { key: path.join('.'), since, instead }
  for (const option of [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]) {
    if (isMeant(option, value)) yield* find(option, value, path)
  }
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      yield* find(schema.items ?? {}, item, [...path, String(index)])
    }
  }
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    yield* find(child, memberOf(value, name), [...path, name])
  }
}

/** Of several forms, such as the types of sinks, the one whose constants the value has. */
function isMeant(option: JsonSchema, value: unknown): boolean {
  return Object.entries(option.properties ?? {}).every(
    ([name, { const: fixed }]) => fixed === undefined || memberOf(value, name) === fixed,
  )
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}
