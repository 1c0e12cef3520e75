import { isAudit, type OutboundRecord } from '../../../../core/event/outbound-record.ts'
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
import { lineJson } from './line-text.ts'
import { toOcsf } from './ocsf.ts'
import { cuts } from './shorten.ts'
import type { AlertFormat } from '../../../../core/event/alert-format.ts'

/** Renders one record as one line, without a line end. */
export type Render = (record: OutboundRecord) => string

/** Pure: the same record gives the same line. */
export function renderer(format: AlertFormat, product: Product): Render {
  switch (format) {
    case 'json':
      return lineJson
    case 'ecs':
      return (record) =>
        lineJson(isAudit(record) ? auditToEcs(record, product) : toEcs(record, product))
    case 'ocsf':
      return (record) =>
        lineJson(isAudit(record) ? auditToOcsf(record, product) : toOcsf(record, product))
    case 'falco':
      return (record) => lineJson(isAudit(record) ? auditToFalco(record) : toFalco(record))
    case 'cef':
      return (record) => (isAudit(record) ? auditToCef(record, product) : toCef(record, product))
    case 'leef':
      return (record) => (isAudit(record) ? auditToLeef(record, product) : toLeef(record, product))
  }
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
  return cuts.map((cut) => () => cut(record))
}

function endAt(line: string, maxBytes: number): string {
  const bytes = encoder.encode(line)
  let end = maxBytes
  // Does not cut within a character.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return new TextDecoder().decode(bytes.subarray(0, end))
}
