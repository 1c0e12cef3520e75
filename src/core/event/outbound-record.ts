import { alertTypes, type Severity } from './alert-words.ts'
import type { Alert } from './alert.ts'
import { sha256Hex } from '../behaviour/sha256.ts'
import { hashOf } from './file-hash.ts'
import type { IncidentRecord } from '../incident/incident-record.ts'

export const outboundRecordTypes = [...alertTypes, 'audit', 'incident'] as const
export type OutboundRecordType = (typeof outboundRecordTypes)[number]

/** A record that leaves the node: an alert, an entry of the audit trail, or an incident. Ids of all share one order. */
export type OutboundRecord = Alert | AuditRecord | IncidentRecord

/** `snug.audit/v1`: one link of the chain of all that was decided on this node. */
export interface AuditRecord {
  readonly schema: 'snug.audit/v1'
  readonly id: string
  readonly time: string
  readonly node: string
  readonly severity: Severity
  readonly type: 'audit'
  /**
   * SHA-256 of `entry`: the next entry has it as `previous`. A complete sequence from 1 on proves
   * that no entry is missing.
   */
  readonly hash: string
  readonly entry: AuditEntry
}

/** The content of one entry: actor, action, time, and details. */
export interface AuditFacts {
  /** RFC 3339 */
  readonly time: string
  readonly what: string
  /** `cli:root`, `token:NAME`, `agent`, `kernel` */
  readonly who: string
  readonly [member: string]: unknown
}

/** One link: it names its place, and the hash of the link before it. */
export interface AuditEntry extends AuditFacts {
  /** From 1 on. */
  readonly seq: number
  /** SHA-256 of the entry before, in hex. */
  readonly previous: string
}

export function isAudit(record: OutboundRecord): record is AuditRecord {
  return record.type === 'audit'
}

export function isIncident(record: OutboundRecord): record is IncidentRecord {
  return record.type === 'incident'
}

export function isAlert(record: OutboundRecord): record is Alert {
  return !isAudit(record) && !isIncident(record)
}

/** The unit whose records stay in order: a container or an incident; without one, the node. */
export function orderOf(record: OutboundRecord): string {
  if (isIncident(record)) return record.incident
  return (isAlert(record) ? record.container?.id : undefined) ?? record.node
}

/** What a receiver keeps in its newest state. An incident has the id of an alert, which is another document. */
export function documentOf(record: OutboundRecord): string {
  return isIncident(record) ? `incident-${record.incident}` : record.id
}

/** When the latest event of the record happened. */
export function lastTimeOf(record: OutboundRecord): string {
  return isAudit(record) ? record.time : record.lastSeen
}

/**
 * Equal for one state of a notice: an alert is given again when its count rises, its hashes or the persons of its sessions
 * come, or it is decided on.
 */
export function revisionOf(record: OutboundRecord): string {
  if (!isAlert(record)) return record.id
  const { decision, reopened, sessions = [] } = record
  // An alert may be decided on, opened again, and decided on once more.
  const since = decision === undefined ? reopened : `${decision.kind}-${decision.at}`
  const hashes = (hashOf(record.event) === undefined ? 0 : 1) + (record.files?.length ?? 0)
  const persons = sessions
    .map(({ person }) => person)
    .filter((person) => person.certainty !== 'unknown' || person.why !== 'waiting')
  return [
    record.id,
    record.count,
    ...(hashes === 0 ? [] : [`h${hashes}`]),
    ...(persons.length === 0 ? [] : [`p${sha256Hex(JSON.stringify(persons)).slice(0, 12)}`]),
    ...(since === undefined ? [] : [since]),
  ].join('-')
}

/** Decisions that leave an image less guarded; and those on who may decide, and on what the agent does. */
const severityOf: Readonly<Record<string, Severity>> = {
  'break-glass': 'high',
  disarmed: 'high',
  mode: 'medium',
  config: 'medium',
  'token-create': 'medium',
  'token-remove': 'medium',
  incident: 'medium',
  'image-remove': 'medium',
}

/** Undefined for an entry of a build that gave them no ids. */
export function auditRecord(
  entry: AuditEntry,
  hash: string,
  node: string,
): AuditRecord | undefined {
  const { id, time, what } = entry
  if (typeof id !== 'string') return undefined
  const severity = severityOf[what] ?? 'low'
  return { schema: 'snug.audit/v1', id, time, node, severity, type: 'audit', hash, entry }
}

/** JSON with sorted members: the text that the hash of an entry is of. */
export function canonicalJson(value: unknown): string {
  if (!isRecord(value)) return JSON.stringify(value, withSortedMembers)
  const members = Object.entries(sorted(value)).flatMap(([name, member]) => {
    // A replacer takes ten times as long, and an entry may have thousands of changes.
    const text = isSorted(member)
      ? JSON.stringify(member)
      : JSON.stringify(member, withSortedMembers)
    return text === undefined ? [] : [`${JSON.stringify(name)}:${text}`]
  })
  return `{${members.join(',')}}`
}

function withSortedMembers(_: string, member: unknown): unknown {
  return isRecord(member) ? sorted(member) : member
}

function sorted(record: object): object {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whether all of its members are in order, to any depth. */
function isSorted(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true
  if (Array.isArray(value)) return value.every(isSorted)
  let last = ''
  for (const [name, member] of Object.entries(value)) {
    if (name < last || !isSorted(member)) return false
    last = name
  }
  return true
}
