import { z } from 'zod'
import { durationPattern, parseDuration } from '../support/config/duration.ts'

/** Parts that requests have in common. */
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
