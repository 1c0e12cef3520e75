import { z } from 'zod'
import { severities } from '../../../core/event/alert-words.ts'
import {
  type IncidentRecord,
  incidentRecordStates,
} from '../../../core/incident/incident-record.ts'
import type { StoreWrite } from '../store/store.ts'

/** In the table `meta`: the last record of each incident. */
const prefix = 'incident '

const text = z.string()
const texts = z.array(text)
const count = z.int().min(0)
const time = text.meta({ description: 'RFC 3339, UTC' })

export const incidentRecord: z.ZodType<IncidentRecord> = z.looseObject({
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
  state: z.enum(incidentRecordStates).meta({
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
  closed: z
    .looseObject({
      kind: z.enum(['allowed', 'rejected', 'acknowledged']),
      by: text,
      at: time,
      reason: text.exactOptional(),
    })
    .exactOptional()
    .meta({ description: 'the latest decision, where none is missing' }),
})

export function incidentWrite(record: IncidentRecord): StoreWrite {
  return { kind: 'meta', key: `${prefix}${record.incident}`, value: record }
}

export function incidentRemoval(incident: string): StoreWrite {
  return { kind: 'meta-removed', key: `${prefix}${incident}` }
}

/** `damaged` gets the key of what cannot be read. */
export function restoreIncidents(
  meta: Readonly<Record<string, unknown>>,
  damaged: (key: string) => void,
): readonly IncidentRecord[] {
  const stored = Object.entries(meta).filter(([key]) => key.startsWith(prefix))
  return stored.flatMap(([key, value]) => {
    const read = incidentRecord.safeParse(value)
    if (read.success) return [read.data]
    damaged(key)
    return []
  })
}
