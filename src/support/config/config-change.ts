import { configKeys } from './config-keys.ts'
import type { Config } from './config-schema.ts'
import type { LoadedConfig } from './load-config.ts'

/** Keys that a running agent takes over; by their beginnings. */
const live = [
  'sinks',
  'respond.',
  'capture.',
  'deliver.',
  'outbox.',
  'storm.',
  'log.',
  'learn.',
  'after',
  'profiles.mergeFrom',
  'block.canary',
  'retention.',
  'flushInterval',
] as const

export interface ConfigChange {
  /** The config to run with from now on: live keys as read, the others unchanged. */
  readonly loaded: LoadedConfig
  /** Keys that have a new value, in the order of the schema. */
  readonly changed: readonly string[]
  /** Changed keys that take effect only after a restart. */
  readonly kept: readonly string[]
}

/** The changes between the running config `before` and one that was read again. */
export function configChange(before: LoadedConfig, read: LoadedConfig): ConfigChange {
  const differing = configKeys
    .map(({ path }) => path)
    .filter((path) => textAt(before.config, path) !== textAt(read.config, path))
  const origins = Object.fromEntries(
    configKeys.map(({ path }) => {
      const from = isLive(path) ? read : before
      return [path, from.origins[path] ?? { origin: { kind: 'default' as const }, written: '' }]
    }),
  )
  return {
    loaded: { ...read, config: taken(before.config, read.config), origins },
    changed: differing.filter(isLive),
    kept: differing.filter((path) => !isLive(path)),
  }
}

function isLive(path: string): boolean {
  return live.some((key) => path.startsWith(key))
}

/** Keys that are taken over as a whole. */
const whole = [
  'sinks',
  'respond',
  'capture',
  'deliver',
  'outbox',
  'storm',
  'log',
  'learn',
  'after',
  'retention',
  'flushInterval',
] as const

function taken(before: Config, read: Config): Config {
  const { canary, canaryFor } = read.block
  const block = { ...before.block, canary, canaryFor }
  const profiles = { ...before.profiles, mergeFrom: read.profiles.mergeFrom }
  const found = Object.fromEntries(whole.map((key) => [key, read[key]]))
  return { ...before, ...found, block, profiles }
}

function textAt(config: Config, path: string): string | undefined {
  const value = path
    .split('.')
    .reduce<unknown>(
      (node, step) =>
        typeof node === 'object' && node !== null ? Reflect.get(node, step) : undefined,
      config,
    )
  return JSON.stringify(value)
}
