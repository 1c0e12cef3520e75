import { SnugError } from '../../../errors.ts'
import type { OutboundRecord } from '../../../core/event/outbound-record.ts'

/**
 * A destination of records. A sink takes batches in order. It resolves once it has stored them for
 * good, with a text about the answer. It rejects otherwise, and then gets the same batch or a
 * smaller one again. The `reopen` of a failure asks for a new connection. INVARIANT: no operation
 * waits longer than the timeout of the sink.
 */
export interface Sink {
  readonly name: string
  /** How many it is best given at once, where a part of what it failed on may have arrived and comes again. */
  readonly most?: number
  write(records: readonly OutboundRecord[]): Promise<string>
  /** Called on SIGHUP, after log rotation. */
  reopen?(): Promise<void>
  /** Ends what is being written too. */
  close(): Promise<void>
}

/** A sink, and which notices are for it. */
export interface SinkBinding {
  readonly sink: Sink
  readonly type: string
  readonly format: string
  /** A path, an address or a URL, without secrets. */
  readonly target: string
  readonly accepts: (record: OutboundRecord) => boolean
  /** All that was configured of it: the same for the same sink. */
  readonly spec: string
}

interface SinkErrorOptions {
  readonly cause?: unknown
  /** It asked to be left alone for so long. */
  readonly retryAfterMs?: number
  /** It will not take this one, however often it is asked. */
  readonly final?: boolean
}

/** The other side did not take it. */
export class SinkError extends SnugError {
  readonly retryAfterMs: number | undefined
  readonly final: boolean

  constructor(message: string, { cause, retryAfterMs, final = false }: SinkErrorOptions = {}) {
    super('SINK_REFUSED', message, cause === undefined ? {} : { cause })
    this.retryAfterMs = retryAfterMs
    this.final = final
  }
}
