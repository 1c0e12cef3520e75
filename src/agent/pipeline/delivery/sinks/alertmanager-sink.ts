import {
  isAlert,
  isAudit,
  isIncident,
  type OutboundRecord,
} from '../../../../core/event/outbound-record.ts'
import { noticeOf } from '../format/notice.ts'
import { answerLine, HttpPoster, type HttpTarget } from './http-post.ts'
import type { Sink } from './sink.ts'

export interface AlertmanagerOptions extends HttpTarget {
  /** Milliseconds. */
  readonly firing: number
  readonly labels: Readonly<Record<string, string>>
}

const largestPost = 100

/**
 * Posts to version 2 of Alertmanager's API. An alert of Snug has its id as a label, so that it is
 * one alert there. It fires for `firing` from its last delivery, and ends once it is decided on.
 */
export function alertmanagerSink(
  name: string,
  options: AlertmanagerOptions,
  now: () => number = Date.now,
): Sink {
  const poster = new HttpPoster({ ...options, url: alertsUrl(options.url) })
  return {
    name,
    most: largestPost,
    write: async (records) => {
      const alerts = records.map((record) => alertOf(record, options, now()))
      const answer = await poster.post(Buffer.from(JSON.stringify(alerts)), {
        'content-type': 'application/json',
      })
      return answerLine(answer)
    },
    reopen: () => poster.reopen(),
    close: () => poster.close(),
  }
}

/** These change while the alert is the same one. */
const changing = new Set([
  'count',
  'techniques',
  'action',
  'person',
  'incident',
  'state',
  'places',
  'alerts',
  'persons',
  'guardrails',
])

function alertOf(
  record: OutboundRecord,
  { firing, labels }: AlertmanagerOptions,
  nowMs: number,
): object {
  const { kind, title, text, facts } = noticeOf(record)
  const identity = facts.filter(([label]) => !changing.has(label))
  const rest = facts.filter(([label]) => changing.has(label))
  return {
    labels: {
      ...labels,
      ...Object.fromEntries(identity),
      alertname: alertName(kind),
      job: 'snug',
      severity: record.severity,
      type: record.type,
    },
    annotations: { summary: title, description: text, ...Object.fromEntries(rest) },
    startsAt: isAudit(record) ? record.time : record.firstSeen,
    endsAt: endOf(record) ?? new Date(nowMs + firing).toISOString(),
  }
}

/** When a person decided on it, or the incident ended. */
function endOf(record: OutboundRecord): string | undefined {
  if (isAlert(record)) return record.decision?.at
  return isIncident(record) && record.state !== 'open' ? record.time : undefined
}

/** `deviation.exec` → `SnugDeviationExec` */
function alertName(kind: string): string {
  const words = kind
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
  return `Snug${words.join('')}`
}

function alertsUrl(url: string): string {
  const found = new URL(url)
  if (!found.pathname.endsWith('/api/v2/alerts')) {
    found.pathname = `${found.pathname.replace(/\/$/, '')}/api/v2/alerts`
  }
  return found.href
}
