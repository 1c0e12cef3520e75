import { z } from 'zod'

export const liveTopics = ['events', 'alerts'] as const
export type LiveTopic = (typeof liveTopics)[number]

/** What a client of `/v1/live` asks for. */
export const liveQuery = z.strictObject({
  topics: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(z.enum(liveTopics)).min(1)),
  image: z.string().min(1).optional(),
  container: z.string().min(1).optional(),
  /** Every act, also what the kernel would only count. */
  raw: z.stringbool().optional(),
})
export type LiveRequest = z.output<typeof liveQuery>

/** One message of `/v1/live`. `n` rises by one with each, so that a client can tell that none is missing. */
export type LiveMessage = { readonly n: number } & LiveBody

export type LiveBody =
  | { readonly type: 'ready'; readonly topics: readonly LiveTopic[] }
  | { readonly type: 'item'; readonly topic: LiveTopic; readonly item: unknown }
  | { readonly type: 'lagged'; readonly topic: LiveTopic; readonly missed: number }
  | { readonly type: 'error'; readonly code: string; readonly detail: string }
