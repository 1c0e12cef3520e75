import type { OutboundRecord } from '../../../core/event/outbound-record.ts'
import type { Finding } from './finding.ts'

/** Alerts that a sink will never receive; `from` and `to` (RFC 3339) span their times. */
export interface Undelivered {
  readonly sink: string
  readonly count: number
  readonly from: string
  readonly to: string
  readonly because: string
}

/** Raise with `count`, so that losses at different times share one alert. */
export function undeliveredFinding(
  { sink, because, ...span }: Undelivered,
  node: string,
  nowMs: number,
): Finding {
  return lossOfAlerts(`outbox/${sink}`, 'outbox-full', span, node, nowMs, [
    `the agent dropped alerts for the sink \`${sink}\`; \`count\` is their number: ${because}`,
    'the alerts stay in `snug alert list` as long as the store keeps them',
  ])
}

/** The oldest alerts, which were never stored and so reached no sink. */
export function unstoredFinding(
  lost: readonly OutboundRecord[],
  node: string,
  nowMs: number,
): Finding {
  const times = lost.map(({ time }) => time).sort()
  const span = { count: lost.length, from: times[0] ?? '', to: times.at(-1) ?? '' }
  return lossOfAlerts('store', 'store-full', span, node, nowMs, [
    'the agent dropped alerts because the store refused writes for too long; `count` is their number',
    'no sink received them: check the disk of the data directory',
  ])
}

/** Open alerts that the store cannot hold. Raise with `count`. */
export function evictedFinding(count: number, node: string, nowMs: number): Finding {
  const time = new Date(nowMs).toISOString()
  return lossOfAlerts('evicted', 'alerts-evicted', { count, from: time, to: time }, node, nowMs, [
    'open alerts were removed, as many as this one counts: there are more than `alertsKept`',
    'the oldest of the lowest severity went first, of the container with the most',
  ])
}

function lossOfAlerts(
  name: string,
  reason: string,
  span: { readonly count: number; readonly from: string; readonly to: string },
  node: string,
  nowMs: number,
  reasons: readonly string[],
): Finding {
  const time = new Date(nowMs).toISOString()
  return {
    fingerprint: `loss/${name}`,
    type: 'loss',
    severity: 'high',
    reasons,
    nearest: null,
    behaviour: null,
    guardrails: [],
    attack: [],
    mode: 'alert',
    event: {
      v: 1,
      kind: 'loss',
      time,
      node,
      source: 'agent',
      loss: { reason, ...span },
    },
  }
}
