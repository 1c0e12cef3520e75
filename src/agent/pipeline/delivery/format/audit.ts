import { type AuditRecord, canonicalJson } from '../../../../core/event/outbound-record.ts'
import { compact, epochMs, onScale, type Product } from './alert-facts.ts'
import { cefLine, cefSeverities } from './cef.ts'
import { ecsHead, ecsSeverities } from './ecs.ts'
import { falcoPriorities } from './falco.ts'
import { leefLine } from './leef.ts'
import { ocsfProduct, ocsfSeverity } from './ocsf.ts'

/**
 * Entries of the audit trail, in every format. Each carries the whole entry as the text that `hash`
 * covers.
 */

/** A stable class of entries, such as `audit.break-glass`. */
export function auditClass({ entry }: AuditRecord): string {
  return `audit.${entry.what}`
}

/** Who did what, of what, and why. */
export function auditSentence({ entry }: AuditRecord): string {
  const parts = ['image', 'alert', 'name', 'reason', 'because'].map((member) => entry[member])
  const reported = parts.filter((part) => typeof part === 'string')
  return [`${entry.who}: ${entry.what}`, ...reported].join(': ')
}

export function auditToEcs(record: AuditRecord, product: Product): Record<string, unknown> {
  const { entry, hash } = record
  return compact({
    ...ecsHead(record, product),
    message: auditSentence(record),
    event: {
      id: record.id,
      kind: 'event',
      module: 'snug',
      dataset: 'snug.audit',
      provider: 'agent',
      action: auditClass(record),
      category: ['configuration'],
      type: [activityOf(entry) === read ? 'access' : 'change'],
      outcome: 'success',
      severity: onScale(ecsSeverities, record),
      sequence: entry.seq,
      hash,
      reason: textOf(entry['reason']),
    },
    user: { name: entry.who },
    snug: {
      schema: record.schema,
      type: record.type,
      audit: { seq: entry.seq, previous: entry.previous, hash, entry: canonicalJson(entry) },
    },
  })
}

const entityClass = 3004
const read = { id: 2, name: 'Read' } as const
const activities = {
  'case-read': read,
  'tool-call': read,
  'token-create': { id: 1, name: 'Create' },
  'token-remove': { id: 4, name: 'Delete' },
} as const
const update = { id: 3, name: 'Update' } as const
const sha256Algorithm = 3

function activityOf({ what }: AuditRecord['entry']) {
  return activities[what as keyof typeof activities] ?? update
}

/** Entity Management (class 3004). The entity is the profile of an image, a token, or the agent. */
export function auditToOcsf(record: AuditRecord, product: Product): Record<string, unknown> {
  const { entry, hash } = record
  const activity = activityOf(entry)
  return compact({
    category_uid: 3,
    category_name: 'Identity & Access Management',
    class_uid: entityClass,
    class_name: 'Entity Management',
    activity_id: activity.id,
    activity_name: activity.name,
    type_uid: entityClass * 100 + activity.id,
    type_name: `Entity Management: ${activity.name}`,
    time: epochMs(record.time),
    ...ocsfSeverity(record),
    status_id: 1,
    status: 'Success',
    message: auditSentence(record),
    metadata: { ...ocsfProduct(record, product), sequence: entry.seq, profiles: ['host'] },
    actor: { user: { name: entry.who } },
    device: { hostname: record.node, name: record.node, type_id: 0, type: 'Unknown' },
    entity: {
      name: textOf(entry['image']) ?? textOf(entry['name']) ?? textOf(entry['alert']) ?? 'agent',
      type: auditClass(record),
    },
    comment: textOf(entry['reason']),
    raw_data: canonicalJson(entry),
    raw_data_hash: { algorithm_id: sha256Algorithm, algorithm: 'SHA-256', value: hash },
    unmapped: { seq: entry.seq, previous: entry.previous },
  })
}

export function auditToFalco(record: AuditRecord): Record<string, unknown> {
  const { entry, hash } = record
  const priority = onScale(falcoPriorities, record)
  return {
    uuid: record.id,
    hostname: record.node,
    priority,
    rule: `Snug Audit: ${entry.what}`,
    source: 'snug',
    tags: ['snug', 'audit'],
    time: record.time,
    output: `${record.time} ${priority} ${auditSentence(record)}`,
    output_fields: compact({
      'evt.time.iso8601': record.time,
      'container.id': 'host',
      'user.name': entry.who,
      'snug.id': record.id,
      'snug.severity': record.severity,
      'snug.audit.what': entry.what,
      'snug.audit.seq': entry.seq,
      'snug.audit.previous': entry.previous,
      'snug.audit.hash': hash,
      'snug.audit.entry': canonicalJson(entry),
    }),
  }
}

export function auditToCef(record: AuditRecord, product: Product): string {
  const { entry, hash } = record
  const head = [auditClass(record), `Audit: ${entry.what}`, onScale(cefSeverities, record)]
  return cefLine(product, head, [
    ['externalId', record.id],
    ['rt', epochMs(record.time)],
    ['cat', 'audit'],
    ['act', entry.what],
    ['dvchost', record.node],
    ['suser', entry.who],
    ['msg', auditSentence(record)],
    ['cn1Label', 'seq'],
    ['cn1', entry.seq],
    ['cs1Label', 'previous'],
    ['cs1', entry.previous],
    ['cs2Label', 'hash'],
    ['cs2', hash],
    ['cs3Label', 'entry'],
    ['cs3', canonicalJson(entry)],
  ])
}

export function auditToLeef(record: AuditRecord, product: Product): string {
  const { entry, hash } = record
  return leefLine(product, auditClass(record), [
    ['devTime', epochMs(record.time)],
    ['cat', 'audit'],
    ['sev', onScale(cefSeverities, record)],
    ['identHostName', record.node],
    ['id', record.id],
    ['usrName', entry.who],
    ['action', entry.what],
    ['seq', entry.seq],
    ['previous', entry.previous],
    ['hash', hash],
    ['entry', canonicalJson(entry)],
    ['msg', auditSentence(record)],
  ])
}

/** Characters, from the end, because the digest is there. */
const longestImage = 256

/**
 * Omits the changes of a decision to fit the limit. The hash of the entry then cannot be checked,
 * but its position can.
 */
export function shortAudit(record: AuditRecord): AuditRecord {
  const { id, seq, previous, time, what, who } = record.entry
  const image = textOf(record.entry['image'])?.slice(-longestImage)
  const entry = { id, seq, previous, time, what, who, ...(image === undefined ? {} : { image }) }
  return { ...record, entry: { ...entry, cut: true } }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
