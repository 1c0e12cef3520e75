import type { Severity } from '../../../../core/event/alert-words.ts'
import {
  documentOf,
  isAlert,
  isIncident,
  lastTimeOf,
  type OutboundRecord,
} from '../../../../core/event/outbound-record.ts'
import { noticeOf } from '../format/notice.ts'
import { answerLine, HttpPoster, type HttpTarget } from './http-post.ts'
import { readSecret } from './secret.ts'
import type { Sink } from './sink.ts'
import type { SecretSource } from '../../../../support/net/server-access.ts'

export interface PagerdutyOptions extends HttpTarget {
  /** Integration key of a service. */
  readonly key: SecretSource
}

const severities: Readonly<Record<Severity, string>> = {
  critical: 'critical',
  high: 'error',
  medium: 'warning',
  low: 'info',
}
/** Each alert is a separate request. After a failure, those before it are sent again. */
const largestBatch = 20
const longestSummary = 1_024

/**
 * PagerDuty's Events API v2. The id of an alert is its deduplication key: a rising count updates the
 * incident there, and a decision resolves it. An incident of Snug is one there too, until it is closed.
 */
export function pagerdutySink(name: string, options: PagerdutyOptions): Sink {
  const poster = new HttpPoster(options)
  return {
    name,
    most: largestBatch,
    write: async (records) => {
      let answer = 'nothing was sent'
      const key = await readSecret(options.key)
      for (const record of records) {
        const body = Buffer.from(JSON.stringify(eventOf(record, key)))
        answer = answerLine(await poster.post(body, { 'content-type': 'application/json' }))
      }
      return answer
    },
    reopen: () => poster.reopen(),
    close: () => poster.close(),
  }
}

function eventOf(record: OutboundRecord, key: string): object {
  const head = { routing_key: key, dedup_key: documentOf(record) }
  const isOver = isIncident(record)
    ? record.state !== 'open'
    : isAlert(record) && record.decision !== undefined
  if (isOver) return { ...head, event_action: 'resolve' }
  const { kind, title, text, facts } = noticeOf(record)
  return {
    ...head,
    event_action: 'trigger',
    client: 'Snug',
    payload: {
      summary: `${title}: ${text}`.slice(0, longestSummary),
      source: record.node,
      severity: severities[record.severity],
      timestamp: lastTimeOf(record),
      class: kind,
      custom_details: Object.fromEntries(facts),
    },
  }
}
