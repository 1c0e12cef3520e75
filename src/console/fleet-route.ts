import { z } from 'zod'
import type { ImageDecision, WrittenDecision } from './reading/console-fleet.ts'
import type { AlertLog } from './reading/alert-log.ts'
import type { FleetIncidents } from './reading/fleet-incidents.ts'
import type { FleetPersons } from './reading/fleet-persons.ts'
import type { FleetViews } from './reading/fleet-views.ts'
import type { FleetStatus } from './reading/views.ts'
import type { Role } from '../support/config/role.ts'
import type { RouteShape } from '../serve/routes/route.ts'

/** What the routes of the console work on. */
export interface ConsoleWorld {
  readonly views: FleetViews
  /** Errors: ALERT_LOG_MISSING where no engine for alerts is configured. */
  readonly alerts: () => AlertLog
  /** Errors: the same. */
  readonly incidents: () => FleetIncidents
  /** Errors: the same. */
  readonly persons: () => FleetPersons
  readonly status: () => FleetStatus
  /** Whether everything was read at some time. */
  readonly isReady: () => boolean
  /** Writes a decision for all nodes. Errors: as of `ConsoleFleet.decide`. */
  readonly decide: (decision: ImageDecision) => Promise<WrittenDecision>
}

export interface FleetCall<Body, Query> {
  readonly params: Readonly<Record<string, string>>
  readonly query: Query
  readonly body: Body
  /** `oidc:NAME`, `token:NAME`, `certificate:NAME` */
  readonly who: string
  readonly role: Role | undefined
  /** Of a decision: the revision that it is about; undefined: any. */
  readonly revision: string | undefined
}

/** One row of the table behind the router of the console. */
export interface FleetRoute<Body = unknown, Query = unknown> extends RouteShape<Body, Query> {
  readonly handle: (world: ConsoleWorld, call: FleetCall<Body, Query>) => unknown
}

/** Keeps a row's types together, and lets go of them for the table. */
export function fleetRoute<Body = undefined, Query = unknown>(
  row: FleetRoute<Body, Query>,
): FleetRoute {
  return row as unknown as FleetRoute
}

/** Of a list: which range of it. */
export const windowed = {
  offset: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(500).default(100),
}
/** Text in a row, ignoring case. */
export const q = z.string().min(1).max(200).optional()
export const name = z.string().min(1).max(500).optional()
