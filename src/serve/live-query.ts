import { z } from 'zod'
import type { LiveQuery } from '../api/engine.ts'
import type { LiveMessage as Reported } from '../api/live-log.ts'
import { present } from './call-parts.ts'

export const liveTopics = ['alerts', 'states', 'events'] as const
export type LiveTopic = (typeof liveTopics)[number]

/** The request of a client of `/v1/live`. */
export const liveQuery = z.strictObject({
  topics: z
    .string()
    .default('alerts,states')
    .transform((text) => text.split(','))
    .pipe(z.array(z.enum(liveTopics)).min(1))
    .refine((topics) => !topics.includes('events') || topics.every((each) => each === 'events'), {
      message: 'request events without other topics',
    }),
  from: z.coerce
    .number()
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER)
    .optional()
    .meta({ description: 'number of the first message to send' }),
  image: z.string().min(1).max(500).optional(),
  container: z.string().min(1).max(500).optional(),
  raw: z.stringbool().optional().meta({
    description: 'for events: every event, including those that the kernel would only count',
  }),
})
export type LiveRequest = z.output<typeof liveQuery>

/** One message of `/v1/live`. */
export type LiveMessage =
  /** `n`: the number before the first that may come. */
  | { readonly type: 'ready'; readonly n: number; readonly topics: readonly LiveTopic[] }
  | Reported<unknown>
  | { readonly type: 'error'; readonly code: string; readonly detail: string }

export function engineQuery(request: LiveRequest): LiveQuery {
  return present(request)
}

export function isOfEvents({ topics }: LiveRequest): boolean {
  return topics.includes('events')
}
