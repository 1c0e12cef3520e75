import { z } from 'zod'
import type { View } from '../../core/view.ts'
import { configKeys } from './config-keys.ts'
import type { LoadedConfig } from './load-config.ts'
import type { Origin } from './value-origin.ts'

export const explainedKey = z.object({
  key: z.string(),
  /** As it was written; never a secret. */
  value: z.string(),
  from: z.string(),
})
export type ExplainedKey = View<typeof explainedKey>

/** Every key with its value and origin, for `snug config explain` and `GET /v1/config`. */
export function explainConfig(loaded: LoadedConfig): readonly ExplainedKey[] {
  return configKeys.map(({ path }) => {
    const entry = loaded.origins[path]
    return {
      key: path,
      value: show(entry?.written),
      from: entry === undefined ? 'default' : describeOrigin(entry.origin),
    }
  })
}

function describeOrigin(origin: Origin): string {
  switch (origin.kind) {
    case 'flag':
      return `flag ${origin.name}`
    case 'env':
      return `variable ${origin.name}`
    case 'file':
      return `${origin.file} line ${origin.line}`
    case 'default':
      return 'default'
  }
}

function show(value: unknown): string {
  if (value === undefined) return ''
  return redact(typeof value === 'string' ? value : JSON.stringify(value))
}

/** User information and query of an address are the places of this schema where a secret can stand. */
function redact(text: string): string {
  return text
    .replace(/(\w+:\/\/)[^/@\s"]+@/g, '$1***@')
    .replace(/(\w+:\/\/[^\s"?]+\?)[^\s"]+/g, '$1***')
}
