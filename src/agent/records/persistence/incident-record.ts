import type { IncidentRecord } from '../../../core/incident/incident-record.ts'
import { incidentRecord } from '../../../core/incident/incident-record-schema.ts'
import type { StoreWrite } from '../store/store.ts'

/** In the table `meta`: the last record of each incident. */
const prefix = 'incident '

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
