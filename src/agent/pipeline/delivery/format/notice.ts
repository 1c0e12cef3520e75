import type { Alert } from '../../../../core/event/alert.ts'
import { isAudit, isIncident, type OutboundRecord } from '../../../../core/event/outbound-record.ts'
import type { IncidentRecord } from '../../../../core/incident/incident-record.ts'
import {
  alertClass,
  classTitle,
  imageName,
  personsLine,
  sentence,
  workloadName,
} from './alert-facts.ts'
import { auditClass, auditSentence } from './audit.ts'
import { incidentClass, incidentState } from './incident.ts'
import { visible } from './line-text.ts'

/** A record as people read it: for chats, and for alert managers. Names from a container are data in it. */
export interface Notice {
  /** A stable class, such as `deviation.exec`. */
  readonly kind: string
  readonly title: string
  readonly text: string
  /** Label and value; the labels are stable. */
  readonly facts: readonly (readonly [string, string])[]
}

/** Code units. */
const longestText = 700
const longestFact = 200

export function noticeOf(record: OutboundRecord): Notice {
  const own = isAudit(record)
    ? {
        kind: auditClass(record),
        title: `Audit: ${record.entry.what}`,
        text: auditSentence(record),
        facts: [],
      }
    : isIncident(record)
      ? incidentNotice(record)
      : alertNotice(record)
  const always = [
    ['node', record.node],
    ['id', isIncident(record) ? record.incident : record.id],
  ] as const
  const facts = [...own.facts, ...always].flatMap(([label, value]): [string, string][] =>
    value === undefined || value === '' ? [] : [[label, shown(value, longestFact)]],
  )
  return { kind: own.kind, title: own.title, text: shown(own.text, longestText), facts }
}

function alertNotice(alert: Alert) {
  const { image, container, count, action, attack } = alert
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['image', image === undefined ? undefined : imageName(image)],
    ['container', container === undefined ? undefined : (container.name ?? container.id)],
    ['workload', workloadName(alert)],
    ['person', personsLine(alert)],
    ['action', action],
    ['count', String(count)],
    ['techniques', attack.join(', ')],
    ['incident', alert.incident],
  ]
  return { kind: alertClass(alert), title: classTitle(alert), text: sentence(alert), facts }
}

function incidentNotice(record: IncidentRecord) {
  const { title, places, alerts, attack, persons, guardrails } = record
  const facts = [
    ['state', incidentState(record)],
    ['places', places.join(', ')],
    ['alerts', String(alerts)],
    ['techniques', attack.join(', ')],
    ['persons', persons.join(', ')],
    ['guardrails', guardrails.join(', ')],
  ] as const
  return { kind: incidentClass, title: 'Incident', text: title, facts }
}

/** Notice as lines of plain text. */
export function noticeLines(record: OutboundRecord): readonly string[] {
  const { title, text, facts } = noticeOf(record)
  const list = facts.map(([label, value]) => `${label}: ${value}`).join(' · ')
  return [`[${record.severity}] ${title}`, text, list]
}

function shown(text: string, most: number): string {
  const safe = visible(text)
  if (safe.length <= most) return safe
  // Not between the halves of a character.
  return `${safe.slice(0, most).replace(/[\ud800-\udbff]$/, '')}…`
}
