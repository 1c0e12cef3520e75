import { z } from 'zod'

/** Report writers omit unknown members, or write `null`. */
export const text = z
  .string()
  .nullish()
  .transform((value) => value ?? undefined)

/** Reads a list one item at a time: one that is not as it should be is counted, and costs only itself. */
export class Items {
  rejected = 0

  of<T>(value: unknown, schema: z.ZodType<T>): readonly T[] {
    if (value === undefined || value === null) return []
    if (!Array.isArray(value)) {
      this.rejected += 1
      return []
    }
    return value.flatMap((item): T[] => {
      const parsed = schema.safeParse(item)
      if (parsed.success) return [parsed.data]
      this.rejected += 1
      return []
    })
  }
}
