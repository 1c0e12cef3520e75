import { plural } from '../../core/coverage/coverage.ts'
import { alertTypes, severities } from '../../core/event/alert-words.ts'
import type { Alert } from '../../core/event/alert.ts'
import { alertText, imageText } from '../output/view-text.ts'
import {
  columns,
  entriesIn,
  recordsBegin,
  type Section,
  timeText,
  unobserved,
} from './evidence-parts.ts'
import { isWithin, type ReportFacts, type Span } from './report-facts.ts'
import type { EvidenceTable } from './report-schema.ts'

const weekMs = 7 * 86_400_000
const reads: ReadonlySet<string> = new Set(['read', 'exec'])

export function changes(facts: ReportFacts, span: Span): Section {
  const { versions, alerts } = facts
  const found = alerts.filter(isChange)
  const unwatched = unobserved(versions, ['exec', 'file'])
  return {
    title: 'Changed files and code',
    statements: [
      'The sensor reports a change of a file when a process in a container makes it.',
      'It also reports a program, script or library that runs and is not part of its image.',
      `In the period, ${plural(found.length, 'alert')} ${found.length === 1 ? 'is' : 'are'} about such a change that the profile does not expect.`,
    ],
    gaps: [
      ...unwatched,
      ...versions
        .filter(({ view }) => view.mode === 'learn')
        .map(({ view }) => `While \`${imageText(view.image)}\` learns, its changes are expected.`),
    ],
    tables: [
      {
        title: 'Changes that the profile does not expect',
        columns: columns({
          time: 'First seen',
          image: 'Image',
          container: 'Container',
          actor: 'Program',
          what: 'What it did',
          names: 'Names',
          action: 'Action',
          decision: 'Decision',
        }),
        rows: found.map((alert) => ({
          time: alert.firstSeen,
          image: imageText(alert.image),
          container: alert.container?.name ?? alert.container?.id.slice(0, 12) ?? '-',
          actor: alert.process?.exe ?? '-',
          what: alertText(alert),
          names: alert.cause?.names ?? 1,
          action: alert.action,
          decision: decisionText(alert),
        })),
      },
      weeks(facts, span, found),
    ],
  }
}

/** Of a file, or of code that the image did not ship. */
function isChange({ event, guardrails }: Alert): boolean {
  if (guardrails.includes('library-drift')) return true
  if (event.kind === 'exec') return event.exec.drift || event.exec.scriptDrift === true
  return event.kind === 'file' && event.file.access.some((access) => !reads.has(access))
}

/** Slices of seven days from the begin of the span: the last may be shorter. */
function weeks(facts: ReportFacts, span: Span, found: readonly Alert[]): EvidenceTable {
  const rows: EvidenceTable['rows'] = []
  const begin = recordsBegin(facts)
  const lost = lossesIn(facts, span)
  for (let from = span.from; from < span.to; from += weekMs) {
    const week = { from, to: Math.min(from + weekMs, span.to) }
    const gaps = distinct(lost.filter((loss) => isWithin(loss.from, loss.to, week))).length
    const known = gaps === 0 ? 'no known loss' : plural(gaps, 'loss span')
    rows.push({
      from: timeText(week.from),
      to: timeText(week.to),
      changes: found.filter((one) => isWithin(one.firstSeen, one.lastSeen, week)).length,
      entries: entriesIn(facts, week).length,
      observed: begin >= week.to ? 'no records' : begin > from ? `${known}; in part` : known,
    })
  }
  return {
    title: 'Observation by week',
    columns: columns({
      from: 'From',
      to: 'To',
      changes: 'Alerts about changes',
      entries: 'Audit entries',
      observed: 'Observed',
    }),
    rows,
  }
}

export function alertCounts({ alerts, status }: ReportFacts): Section {
  const open = alerts.filter(({ decision }) => decision === undefined)
  const pruned = status.counters['alertsPruned'] ?? 0
  return {
    title: 'Alerts',
    statements: [
      `The period has ${plural(alerts.length, 'alert')}, ${alerts.length - open.length} with a decision.`,
    ],
    gaps: [
      ...(open.length === 0
        ? []
        : [`Nobody decided on ${plural(open.length, 'alert')} of the period.`]),
      ...(pruned === 0
        ? []
        : [
            `The agent removed ${plural(pruned, 'alert')} since its start, to make place for others.`,
          ]),
    ],
    tables: [
      {
        title: 'Alerts by type and severity',
        columns: columns({
          type: 'Type',
          ...Object.fromEntries(severities.map((one) => [one, one])),
        }),
        rows: alertTypes.map((type) => ({
          type,
          ...Object.fromEntries(
            severities.map((severity) => [
              severity,
              alerts.filter((alert) => alert.type === type && alert.severity === severity).length,
            ]),
          ),
        })),
      },
      {
        title: 'Alerts of high and critical severity',
        columns: columns({
          time: 'First seen',
          severity: 'Severity',
          image: 'Image',
          actor: 'Program',
          what: 'What it did',
          reason: 'Reason',
          decision: 'Decision',
        }),
        rows: alerts
          .filter(({ severity }) => severity === 'high' || severity === 'critical')
          .map((alert) => ({
            time: alert.firstSeen,
            severity: alert.severity,
            image: imageText(alert.image),
            actor: alert.process?.exe ?? '-',
            what: alertText(alert),
            reason: alert.reasons[0] ?? '-',
            decision: decisionText(alert),
          })),
      },
    ],
  }
}

export function losses(facts: ReportFacts, span: Span): Section {
  const found = lossesIn(facts, span)
  const reasons = [...new Set(found.map(({ reason }) => reason))].sort()
  return {
    title: 'Losses',
    statements: [
      'The agent counts events that it certainly missed, with reason and span.',
      'With `forgotten`, a person removed evidence. With `enforcement-gap`, events were observed and could not be blocked.',
      'It lists its latest losses of the whole node. The list of a version is whole, with old losses joined.',
      ...(found.length === 0 ? ['No loss in the period is on record.'] : []),
    ],
    gaps: reasons.map((reason) => {
      const of = distinct(found.filter((loss) => loss.reason === reason))
      const from = earliest(of.map((loss) => loss.from))
      const to = latest(of.map((loss) => loss.to))
      return `Loss of the reason \`${reason}\`: ${plural(of.length, 'span')} between ${from} and ${to}.`
    }),
    tables: [
      {
        title: 'Spans of loss',
        columns: columns({
          where: 'Of',
          reason: 'Reason',
          count: 'Events',
          from: 'From',
          to: 'To',
        }),
        rows: found.map((loss) => ({ ...loss })),
      },
    ],
  }
}

interface Lost {
  readonly where: string
  readonly reason: string
  readonly count: number
  readonly from: string
  readonly to: string
}

/** A loss of the whole node is on the list of each version that it concerns too. */
function lossesIn({ status, versions }: ReportFacts, span: Span): readonly Lost[] {
  const node = status.losses.map((loss) => ({ ...loss, where: 'node' }))
  const own = versions.flatMap(({ view }) =>
    view.losses.map((loss) => ({ ...loss, where: imageText(view.image) })),
  )
  return [...node, ...own]
    .map(({ where, reason, count, from, to }) => ({ where, reason, count, from, to }))
    .filter(({ from, to }) => isWithin(from, to, span))
}

/** Each span once, of however many versions it is. */
function distinct(losses: readonly Lost[]): readonly Lost[] {
  return [
    ...new Map(losses.map((loss) => [`${loss.from} ${loss.to} ${loss.reason}`, loss])).values(),
  ]
}

function earliest(times: readonly string[]): string {
  return timeText(Math.min(...times.map((time) => Date.parse(time))))
}

function latest(times: readonly string[]): string {
  return timeText(Math.max(...times.map((time) => Date.parse(time))))
}

function decisionText({ decision }: Alert): string {
  return decision === undefined ? 'none' : `${decision.kind} by ${decision.by} at ${decision.at}`
}
