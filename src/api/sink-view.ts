import { z } from 'zod'
import type { View } from '../core/view.ts'
import { givenUpReasons, sinkStates } from './terms.ts'
import { count, each, flag, maybe, text } from './view-parts.ts'

/** State of a sink. Times are RFC 3339. */
export const sinkView = z.object({
  name: text,
  type: text,
  format: text,
  target: text,
  state: z.enum(sinkStates),
  waiting: count,
  waitingBytes: count,
  /** How long the oldest that waits has waited, in milliseconds. */
  lagMs: count,
  /** Since the agent started; an alert whose count rose is delivered again. */
  delivered: count,
  /** Attempts that failed: what they were to deliver waits, and is sent again. */
  refusals: count,
  givenUp: count,
  givenUpFor: each(givenUpReasons, count),
  lastDelivery: maybe,
  lastError: z.object({ time: text, text }).exactOptional(),
})
export type SinkView = View<typeof sinkView>

/** The answer of a sink to a test alert. */
export const sinkTest = z.object({
  ok: flag,
  /** Id of the test alert. */
  id: text,
  answer: text,
  tookMs: count,
})
export type SinkTest = View<typeof sinkTest>

/** The part of alert delivery that the API uses. */
export interface SinkAdmin {
  list(): readonly SinkView[]
  /** Errors: SINK_UNKNOWN. */
  test(name: string): Promise<SinkTest>
}
