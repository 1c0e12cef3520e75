import { z } from 'zod'
import { severities } from '../../core/event/alert.ts'
import type { PersonView } from '../../api/person-views.ts'

const text = z.string()
const texts = z.array(text)
const facts = {
  sessions: z.number(),
  alerts: z.number(),
  severity: z.enum(severities).meta({ description: 'of the gravest alert' }),
  firstSeen: text,
  lastSeen: text,
}

export const persons: z.ZodType<readonly PersonView[]> = z.array(
  z.object({
    name: text,
    as: texts.meta({ description: 'users whom they impersonated' }),
    from: texts.meta({ description: 'addresses of their connections to the API server' }),
    ...facts,
    containers: z.array(
      z.object({
        id: text,
        name: text.exactOptional(),
        place: text.meta({ description: 'its workload, or itself' }),
        image: text.exactOptional(),
        ...facts,
        acts: texts.meta({ description: 'what their latest alerts there are about' }),
      }),
    ),
  }),
)
