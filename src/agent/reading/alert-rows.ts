import { lineageName } from '../../core/event/image-key.ts'
import { type Severity, severities } from '../../core/event/alert-words.ts'
import type { Alert } from '../../core/event/alert.ts'
import { personNames } from '../../core/person/session-person.ts'
import { lookedAtOnce, type Steps } from '../../core/steps.ts'
import { causeLine } from '../../core/match/cause-text.ts'
import { alertRevisionOf } from './live/revision.ts'
import type { AlertPage, AlertRow, AlertRowQuery } from '../../api/alert-rows.ts'
import type { KeptAlert } from '../records/alerts/kept-alert.ts'

/** A window of the alerts, newest first. `alerts`: all of them, in that order. */
export function* alertPage(alerts: readonly KeptAlert[], query: AlertRowQuery): Steps<AlertPage> {
  const counts: Record<Severity, number> = { low: 0, medium: 0, high: 0, critical: 0 }
  const repositories: Record<string, number> = {}
  const floor = query.severity === undefined ? 0 : severities.indexOf(query.severity)
  const found: KeptAlert[] = []
  const matches = matcher(query)
  // A text is looked for in all that an alert has.
  const atOnce = query.q === undefined ? lookedAtOnce : 1
  for (const [at, alert] of alerts.entries()) {
    if (at % atOnce === 0) yield
    if (!matches(alert)) continue
    const repository = alert.image && lineageName(alert.image)
    if (repository !== undefined) repositories[repository] = (repositories[repository] ?? 0) + 1
    if (query.image !== undefined && repository !== query.image) continue
    counts[alert.severity] += 1
    if (severities.indexOf(alert.severity) >= floor) found.push(alert)
  }
  const { offset, limit } = query
  const until = offset + limit
  const groups = query.grouped === true ? yield* grouped(found) : found.slice(0, until).map(alone)
  const total = query.grouped === true ? groups.length : found.length
  const rows: AlertRow[] = []
  for (const group of groups.slice(offset, until)) {
    yield
    rows.push(rowOf(group))
  }
  return { total, offset, rows, severities: counts, repositories }
}

function matcher({ q, type, decided, until }: AlertRowQuery): (alert: KeptAlert) => boolean {
  const text = q?.toLowerCase()
  return (alert) => {
    if (until !== undefined && alert.id > until) return false
    if (type !== undefined && alert.type !== type) return false
    if (decided !== undefined && (alert.decision !== undefined) !== decided) return false
    return (
      text === undefined || [...textsOf(alert)].some((each) => each.toLowerCase().includes(text))
    )
  }
}

function* textsOf({ whole: alert }: KeptAlert): Iterable<string> {
  const { behaviour, cause, samples = [], loaded = [], process, image, container, reasons } = alert
  if (behaviour !== null) yield behaviour.text
  if (cause !== undefined) yield cause.place
  for (const { text } of [...samples, ...loaded]) yield text
  if (process !== undefined) yield process.exe
  if (image !== undefined) yield `${lineageName(image)}:${image.tag ?? ''}`
  if (container !== undefined) yield `${container.name ?? ''} ${container.id}`
  yield* personNames(alert.sessions)
  yield* reasons
}

interface Group {
  readonly newest: KeptAlert
  readonly containers: Set<string | undefined>
  severity: Severity
  lastSeen: string
  count: number
  alerts: number
}

function alone(alert: KeptAlert): Group {
  const { severity, lastSeen, count, containerId } = alert
  return {
    newest: alert,
    severity,
    lastSeen,
    count,
    alerts: 1,
    containers: new Set([containerId]),
  }
}

/** One behaviour, by one program, of one image. In order of their newest alert. */
function* grouped(alerts: readonly KeptAlert[]): Steps<readonly Group[]> {
  const groups = new Map<string, Group>()
  for (const [at, alert] of alerts.entries()) {
    if (at % lookedAtOnce === 0) yield
    const { image, behaviourId, causeId, type, id, decision } = alert
    const act = causeId ?? behaviourId ?? `${type} ${alert.reasons[0] ?? id}`
    const name = `${image === undefined ? '' : lineageName(image)} ${act} ${decision?.kind ?? ''}`
    const group = groups.get(name)
    if (group === undefined) groups.set(name, alone(alert))
    else add(group, alert)
  }
  return [...groups.values()]
}

function add(group: Group, { severity, lastSeen, count, containerId }: KeptAlert): void {
  if (severities.indexOf(severity) > severities.indexOf(group.severity)) group.severity = severity
  if (lastSeen > group.lastSeen) group.lastSeen = lastSeen
  group.count += count
  group.alerts += 1
  group.containers.add(containerId)
}

function rowOf({ newest: kept, containers, ...sums }: Group): AlertRow {
  const newest = kept.whole
  const { id, time, type, action, behaviour, process, image, container, reasons, attack } = newest
  return {
    id,
    revision: alertRevisionOf(newest),
    time,
    ...sums,
    type,
    action,
    text: textOf(newest),
    ...(newest.novelty === true ? { novelty: true } : {}),
    ...(newest.cause?.proposed === undefined ? {} : { proposed: newest.cause.proposed }),
    ...(process === undefined ? {} : { actor: process.script ?? process.exe, uid: process.uid }),
    ...(image === undefined ? {} : { repository: lineageName(image) }),
    ...(image?.tag === undefined ? {} : { tag: image.tag }),
    ...(container === undefined ? {} : { container: container.name ?? container.id.slice(0, 12) }),
    reason: reasons[behaviour === null ? 1 : 0] ?? '',
    attack,
    persons: personNames(newest.sessions),
    ...(newest.decision === undefined ? {} : { decision: newest.decision.kind }),
    containers: containers.size,
  }
}

/** What happened, in one line. */
export function textOf({ behaviour, cause, reasons, type }: Alert): string {
  if (cause !== undefined && cause.names > 1) return causeLine(cause)
  return behaviour?.text ?? reasons[0] ?? type
}
