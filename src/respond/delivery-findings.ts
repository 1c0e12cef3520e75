import type { Finding } from './alert-book.ts'

/** Alerts that a sink will never get; `from` and `to` (RFC 3339) say when they were raised. */
export interface Undelivered {
  readonly sink: string
  readonly count: number
  readonly from: string
  readonly to: string
  readonly because: string
}

/** To be raised with `count`: what was given up at different times is one alert. */
export function undeliveredFinding(
  { sink, count, from, to, because }: Undelivered,
  node: string,
  nowMs: number,
): Finding {
  const time = new Date(nowMs).toISOString()
  return {
    fingerprint: `loss/outbox/${sink}`,
    type: 'loss',
    severity: 'high',
    reasons: [
      `alerts were given up for the sink \`${sink}\`, as many as this one counts: ${because}`,
      'they stay in `snug alert list` as long as the store keeps them',
    ],
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
      loss: { reason: 'outbox-full', count, from, to },
    },
  }
}
