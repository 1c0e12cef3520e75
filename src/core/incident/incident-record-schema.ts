import { z } from 'zod'
import { alertDecision } from '../event/alert-schema.ts'
import { severities } from '../event/alert-words.ts'
import { openObject } from '../view.ts'

const text = z.string()
const texts = z.array(text)
const count = z.int().min(0)
const time = text.meta({ description: 'RFC 3339, UTC' })

/** `snug.incident/v1`: a whole incident, as it was at one moment. */
export const incidentRecord = openObject({
  schema: z.literal('snug.incident/v1'),
  id: text.meta({ description: 'of this record; sortable by time of creation' }),
  time: time.meta({ description: 'of this record' }),
  node: text,
  type: z.literal('incident'),
  incident: text.meta({
    description: 'id of the incident, as alerts have it: that of the alert that was raised first',
  }),
  revision: z.int().min(1).meta({
    description: '1 for the first record of the incident, and one more for each later one',
  }),
  state: z.enum(['open', 'closed', 'ended']).meta({
    description:
      '`ended`: its alerts belong to the incident `into`, or the node no longer keeps them',
  }),
  severity: z.enum(severities).meta({ description: 'of its gravest alert so far: it only rises' }),
  title: text,
  firstSeen: time,
  lastSeen: time,
  alerts: count.meta({ description: 'number of its alerts' }),
  open: count.meta({ description: 'alerts without a decision' }),
  events: count.meta({ description: 'events in all its alerts' }),
  severities: z.record(z.enum(severities), count).meta({ description: 'alerts by severity' }),
  containers: count,
  places: texts.meta({ description: 'workloads, or containers without one: the first few' }),
  images: texts.meta({ description: 'of its alerts so far: repository, with the tag if known' }),
  namespaces: texts.meta({ description: 'of its alerts so far' }),
  persons: texts.meta({ description: 'those who began its sessions' }),
  attack: texts.meta({ description: 'MITRE ATT&CK technique ids' }),
  guardrails: texts,
  alertIds: texts.meta({ description: 'its gravest alerts' }),
  follows: text.exactOptional().meta({
    description: 'the latest earlier incident with the same grave behaviour in the same image',
  }),
  into: text.exactOptional().meta({ description: 'the incident that its alerts belong to now' }),
  closed: alertDecision
    .exactOptional()
    .meta({ description: 'the latest decision, where none is missing' }),
})
