import { z } from 'zod'
import { type Hold, holdLevels } from '../../../core/lifecycle/hold.ts'

/** In the table `meta`: the holds that have not ended. */
export const holdsKey = 'holds'

const time = z.number().finite()
const holdsSchema: z.ZodType<readonly Hold[]> = z.array(
  z.object({
    id: z.string(),
    level: z.enum(holdLevels),
    target: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('container'), id: z.string() }),
      z.object({
        kind: z.literal('pod'),
        namespace: z.string().exactOptional(),
        pod: z.string(),
      }),
      z.object({ kind: z.literal('image'), ref: z.string() }),
    ]),
    by: z.string(),
    reason: z.string(),
    since: time,
    until: time,
    shared: z.object({ ref: z.string(), id: z.string(), until: z.string() }).exactOptional(),
    isReleased: z.literal(true).exactOptional(),
    isOver: z.literal(true).exactOptional(),
  }),
)

/** Undefined: what is stored cannot be read. */
export function restoreHolds(stored: unknown): readonly Hold[] | undefined {
  return stored === undefined ? [] : holdsSchema.safeParse(stored).data
}
