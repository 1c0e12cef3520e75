import { SnugError } from '../../../errors.ts'
import { nameOfBytes } from '../../../agent/pipeline/sources/ebpf/kernel-name.ts'

/** One line of auditd's log. */
export interface AuditRecord {
  readonly type: string
  /** Seconds since 1970 with three digits, as text; with the serial it names the event. */
  readonly time: string
  readonly serial: string
  /** Values as written: in quotes, as hex, or bare. */
  readonly fields: ReadonlyMap<string, string>
}

// Ten digits of seconds end in the year 2286; a date cannot hold all that more digits can say.
const head = /^(?:node=\S+ )?type=(\S+) msg=audit\((\d{1,10}\.\d{1,9}):(\d+)\): ?(.*)$/s
const pair = /([A-Za-z0-9_[\]-]+)=("[^"]*"|'[^']*'|\S*)/g
const separator = '\u001d'

/** Errors: `EVENT_INVALID` if the line does not match auditd's format. */
export function parseAuditLine(line: string): AuditRecord {
  const match = head.exec(line)
  if (match === null) throw new SnugError('EVENT_INVALID', 'the line is not an audit record')
  const [, type = '', time = '', serial = '', rest = ''] = match
  const fields = new Map<string, string>()
  // An enriched log appends decoded numbers after a separator, under the same names in capitals.
  const [raw = '', enriched = ''] = rest.split(separator)
  for (const [, key = '', value = ''] of raw.matchAll(pair)) fields.set(key, value)
  for (const [, key = '', value = ''] of enriched.matchAll(pair)) fields.set(key, value)
  return { type, time, serial, fields }
}

/**
 * A value that a program chose: in quotes, or as hex if quotes cannot represent it. Undefined:
 * `(null)`.
 */
export function textOf(value: string | undefined): string | undefined {
  if (value === undefined || value === '(null)' || value === '') return undefined
  if (value.startsWith('"')) return nameOfBytes(Buffer.from(value.slice(1, -1)))
  return /^(?:[0-9A-Fa-f]{2})+$/.test(value) ? nameOfBytes(Buffer.from(value, 'hex')) : value
}

export function numberOf(value: string | undefined, base = 10): number | undefined {
  if (value === undefined) return undefined
  const number = Number.parseInt(value, base)
  return Number.isNaN(number) ? undefined : number
}
