import { z } from 'zod'
import { duration } from '../../api/body-parts.ts'
import { route } from './route.ts'

/** The state of a container as the OCI runtime gives it to hooks. Other members are not read. */
const state = z.object({
  id: z.string().regex(/^[0-9a-f]{64}$/, { error: 'must have 64 hexadecimal digits' }),
})
const within = duration
  .refine((ms) => ms >= 1 && ms <= 60_000, { error: 'must be at most `60s`' })
  .prefault('2s')

export const startsRoute = route({
  method: 'POST',
  path: '/v1/starts',
  role: 'admin',
  summary:
    'a hook of the container runtime reports a container before it starts; the answer comes once the kernel judges it',
  query: z.strictObject({ within }),
  body: state,
  answer: z.object({ judged: z.literal(true) }),
  handle: async ({ engine }, { body, query }) => {
    await engine.starting(body.id, query.within)
    return { judged: true }
  },
})
