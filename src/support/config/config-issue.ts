import type { z } from 'zod'
import { configKeys } from './config-keys.ts'
import { nearestWord } from './nearest-word.ts'
import { sinkSchema, sinkTypes } from './sink-schema.ts'
import type { Origin } from './value-origin.ts'
import type { YamlFile } from './yaml-file.ts'

type Issue = z.core.$ZodIssue
type Origins = Readonly<Record<string, { readonly origin: Origin }>>

/** One line for all that is wrong. Names keys and places, never values: a value may be a secret. */
export function describeIssues(
  issues: readonly Issue[],
  origins: Origins,
  file: YamlFile | undefined,
): string {
  return issues.map((issue) => describe(issue, origins, file)).join('; ')
}

function describe(issue: Issue, origins: Origins, file: YamlFile | undefined) {
  const path = issue.path.map(String)
  if (issue.code === 'unrecognized_keys') {
    return issue.keys
      .map((key) => `${unknownKey(path, key)}${placeOf([...path, key], origins, file)}`)
      .join('; ')
  }
  return `\`${path.join('.')}\` ${whatIsWrong(issue)}${placeOf(path, origins, file)}`
}

function unknownKey(parent: readonly string[], key: string): string {
  const prefix = parent.length === 0 ? '' : `${parent.join('.')}.`
  const meant = nearestWord(key, siblings(prefix))
  const hint = meant === undefined ? '' : `: did you mean \`${prefix}${meant}\`?`
  return `unknown key \`${prefix}${key}\`${hint}`
}

function siblings(prefix: string): string[] {
  if (/^sinks\.\d+\.$/.test(prefix)) {
    return [...new Set(sinkSchema.options.flatMap(({ shape }) => Object.keys(shape)))]
  }
  const below = configKeys.filter(({ path }) => path.startsWith(prefix))
  return [...new Set(below.map(({ path }) => path.slice(prefix.length).split('.')[0] ?? ''))]
}

function whatIsWrong(issue: Issue): string {
  if (issue.code === 'invalid_union' && issue.path.length === 3 && issue.path[2] === 'type')
    return `must be ${list(sinkTypes)}`
  if (issue.code === 'invalid_type') {
    return issue.expected === 'object' ? 'must hold keys and values' : `must be a ${issue.expected}`
  }
  if (issue.code === 'invalid_value') return `must be ${list(issue.values.map(String))}`
  return issue.message.startsWith('must') || issue.message.startsWith('has')
    ? issue.message
    : `is invalid: ${issue.message.charAt(0).toLowerCase()}${issue.message.slice(1)}`
}

function list(words: readonly string[]): string {
  return words.map((word) => `\`${word}\``).join(' or ')
}

/** Where a key was written, as ` (line 3 of `FILE`)`; nothing where that is not known. */
export function placeOf(
  path: readonly string[],
  origins: Origins,
  file: YamlFile | undefined,
): string {
  const origin = originOf(path, origins)
  if (origin?.kind === 'flag' || origin?.kind === 'env') return ` (from ${origin.name})`
  if (file === undefined) return ''
  const steps = path.map((part) => (/^\d+$/.test(part) ? Number(part) : part))
  return ` (line ${file.lineOf(steps)} of \`${file.file}\`)`
}

function originOf(path: readonly string[], origins: Origins): Origin | undefined {
  for (let length = path.length; length > 0; length -= 1) {
    const found = origins[path.slice(0, length).join('.')]
    if (found !== undefined) return found.origin
  }
  return undefined
}
