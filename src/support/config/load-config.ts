import { existsSync } from 'node:fs'
import { hostname } from 'node:os'
import { parse as parseYamlText } from 'yaml'
import type { ProfileScope } from '../../core/event/image-key.ts'
import { describeError, SnugError } from '../../errors.ts'
import { type ConfigKey, configJsonSchema, configKeys, type JsonSchema } from './config-keys.ts'
import { type Config, configSchema } from './config-schema.ts'
import { describeIssues, placeOf } from './config-issue.ts'
import { type DeprecatedKey, deprecatedKeysIn } from './deprecated-keys.ts'
import { nearestWord } from './nearest-word.ts'
import type { Origin } from './value-origin.ts'
import { readYamlFile, type YamlFile } from './yaml-file.ts'

const publishedSchema = configJsonSchema()
const defaultConfigFile = '/etc/snug/snug.yaml'

export interface LoadedConfig {
  readonly config: Config
  /** Dotted key → the origin of its value and how it was written there. */
  readonly origins: Readonly<Record<string, { readonly origin: Origin; readonly written: unknown }>>
  /** The config file that was read, where there was one. */
  readonly file?: string
  /** Keys that are set and that a later version may not have. */
  readonly deprecated: readonly DeprecatedKey[]
  /** Worth a log message at start, but no reason not to start. */
  readonly warnings: readonly string[]
}

export interface ConfigInput {
  /** Dotted key → value as given on the command line: text, or texts where the flag may be repeated. */
  readonly flags?: Readonly<Record<string, string | readonly string[]>>
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Named explicitly, so it must exist. Else `SNUG_CONFIG`, else the default file where it exists. */
  readonly file?: string
}

/**
 * Flag over variable over file over default. The result is frozen through and through. `schema` states which keys are
 * deprecated.
 *
 * Errors: CONFIG_UNREADABLE, CONFIG_INVALID (naming key, line and the nearest known key).
 */
export function loadConfig(
  input: ConfigInput = {},
  schema: JsonSchema = publishedSchema,
): LoadedConfig {
  const env = input.env ?? {}
  const file = openFile(input.file ?? env['SNUG_CONFIG'])
  const raw = rootOf(file)
  const origins: Record<string, { origin: Origin; written: unknown }> = {}
  for (const key of configKeys) {
    const found = overrideOf(key, input.flags ?? {}, env)
    if (found !== undefined) assignPath(raw, key.path, found.written)
    const written = found?.written ?? valueAt(raw, key.path)
    origins[key.path] =
      written === undefined
        ? { origin: { kind: 'default' }, written: defaultOf(key) }
        : { origin: found?.origin ?? fileOrigin(file, key), written }
  }
  const parsed = configSchema.safeParse(raw)
  if (!parsed.success) {
    throw new SnugError('CONFIG_INVALID', describeIssues(parsed.error.issues, origins, file))
  }
  const { node, profiles, engines } = parsed.data
  const scope = profiles.scope ?? defaultScope(engines.kubernetes.access)
  // Its default depends on another key.
  if (origins[scopeKey]?.origin.kind === 'default') {
    origins[scopeKey] = { origin: { kind: 'default' }, written: scope }
  }
  const deprecated = deprecatedKeysIn(schema, raw)
  const warningOf = ({ key, since, instead }: DeprecatedKey): string =>
    `\`${key}\`${placeOf(key.split('.'), origins, file)} is deprecated since ${since}: write ${instead}`
  const loaded = {
    config: { ...parsed.data, node: node ?? hostname(), profiles: { ...profiles, scope } },
    origins,
    deprecated,
    warnings: [...strangeVariables(env), ...deprecated.map(warningOf)],
  }
  return deepFreeze(file === undefined ? loaded : { ...loaded, file: file.file })
}

function openFile(named: string | undefined): YamlFile | undefined {
  if (named === undefined && !existsSync(defaultConfigFile)) return undefined
  return readYamlFile(named ?? defaultConfigFile, {
    unreadable: 'CONFIG_UNREADABLE',
    invalid: 'CONFIG_INVALID',
  })
}

function rootOf(file: YamlFile | undefined): Record<string, unknown> {
  const value = file?.value ?? {}
  if (!isRecord(value)) {
    throw new SnugError('CONFIG_INVALID', `\`${file?.file}\` must hold keys and values`)
  }
  return structuredClone(value)
}

function overrideOf(
  key: ConfigKey,
  flags: NonNullable<ConfigInput['flags']>,
  env: NonNullable<ConfigInput['env']>,
): { origin: Origin; written: unknown } | undefined {
  const flag = flags[key.path]
  if (flag !== undefined) {
    return { origin: { kind: 'flag', name: key.flag }, written: readText(key, key.flag, flag) }
  }
  const variable = env[key.env]
  if (variable === undefined || variable === '') return undefined
  return { origin: { kind: 'env', name: key.env }, written: readText(key, key.env, variable) }
}

function readText(key: ConfigKey, name: string, given: string | readonly string[]): unknown {
  const texts = typeof given === 'string' ? [given] : given
  const last = texts.at(-1) ?? ''
  switch (key.shape) {
    case 'text':
      return last
    case 'number':
      return last.trim() === '' || Number.isNaN(Number(last)) ? last : Number(last)
    case 'switch':
      // Any other value stays unchanged: the schema reports the error.
      return last === 'true' ? true : last === 'false' ? false : last
    case 'list':
      return typeof given === 'string' ? given.split(',').map((part) => part.trim()) : texts
    case 'objects':
      return texts.flatMap((text) => readObjects(name, text))
  }
}

function readObjects(name: string, text: string): unknown[] {
  try {
    const value: unknown = parseYamlText(text, { maxAliasCount: 0 })
    return Array.isArray(value) ? value : [value]
  } catch (error) {
    throw new SnugError('CONFIG_INVALID', `\`${name}\`: ${describeError(error).split('\n')[0]}`)
  }
}

function fileOrigin(file: YamlFile | undefined, key: ConfigKey): Origin {
  if (file === undefined) return { kind: 'default' }
  return { kind: 'file', file: file.file, line: file.lineOf(key.path.split('.')) }
}

const scopeKey = 'profiles.scope'

function defaultScope(access: string): ProfileScope {
  return access === 'none' ? 'cluster' : 'namespace'
}

function defaultOf(key: ConfigKey): unknown {
  return key.path === 'node' ? hostname() : key.default
}

/** A service named `snug` makes Kubernetes set `SNUG_PORT` and the like, so a strange variable is no error. */
function strangeVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  const known = [...configKeys.map((key) => key.env), 'SNUG_CONFIG', 'SNUG_SOCKET']
  return Object.keys(env)
    .filter((name) => name.startsWith('SNUG_') && !known.includes(name))
    .flatMap((name) => {
      const meant = nearestWord(name, known)
      return meant === undefined ? [] : [`\`${name}\` sets nothing: did you mean \`${meant}\`?`]
    })
}

function valueAt(root: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((value, step) => (isRecord(value) ? value[step] : undefined), root)
}

function assignPath(root: Record<string, unknown>, path: string, value: unknown): void {
  const steps = path.split('.')
  const last = steps.pop() ?? path
  let node = root
  for (const step of steps) {
    const child = node[step]
    // A value that is not a map stays unchanged: the schema reports the error.
    if (child !== undefined && child !== null && !isRecord(child)) return
    const next: Record<string, unknown> = isRecord(child) ? child : {}
    node[step] = next
    node = next
  }
  node[last] = value
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const child of Object.values(value)) deepFreeze(child)
  }
  return value
}
