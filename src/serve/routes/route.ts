import type { z } from 'zod'
import type { LoadedConfig } from '../../support/config/load-config.ts'
import type { Decider, Engine } from '../../api/engine.ts'
import type { SinkAdmin } from '../../api/sink-view.ts'
import type { GatewayView } from '../../api/status-views.ts'
import type { Slices } from '../../support/slices.ts'
import type { LoopWatch } from '../../support/telemetry/loop-watch.ts'
import type { Metrics } from '../../support/telemetry/metrics.ts'
import type { ClaimKind } from '../access/claim.ts'
import type { GuestTokens } from '../access/guest-tokens.ts'
import type { Subject } from './revision-guard.ts'
import type { Role } from '../../support/config/role.ts'
import type { TokenFile } from '../access/token-file.ts'

/** The context of the routes. */
export interface RouteWorld {
  readonly engine: Engine
  readonly loaded: LoadedConfig
  readonly metrics: Metrics
  readonly watch?: Pick<LoopWatch, 'during'>
  /** For answers of any length. */
  readonly slices: Slices
  /** Absent where alerts go nowhere. */
  readonly sinks?: () => SinkAdmin
  /** Absent where no TCP listener is served, and so no token is needed. */
  readonly tokens?: TokenFile
  readonly guests?: GuestTokens
  /** Configured kinds of credentials from other authorities. */
  readonly claims?: ReadonlySet<ClaimKind>
  /** The gateway; undefined while none serves TCP. */
  readonly gateway?: () => GatewayView | undefined
}

export interface RouteCall<Body, Query> {
  readonly params: Readonly<Record<string, string>>
  readonly query: Query
  readonly body: Body
  readonly by: Decider
  readonly role: Role | undefined
  /** The request's body as it arrives; for routes with `stream` only. */
  readonly chunks: AsyncIterable<Uint8Array>
  /** Fires when the client goes away or the server stops. */
  readonly signal: AbortSignal
}

/** What a client sees of a route: for the gateway, the OpenAPI document and the reference page. */
export interface RouteShape<Body = unknown, Query = unknown> {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  /** With `:name` for a parameter, which callers URL-encode. */
  readonly path: string
  /** The least role; `nobody` needs no token. */
  readonly role: Role | 'nobody'
  readonly summary: string
  /** The object that a GET shows, for its `ETag`; the object that another method decides on, for its `If-Match`. */
  readonly subject?: string
  readonly query?: z.ZodType<Query>
  readonly body?: z.ZodType<Body>
  /** Answered by the gateway itself, and nowhere else. */
  readonly gateway?: true
  /** The body is NDJSON of any length, judged as it arrives. */
  readonly stream?: true
  /** The answer is a WebSocket of these messages, or text. */
  readonly answer: z.ZodType | 'text' | 'socket'
}

/** One row of the table behind the router of the agent. */
export interface Route<Body = unknown, Query = unknown> extends RouteShape<Body, Query> {
  readonly subject?: Subject
  readonly handle: (world: RouteWorld, call: RouteCall<Body, Query>) => unknown
}

/** Keeps a row's types together, and lets go of them for the table. */
export function route<Body = undefined, Query = unknown>(row: Route<Body, Query>): Route {
  return row as unknown as Route
}
