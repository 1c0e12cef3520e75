import { z } from 'zod'
import { SnugError } from '../../errors.ts'
import { type Route, route } from './route.ts'
import type { SinkTest, SinkView } from '../../api/sink-view.ts'

const text = z.string()
const count = z.number()

const sinkView: z.ZodType<SinkView> = z.object({
  name: text,
  type: text,
  format: text,
  target: text,
  state: z.enum(['idle', 'delivering', 'failing']),
  waiting: count,
  waitingBytes: count,
  lagMs: count,
  delivered: count,
  refusals: count,
  givenUp: count,
  givenUpFor: z.object({ full: count, late: count, refused: count }),
  lastDelivery: text.exactOptional(),
  lastError: z.object({ time: text, text }).exactOptional(),
})
const sinkTest: z.ZodType<SinkTest> = z.object({
  ok: z.boolean(),
  id: text,
  answer: text,
  tookMs: count,
})

/** Where alerts go, and whether they arrive. */
export const sinkRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/v1/sinks',
    role: 'viewer',
    summary: 'sinks with their queue, deliveries and errors',
    answer: z.array(sinkView),
    handle: ({ sinks }) => sinks?.().list() ?? [],
  }),
  route({
    method: 'POST',
    path: '/v1/sinks/:name/test',
    role: 'admin',
    summary: 'sends a test alert, and returns the response of the sink',
    body: z.strictObject({}).prefault({}),
    answer: sinkTest,
    handle: ({ sinks }, { params }) => {
      const name = params['name'] ?? ''
      if (sinks === undefined) throw new SnugError('SINK_UNKNOWN', `no sink is named \`${name}\``)
      return sinks().test(name)
    },
  }),
]
