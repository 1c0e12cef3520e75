import { z } from 'zod'
import { type Severity, severities } from '../event/alert-words.ts'
import { openObject, type View } from '../view.ts'
import type { Author } from './author.ts'

const text = z.string().min(1)

/** Alerts of one image version that one closing names. */
export const mostClosedAlerts = 500
/** Of all closings on a version together: an object of Kubernetes has 1.5 MiB at most. */
const mostStandingAlerts = 5_000
const mostStanding = 50
/** How long a closing waits for agents that are away. */
const standsMs = 7 * 24 * 3_600_000

const node = text.max(253)
const alertId = text.max(64)
const closedGroup = openObject({
  node,
  severity: z.enum(severities),
  ids: z.array(alertId).min(1),
})
/** Ids of alerts are unique on a node only. */
type ClosedAlerts = readonly View<typeof closedGroup>[]

/** An incident that a person closed for the whole fleet: its alerts of one image version, as that person saw them. */
export const sharedClosingSchema = openObject({
  id: z.string().regex(/^c[0-9a-f]{8,32}$/),
  /** Id of the incident at the console. */
  incident: text,
  title: text,
  by: text,
  at: z.iso.datetime(),
  reason: text,
  alerts: z.array(closedGroup),
}).refine(({ alerts }) => countOf(alerts) <= mostClosedAlerts, {
  message: `a closing names at most ${mostClosedAlerts} alerts`,
})
export type SharedClosing = View<typeof sharedClosingSchema>

/** Before it has an author. */
export type NewClosing = Omit<SharedClosing, 'by' | 'at'>

/** An alert as the person saw it. */
export interface SeenAlert {
  readonly id: string
  readonly severity: Severity
}

/** Whether a closing may name it: nodes send what they like. */
export function isNameable(alert: { readonly id: string; readonly node: string }): boolean {
  return alertId.safeParse(alert.id).success && node.safeParse(alert.node).success
}

/** By node and severity, in the order of their first one. */
export function closedAlerts(
  seen: readonly (SeenAlert & { readonly node: string })[],
): ClosedAlerts {
  const groups = new Map<string, { node: string; severity: Severity; ids: string[] }>()
  for (const { id, severity, node: of } of seen) {
    const name = `${severity} ${of}`
    const group = groups.get(name)
    if (group === undefined) groups.set(name, { node: of, severity, ids: [id] })
    else group.ids.push(id)
  }
  return [...groups.values()]
}

/** What the person saw of one node. */
export function seenOn(name: string, { alerts }: SharedClosing): readonly SeenAlert[] {
  return alerts.flatMap(({ node: of, severity, ids }) =>
    of === name ? ids.map((id) => ({ id, severity })) : [],
  )
}

/** The closings that stand with a further one. The oldest leave, so that their number and size have a bound. */
export function withClosing(
  standing: readonly SharedClosing[],
  { by, at }: Author,
  closing: NewClosing,
): readonly SharedClosing[] {
  const next: SharedClosing[] = [{ ...closing, by, at }]
  let left = mostStandingAlerts - countOf(closing.alerts)
  for (const each of standing.toSorted((a, b) => (a.at < b.at ? 1 : -1))) {
    left -= countOf(each.alerts)
    const isOver = Date.parse(each.at) + standsMs <= Date.parse(at)
    if (left < 0 || isOver || next.length === mostStanding) break
    next.push(each)
  }
  return next.reverse()
}

function countOf(alerts: ClosedAlerts): number {
  return alerts.reduce((sum, { ids }) => sum + ids.length, 0)
}
