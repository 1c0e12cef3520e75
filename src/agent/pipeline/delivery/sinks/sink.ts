import { SnugError } from '../../../../errors.ts'
import type { OutboundRecord } from '../../../../core/event/outbound-record.ts'

/**
 * A destination of records. A sink takes batches in order. It resolves once it has stored them for
 * good, with a text about the answer. It rejects otherwise, and then gets the same batch or a
 * smaller one again. The `reopen` of a failure asks for a new connection. INVARIANT: no operation
 * waits longer than the timeout of the sink.
 */
export interface Sink {
  readonly name: string
  /** Preferred batch size, if part of a failed batch may have arrived and is sent again. */
  readonly most?: number
  write(records: readonly OutboundRecord[]): Promise<string>
  /** Called on SIGHUP, after log rotation. */
  reopen?(): Promise<void>
  /** Aborts a write in progress too. */
  close(): Promise<void>
}

/** A sink and its filter. */
export interface SinkBinding {
  readonly sink: Sink
  readonly type: string
  readonly format: string
  /** A path, an address or a URL, without secrets. */
  readonly target: string
  readonly accepts: (record: OutboundRecord) => boolean
  /** Whether it takes incidents. They are derived only for a sink that does. */
  readonly wantsIncidents?: boolean
  /** All of its configuration: equal for equal sinks. */
  readonly spec: string
}

interface SinkErrorOptions {
  readonly cause?: unknown
  /** The delay that the receiver asked for. */
  readonly retryAfterMs?: number
  /** The receiver will never accept this record. */
  readonly final?: boolean
}

/** The receiver did not accept the batch. */
export class SinkError extends SnugError {
  readonly retryAfterMs: number | undefined
  readonly final: boolean

  constructor(message: string, { cause, retryAfterMs, final = false }: SinkErrorOptions = {}) {
    super('SINK_REFUSED', message, cause === undefined ? {} : { cause })
    this.retryAfterMs = retryAfterMs
    this.final = final
  }
}
