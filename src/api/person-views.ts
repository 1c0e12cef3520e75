import { z } from 'zod'
import type { View } from '../core/view.ts'
import { count, maybe, severity, text, texts } from './view-parts.ts'

const facts = {
  sessions: count,
  alerts: count,
  severity: severity.exactOptional().meta({ description: 'of the gravest alert' }),
  firstSeen: text,
  lastSeen: text,
}

const personContainer = z.object({
  /** 64 hex digits. */
  id: text,
  name: maybe,
  place: text.meta({ description: 'its workload, or itself' }),
  /** Repository */
  image: maybe,
  ...facts,
  acts: texts.meta({ description: 'what their latest alerts there are about' }),
})
export type PersonContainer = View<typeof personContainer>

const personEntrance = z.object({
  kind: z.enum(['attach', 'port-forward']),
  /** `NAMESPACE/POD` */
  place: text,
  container: maybe.meta({ description: 'as the pod names it' }),
  as: maybe,
  from: maybe,
  began: text,
  ended: maybe.meta({ description: 'absent while it lasts, as far as the audit log has it' }),
})
export type PersonEntrance = View<typeof personEntrance>

/** What one person did in which containers, as far as there are alerts of it, and which pods they entered without any. */
export const personView = z.object({
  /** The user, as the API server authenticated them. */
  name: text,
  as: texts.meta({ description: 'users whom they impersonated' }),
  from: texts.meta({ description: 'addresses of their connections to the API server' }),
  ...facts,
  /** The latest first. */
  containers: z.array(personContainer),
  entrances: z.array(personEntrance).meta({
    description:
      '`kubectl attach` and `port-forward`, the latest first: they begin no program in the container',
  }),
})
export type PersonView = View<typeof personView>
