import type { IncidentRecord } from '../../../../core/incident/incident-record.ts'
import { compact, epochMs, onScale, type Product } from './alert-facts.ts'
import { cefLine, cefSeverities } from './cef.ts'
import { ecsHead, ecsSeverities } from './ecs.ts'
import { falcoPriorities } from './falco.ts'
import { leefLine } from './leef.ts'
import { ocsfAttacks, ocsfFinding, ocsfProduct, ocsfSeverity } from './ocsf.ts'

/** Incidents, in every format. Each record has the whole incident. */

/** One class for all of them, so that a rule of a SIEM sees each state. */
export const incidentClass = 'incident'

/** Where it is, what happened, how much of it, and what became of it. */
export function incidentSentence(record: IncidentRecord): string {
  const { title, alerts, containers } = record
  const size = `${counted(alerts, 'alert')} in ${counted(containers, 'container')}`
  return `${title} · ${size}, ${incidentState(record)}`
}

function counted(count: number, what: string): string {
  return count === 1 ? `1 ${what}` : `${count} ${what}s`
}

/** The state, with its reason. */
export function incidentState({ state, closed, into }: IncidentRecord): string {
  if (state === 'ended') return into === undefined ? 'no longer kept' : `joined to ${into}`
  if (closed === undefined) return state
  const reason = closed.reason === undefined ? '' : `: ${closed.reason}`
  return `${state} by ${closed.by}${reason}`
}

/** What only Snug has a name for. */
function ownFacts(record: IncidentRecord): Record<string, unknown> {
  const { schema: _, id: __, time: ___, node: ____, type: _____, ...rest } = record
  const { severity: ______, incident: id, ...own } = rest
  return { id, ...own }
}

export function incidentToEcs(record: IncidentRecord, product: Product): Record<string, unknown> {
  const { incident, attack, persons, namespaces } = record
  return compact({
    ...ecsHead(record, product),
    message: incidentSentence(record),
    event: {
      id: record.id,
      kind: 'alert',
      module: 'snug',
      dataset: 'snug.incident',
      provider: 'agent',
      action: `${incidentClass}.${record.state}`,
      category: ['intrusion_detection'],
      type: ['info'],
      outcome: 'unknown',
      severity: onScale(ecsSeverities, record),
      sequence: record.revision,
      reason: record.closed?.reason,
      start: record.firstSeen,
      end: record.lastSeen,
    },
    labels: { incident },
    rule: { name: 'Incident', category: record.type },
    threat:
      attack.length === 0 ? undefined : { framework: 'MITRE ATT&CK', technique: { id: attack } },
    orchestrator: namespaces.length === 1 ? { namespace: namespaces[0] } : undefined,
    related: { user: persons, hosts: [record.node] },
    snug: { schema: record.schema, type: record.type, incident: ownFacts(record) },
  })
}

/** Incident Finding (class 2005): each alert that the record lists is a finding of it. */
export function incidentToOcsf(record: IncidentRecord, product: Product): Record<string, unknown> {
  const { state, revision, incident, closed, alertIds, node } = record
  const isOpen = state === 'open'
  const activity = isOpen ? (revision === 1 ? 1 : 2) : 3
  return compact({
    ...ocsfFinding(2005, 'Incident Finding', activity),
    time: epochMs(record.time),
    ...ocsfSeverity(record),
    status_id: isOpen ? 1 : 5,
    status: isOpen ? 'New' : 'Closed',
    status_detail: incidentState(record),
    message: incidentSentence(record),
    desc: record.title,
    count: record.alerts,
    start_time: epochMs(record.firstSeen),
    end_time: epochMs(record.lastSeen),
    metadata: {
      ...ocsfProduct(record, product),
      correlation_uid: incident,
      sequence: revision,
      profiles: ['incident'],
    },
    finding_info_list: alertIds.map((uid) => ({ uid })),
    attacks: ocsfAttacks(record),
    // The class requires one of both.
    assignee: closed === undefined ? undefined : { name: closed.by },
    assignee_group: closed === undefined ? { name: 'unassigned' } : undefined,
    comment: closed?.reason,
    unmapped: { node, incident: { ...ownFacts(record), alertIds: undefined } },
  })
}

export function incidentToFalco(record: IncidentRecord): Record<string, unknown> {
  const priority = onScale(falcoPriorities, record)
  return {
    uuid: record.id,
    hostname: record.node,
    priority,
    rule: 'Snug Incident',
    source: 'snug',
    tags: ['snug', record.type, ...record.guardrails, ...record.attack],
    time: record.time,
    output: `${record.time} ${priority} ${incidentSentence(record)}`,
    output_fields: compact({
      'evt.time.iso8601': record.lastSeen,
      'container.id': 'host',
      'snug.id': record.id,
      'snug.severity': record.severity,
      'snug.incident': record.incident,
      'snug.incident.revision': record.revision,
      'snug.incident.state': record.state,
      'snug.incident.alerts': record.alerts,
      'snug.incident.open': record.open,
      'snug.incident.containers': record.containers,
      'snug.incident.places': record.places.join(', '),
      'snug.incident.alert_ids': record.alertIds.join(','),
      'snug.incident.into': record.into,
      'snug.persons': record.persons.join('; ') || undefined,
    }),
  }
}

/** For formats of keys and values. */
function flat(record: IncidentRecord): readonly (readonly [string, string | number | undefined])[] {
  const listed = (values: readonly string[]): string | undefined => values.join(',') || undefined
  return [
    ['incident', record.incident],
    ['revision', record.revision],
    ['open', record.open],
    ['events', record.events],
    ['containers', record.containers],
    ['places', listed(record.places)],
    ['images', listed(record.images)],
    ['attack', listed(record.attack)],
    ['guardrails', listed(record.guardrails)],
    ['persons', listed(record.persons)],
    ['follows', record.follows],
    ['into', record.into],
    ['closedBy', record.closed?.by],
    ['alertIds', listed(record.alertIds)],
    ['msg', incidentSentence(record)],
  ]
}

export function incidentToCef(record: IncidentRecord, product: Product): string {
  const head = [incidentClass, 'Incident', onScale(cefSeverities, record)]
  const fields: readonly (readonly [string, string | number | undefined])[] = [
    ['externalId', record.id],
    ['rt', epochMs(record.time)],
    ['start', epochMs(record.firstSeen)],
    ['end', epochMs(record.lastSeen)],
    ['cat', record.type],
    ['act', record.state],
    ['cnt', record.alerts],
    ['dvchost', record.node],
    ...flat(record),
  ]
  return cefLine(
    product,
    head,
    fields.flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const])),
  )
}

export function incidentToLeef(record: IncidentRecord, product: Product): string {
  return leefLine(product, incidentClass, [
    ['devTime', epochMs(record.time)],
    ['cat', record.type],
    ['sev', onScale(cefSeverities, record)],
    ['identHostName', record.node],
    ['id', record.id],
    ['name', 'Incident'],
    ['action', record.state],
    ['count', record.alerts],
    ['firstSeen', epochMs(record.firstSeen)],
    ['lastSeen', epochMs(record.lastSeen)],
    ...flat(record),
  ])
}
