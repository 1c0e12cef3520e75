import type { Severity } from '../../../../core/event/alert-words.ts'
import type { OutboundRecord } from '../../../../core/event/outbound-record.ts'
import { visible } from '../format/line-text.ts'

/** Severities of RFC 5424: critical, error, warning, notice. */
const levels: Readonly<Record<Severity, number>> = { critical: 2, high: 3, medium: 4, low: 5 }

export interface SyslogHeader {
  /** 0–23 */
  readonly facility: number
  readonly pid: number
}

/** One RFC 5424 message, with the rendered record as MSG. */
export function syslogRecord(
  record: OutboundRecord,
  line: string,
  { facility, pid }: SyslogHeader,
): Buffer {
  const head = [
    `<${facility * 8 + levels[record.severity]}>1`,
    record.time,
    word(record.node, 255),
    'snug',
    String(pid),
    word(record.type, 32),
    '-',
  ]
  return Buffer.from(`${head.join(' ')} ${line}`)
}

/** Maximum size of a header, in bytes. */
export const longestHeader = 400

/** Printable ASCII without spaces, for header fields; `-` if nothing is left. */
function word(text: string, most: number): string {
  const safe = visible(text).replace(/[^\x21-\x7e]/g, '_')
  return safe.slice(0, most) || '-'
}

/** RFC 6587: the length precedes each message, so that a line end within it is data. */
export function octetCounted(records: readonly Buffer[]): Buffer {
  return Buffer.concat(records.flatMap((record) => [Buffer.from(`${record.length} `), record]))
}
