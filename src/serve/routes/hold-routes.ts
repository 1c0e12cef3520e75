import { duration, reason } from '../../api/body-parts.ts'
import { holdView } from '../../api/hold-views.ts'
import { z } from 'zod'
import { holdLevels } from '../../core/lifecycle/hold.ts'
import { because, present } from '../call-parts.ts'
import { type Route, route } from './route.ts'

const target = z
  .string()
  .min(1)
  .max(1_000)
  .meta({ description: 'a container by its name or the beginning of its id, a pod, or an IMAGE' })

/** Holds: a person keeps containers from acting. */
export const holdRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/v1/holds',
    role: 'viewer',
    summary: 'the containers that are held, and how far each hold has come',
    answer: z.array(holdView),
    handle: ({ engine }) => engine.holds(),
  }),
  route({
    method: 'POST',
    path: '/v1/holds',
    role: 'admin',
    summary: 'keeps containers from acting for a limited time, also those that start meanwhile',
    body: z.strictObject({
      target,
      level: z.enum(holdLevels).default('network'),
      for: duration.default(3_600_000),
      reason,
      dryRun: z.boolean().optional(),
    }),
    answer: holdView,
    handle: ({ engine }, { body: { for: forMs, reason: why, ...order }, by }) =>
      engine.hold(present({ ...order, forMs }), because(by, why)),
  }),
  route({
    method: 'POST',
    path: '/v1/holds/release',
    role: 'admin',
    summary:
      'ends the holds of that id, or of that container, pod or image; answers what they were',
    body: z.strictObject({ target, reason: reason.optional() }),
    answer: z.array(holdView),
    handle: ({ engine }, { body, by }) => engine.release(body.target, because(by, body.reason)),
  }),
]
