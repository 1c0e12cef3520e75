import { z } from 'zod'
import { SnugError } from '../../errors.ts'
import { type Route, route } from './route.ts'
import { sinkTest, sinkView } from '../../api/sink-view.ts'

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
