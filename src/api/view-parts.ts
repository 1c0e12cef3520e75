import { z } from 'zod'
import { severities } from '../core/event/alert-words.ts'

/** Parts that views have in common. Each is only described: the engine makes the values. */
export const text = z.string()
export const maybe = text.exactOptional()
export const texts = z.array(text)
export const count = z.number()
/** A uid, or the user that image or pod declare. */
export const user = z.union([count, z.literal('declared')])
export const counts = z.record(text, count)
export const flag = z.boolean()
export const severity = z.enum(severities)
export const bySeverity = z.record(severity, count)

/** An object with the same member under each of the words. */
export function each<Word extends string, Value extends z.ZodType>(
  words: readonly Word[],
  value: Value,
): z.ZodObject<Record<Word, Value>> {
  return z.object(Object.fromEntries(words.map((word) => [word, value])) as Record<Word, Value>)
}
