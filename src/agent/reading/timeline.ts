import type { Alert } from '../../core/event/alert.ts'
import { isoOf } from '../../core/event/time.ts'
import { lookedAtOnce, type Steps } from '../../core/steps.ts'
import type { LossSpan } from '../../core/event/event.ts'
import type { TimelineMark, TimelineSlice, TimelineView } from '../../api/page-views.ts'

const slicesShown = 96
const marksShown = 200

export interface Happened {
  readonly alerts: readonly Pick<Alert, 'firstSeen' | 'severity'>[]
  /** When each behaviour was seen first, in epoch milliseconds, of one version after the other. */
  readonly firsts: Iterable<Iterable<number>>
  readonly losses: Iterable<LossSpan>
  readonly marks: Iterable<TimelineMark>
}

/** Events of the last hours, in slices. */
export function* timelineOf(happened: Happened, hours: number, nowMs: number): Steps<TimelineView> {
  const sliceMs = Math.ceil((hours * 3_600_000) / slicesShown)
  // Whole slices, so that a bar stays where it is from one look to the next.
  const to = Math.ceil(nowMs / sliceMs) * sliceMs
  const from = to - slicesShown * sliceMs
  const slices = Array.from({ length: slicesShown }, (_, i) => emptySlice(from + i * sliceMs))
  const at = (ms: number): Mutable | undefined =>
    ms < from ? undefined : slices[Math.floor((ms - from) / sliceMs)]
  const since = isoOf(from * 1_000)
  for (const [n, { firstSeen, severity }] of happened.alerts.entries()) {
    if (n % lookedAtOnce === 0) yield
    if (firstSeen < since) continue
    const slice = at(Date.parse(firstSeen))
    if (slice !== undefined) slice.alerts[severity] += 1
  }
  for (const firsts of happened.firsts) {
    yield
    for (const first of firsts) {
      const slice = at(first)
      if (slice !== undefined) slice.novel += 1
    }
  }
  for (const { to: until, count } of happened.losses) {
    const slice = at(Date.parse(until))
    if (slice !== undefined) slice.lost += Math.max(1, count)
  }
  const marks = [...happened.marks].filter(({ time }) => time >= since).slice(-marksShown)
  return { from: since, to: new Date(to).toISOString(), sliceMs, slices, marks }
}

type Mutable = { -readonly [K in keyof TimelineSlice]: TimelineSlice[K] } & {
  alerts: Record<Alert['severity'], number>
}

function emptySlice(ms: number): Mutable {
  const alerts = { low: 0, medium: 0, high: 0, critical: 0 }
  return { from: isoOf(ms * 1_000), alerts, novel: 0, lost: 0 }
}
