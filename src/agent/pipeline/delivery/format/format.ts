import {
  type AuditRecord,
  isAudit,
  isIncident,
  type OutboundRecord,
} from '../../../../core/event/outbound-record.ts'
import type { Alert } from '../../../../core/event/alert.ts'
import type { IncidentRecord } from '../../../../core/incident/incident-record.ts'
import type { Product } from './alert-facts.ts'
import {
  auditToCef,
  auditToEcs,
  auditToFalco,
  auditToLeef,
  auditToOcsf,
  shortAudit,
} from './audit.ts'
import { toCef } from './cef.ts'
import { toEcs } from './ecs.ts'
import { toFalco } from './falco.ts'
import { toLeef } from './leef.ts'
import {
  incidentToCef,
  incidentToEcs,
  incidentToFalco,
  incidentToLeef,
  incidentToOcsf,
} from './incident.ts'
import { lineJson } from './line-text.ts'
import { toOcsf } from './ocsf.ts'
import { cuts, incidentCuts } from './shorten.ts'
import type { AlertFormat } from '../../../../core/event/alert-format.ts'

/** Renders one record as one line, without a line end. */
export type Render = (record: OutboundRecord) => string

/** Pure: the same record gives the same line. */
export function renderer(format: AlertFormat, product: Product): Render {
  switch (format) {
    case 'json':
      return lineJson
    case 'ecs':
      return (record) => lineJson(byType(record, product, toEcs, auditToEcs, incidentToEcs))
    case 'ocsf':
      return (record) => lineJson(byType(record, product, toOcsf, auditToOcsf, incidentToOcsf))
    case 'falco':
      return (record) => lineJson(byType(record, product, toFalco, auditToFalco, incidentToFalco))
    case 'cef':
      return (record) => byType(record, product, toCef, auditToCef, incidentToCef)
    case 'leef':
      return (record) => byType(record, product, toLeef, auditToLeef, incidentToLeef)
  }
}

function byType<T>(
  record: OutboundRecord,
  product: Product,
  ofAlert: (alert: Alert, product: Product) => T,
  ofAudit: (record: AuditRecord, product: Product) => T,
  ofIncident: (record: IncidentRecord, product: Product) => T,
): T {
  if (isAudit(record)) return ofAudit(record, product)
  return isIncident(record) ? ofIncident(record, product) : ofAlert(record, product)
}

/** Whether each line is a JSON object. */
export function isJson(format: AlertFormat): boolean {
  return format !== 'cef' && format !== 'leef'
}

const encoder = new TextEncoder()

/**
 * Renders a line of at most `maxBytes`. It shortens long arguments, ancestors and texts of the
 * alert until the line fits, so that the record stays valid. A line that still does not fit is cut
 * at the end.
 */
export function renderWithin(render: Render, maxBytes: number): Render {
  return (record) => {
    let line = render(record)
    // A code unit takes at most three bytes, so most lines need no count.
    if (line.length * 3 <= maxBytes) return line
    for (const shorter of [undefined, ...cutsOf(record)]) {
      line = shorter === undefined ? line : render(shorter())
      if (encoder.encode(line).length <= maxBytes) return line
    }
    return endAt(line, maxBytes)
  }
}

function cutsOf(record: OutboundRecord): readonly (() => OutboundRecord)[] {
  if (isAudit(record)) return [() => shortAudit(record)]
  if (isIncident(record)) return incidentCuts.map((cut) => () => cut(record))
  return cuts.map((cut) => () => cut(record))
}

function endAt(line: string, maxBytes: number): string {
  const bytes = encoder.encode(line)
  let end = maxBytes
  // Does not cut within a character.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return new TextDecoder().decode(bytes.subarray(0, end))
}
