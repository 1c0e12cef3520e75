import { LRUCache } from 'lru-cache'
import { severities, type Severity } from '../../../core/event/alert-words.ts'
import type { Alert, AlertSummary } from '../../../core/event/alert.ts'

export interface StormRules {
  /** Different alerts of one container that are sent individually. */
  readonly each: number
  /** A storm ends after this time without a further alert. */
  readonly withinMs: number
  /** The minimum severity that is sent individually, in a storm too. */
  readonly always: Severity
}

/** The state of a storm in progress. */
export interface Storm {
  /** Id of the summary alert; absent: none exists yet. */
  summaryId?: string
  readonly kinds: Record<string, number>
  readonly severities: Record<string, number>
  readonly reasons: Map<string, number>
  readonly first: string[]
}

interface Recent {
  count: number
  lastMs: number
  storm?: Storm
}

export const containersKept = 4_096
const firstKept = 10
const reasonsShown = 5
/** The maximum number of counted reasons in a summary. */
const reasonsKept = 100

/**
 * Separates a burst of different alerts of one container from single ones. Alerts beyond the first
 * few become one summary by type in sinks. Each alert is still stored.
 */
export class Storms {
  rules: StormRules
  readonly #recent = new LRUCache<string, Recent>({ max: containersKept })

  constructor(rules: StormRules) {
    this.rules = rules
  }

  /** The storm that a new alert belongs to, including it; undefined: it is sent individually. */
  part(alert: Alert, nowMs: number): Storm | undefined {
    const { container, type, severity } = alert
    // Alerts about the agent itself are not part of a container's burst.
    if (container === undefined || type === 'loss' || type === 'enforcement') return undefined
    if (severities.indexOf(severity) >= severities.indexOf(this.rules.always)) return undefined
    const name = `${type}/${container.id}`
    let recent = this.#recent.get(name)
    if (recent === undefined || Math.abs(nowMs - recent.lastMs) > this.rules.withinMs) {
      recent = { count: 0, lastMs: nowMs }
      this.#recent.set(name, recent)
    }
    recent.count += 1
    recent.lastMs = nowMs
    if (recent.count <= this.rules.each) return undefined
    recent.storm ??= { kinds: {}, severities: {}, reasons: new Map(), first: [] }
    count(recent.storm, alert)
    return recent.storm
  }
}

function count(storm: Storm, { id, event, severity, reasons }: Alert): void {
  storm.kinds[event.kind] = (storm.kinds[event.kind] ?? 0) + 1
  storm.severities[severity] = (storm.severities[severity] ?? 0) + 1
  const [reason] = reasons
  const known = reason === undefined ? undefined : storm.reasons.get(reason)
  if (reason !== undefined && (known !== undefined || storm.reasons.size < reasonsKept)) {
    storm.reasons.set(reason, (known ?? 0) + 1)
  }
  if (storm.first.length < firstKept) storm.first.push(id)
}

function summaryOf(storm: Storm): AlertSummary {
  const reasons = [...storm.reasons].sort(([, a], [, b]) => b - a).slice(0, reasonsShown)
  return {
    kinds: { ...storm.kinds },
    severities: { ...storm.severities },
    reasons: reasons.map(([text, times]) => ({ text, count: times })),
    first: [...storm.first],
  }
}

/**
 * The summary alert of a storm after the alert `latest`. `before`: its previous state; absent:
 * `latest` is the first.
 */
export function stormAlert(
  storm: Storm,
  latest: Alert,
  before: Alert | undefined,
  id: string,
): Alert {
  const summary = summaryOf(storm)
  const total = Object.values(summary.kinds).reduce((sum, times) => sum + times, 0)
  const kinds = Object.entries(summary.kinds).map(([kind, times]) => `${times} ${kind}`)
  const {
    process: _,
    decision: __,
    cause: ___,
    samples: ____,
    risk: _____,
    loaded: ______,
    ...rest
  } = latest
  return {
    ...rest,
    id,
    time: before?.time ?? latest.time,
    severity: severities.findLast((one) => (storm.severities[one] ?? 0) > 0) ?? latest.severity,
    action: 'alerted',
    reasons: [
      `this alert summarises ${total} more different alerts of the same container: ${kinds.join(', ')}`,
      ...summary.reasons.map(({ text, count: times }) => `${times} ×: ${text}`),
    ],
    nearest: null,
    behaviour: null,
    count: total,
    firstSeen: before?.firstSeen ?? latest.firstSeen,
    lastSeen: latest.lastSeen,
    guardrails: union(before?.guardrails, latest.guardrails),
    attack: union(before?.attack, latest.attack),
    summary,
  }
}

function union(before: readonly string[] = [], more: readonly string[]): readonly string[] {
  return [...new Set([...before, ...more])]
}
