import { z } from 'zod'
import { address, loginTogether, natsAccess, together } from './sink-schema.ts'
import { duration } from './value-schema.ts'

const bucket = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,200}$/, 'must be a name of letters, digits, `_` and `-`')
  .default('snug')

/** Of the console: the bucket of a fleet without Kubernetes. */
export const consoleFleetSchema = z
  .strictObject({
    type: z.literal('nats').meta({
      description: 'where the agents share profiles and decisions, as in `fleet` of each agent',
    }),
    ...natsAccess,
    bucket: bucket.meta({ description: 'must exist: the console does not create it' }),
  })
  .refine(loginTogether, together)

/** Where nodes without Kubernetes share profiles and decisions. */
export const fleetSchema = z
  .strictObject({
    type: z.enum(['none', 'nats']).default('none').meta({
      description:
        'where nodes without Kubernetes share profiles and decisions: `none`, or a key-value bucket of NATS JetStream (`nats`), see docs/fleet.md',
    }),
    ...natsAccess,
    servers: z.array(address).max(100).default([]).meta({
      description: 'servers to try in order: `HOST:PORT`',
    }),
    bucket: bucket.meta({ description: 'must exist: the agent does not create it' }),
    shareWithin: duration.prefault('2m').meta({
      description: 'maximum delay of what this node learned; decisions of people are not delayed',
    }),
  })
  .refine(({ type, servers }) => type === 'none' || servers.length > 0, {
    path: ['servers'],
    message: 'must name at least one server',
  })
  .refine((fleet) => fleet.type === 'none' || loginTogether(fleet), together)
