import { randomBytes } from 'node:crypto'
import {
  closedAlerts,
  isNameable,
  mostClosedAlerts,
  type NewClosing,
  type SharedClosing,
} from '../../core/lifecycle/shared-closing.ts'
import { shortHash } from '../../fleet/fleet-image.ts'
import { nameOf } from './alert-name.ts'
import type { ConsoleFleet } from './console-fleet.ts'
import type { KeptAlert } from './stream-record.ts'
import type { FleetIncidentRow } from './views.ts'

/** Where closings stand. */
export type ClosingFleet = Pick<ConsoleFleet, 'profiles' | 'profile' | 'revision'>

/** Longer titles are cut in a closing: it is in the audit log of each node. */
const titleKept = 500

/** The closings that stand in the fleet. Equal ones are one object. */
export class StandingClosings {
  readonly #latest = new Map<string, SharedClosing>()
  readonly key: string

  constructor(closings: readonly SharedClosing[]) {
    this.key = keyOf(closings)
    for (const closing of closings)
      for (const { node, severity, ids } of closing.alerts)
        for (const id of ids) {
          const name = seenName({ id, node, severity })
          const other = this.#latest.get(name)
          if (other === undefined || other.at < closing.at) this.#latest.set(name, closing)
        }
  }

  get size(): number {
    return this.#latest.size
  }

  /** The one that the node of an open alert has not applied yet. A graver alert is not what the person saw. */
  of(alert: KeptAlert): SharedClosing | undefined {
    const closing = this.#latest.get(seenName(alert))
    const { reopenedAt } = alert
    return reopenedAt !== undefined && closing !== undefined && closing.at < reopenedAt
      ? undefined
      : closing
  }
}

/** Keeps the closings of a fleet, and looks through its profiles again only once something changed there. */
export class FleetClosings {
  readonly #fleet: ClosingFleet
  #revision: number | undefined
  #standing = new StandingClosings([])

  constructor(fleet: ClosingFleet) {
    this.#fleet = fleet
  }

  now(): StandingClosings {
    const { revision } = this.#fleet
    if (this.#revision === revision) return this.#standing
    const closings = [...this.#fleet.profiles()].flatMap((profile) => profile.closings)
    if (keyOf(closings) !== this.#standing.key) this.#standing = new StandingClosings(closings)
    this.#revision = revision
    return this.#standing
  }
}

/** The row with the closings that stand: alerts whose nodes have not applied them yet count as decided. */
export function closedRow(
  row: FleetIncidentRow,
  alerts: readonly KeptAlert[],
  standing: StandingClosings,
): FleetIncidentRow {
  if (row.open === 0 || standing.size === 0) return row
  const due = alerts.flatMap((alert) => (alert.decision === undefined ? [standing.of(alert)] : []))
  const closings = due.filter((closing) => closing !== undefined)
  if (closings.length === 0) return row
  const ids = [...new Set(closings.map(({ id }) => id))].sort()
  const open = row.open - closings.length
  const latest = closings.reduce((a, b) => (a.at < b.at ? b : a))
  const { by, at, reason } = latest
  return {
    ...row,
    revision: shortHash([row.revision, ...ids].join(' ')),
    open,
    unconfirmed: closings.length,
    ...(open === 0 ? { state: 'closed', closed: { kind: 'acknowledged', by, at, reason } } : {}),
  }
}

/** What has to be written so that an incident is closed. */
export interface IncidentClosings {
  /** Name of a profile → what stands there. */
  readonly closings: ReadonlyMap<string, NewClosing>
  /** Alerts that they name. */
  readonly alerts: number
  /** Open alerts that they do not name. */
  readonly left: number
}

/**
 * Each alert is named in the profile of its image. One without a profile is named in another profile that has an alert of
 * its node, since the agent there follows that.
 *
 * @param alerts of the incident, the gravest first
 */
export function closingsOf(
  { id: incident, title }: Pick<FleetIncidentRow, 'id' | 'title'>,
  alerts: readonly KeptAlert[],
  reason: string,
  standing: StandingClosings,
  fleet: ClosingFleet,
): IncidentClosings {
  const open = alerts.filter(
    (alert) => alert.decision === undefined && standing.of(alert) === undefined,
  )
  const homes = new Map<string, KeptAlert[]>()
  const homeless: KeptAlert[] = []
  let left = 0
  for (const alert of open) {
    const { profile } = alert
    if (!isNameable(alert)) left += 1
    else if (profile === undefined || fleet.profile(profile) === undefined) homeless.push(alert)
    else {
      const named = homes.get(profile) ?? []
      homes.set(profile, named)
      if (named.length < mostClosedAlerts) named.push(alert)
      else left += 1
    }
  }
  for (const alert of homeless) {
    const home = [...homes.values()].find(
      (named) => named.length < mostClosedAlerts && named.some(({ node }) => node === alert.node),
    )
    if (home === undefined) left += 1
    else home.push(alert)
  }
  const id = `c${randomBytes(6).toString('hex')}`
  const closings = new Map(
    [...homes].map(([profile, named]) => [
      profile,
      { id, incident, title: title.slice(0, titleKept), reason, alerts: closedAlerts(named) },
    ]),
  )
  return { closings, alerts: open.length - left, left }
}

function seenName(alert: Pick<KeptAlert, 'id' | 'node' | 'severity'>): string {
  return `${alert.severity} ${nameOf(alert)}`
}

/** Closings of one incident in several profiles have one id. */
function keyOf(closings: readonly SharedClosing[]): string {
  return closings
    .map(({ id, at, alerts }) => `${id} ${at} ${alerts.length}`)
    .sort()
    .join()
}
