import { z } from 'zod'
import { durationPattern, parseDuration } from '../support/config/duration.ts'

export const reason = z.string().min(1).max(1_000)
export const moment = z.iso.datetime({
  offset: true,
  error: 'must be a time such as `2026-12-01T00:00:00Z`',
})
/** Milliseconds once parsed. */
export const duration = z
  .string()
  .regex(durationPattern, { error: 'must be a duration such as `15m`' })
  .transform((text) => parseDuration(text) ?? 0)
export const userId = z.int().min(0).max(4_294_967_295)
export const behaviourIds = z.array(z.string().min(1).max(200)).min(1).max(100_000)

/** The IMAGE of a path with `:ref`. */
export function ref(params: Readonly<Record<string, string>>): string {
  return params['ref'] ?? ''
}

/** Who decided, with the reason where one was given. */
export function because<T extends object>(
  by: T,
  text: string | undefined,
): T & { reason?: string } {
  return text === undefined ? by : { ...by, reason: text }
}

type Present<T> = { [K in keyof T]: Exclude<T[K], undefined> }

/** Members that are `undefined` are left out, as the facade's optional members want it. */
export function present<T extends object>(value: T): Present<T> {
  return Object.fromEntries(
    Object.entries(value).filter(([, member]) => member !== undefined),
  ) as Present<T>
}
