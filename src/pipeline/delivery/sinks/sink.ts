import { SnugError } from '../../../errors.ts'
import type { OutboundRecord } from '../../../core/event/outbound-record.ts'

/**
 * Where notices go. A sink takes batches in order and resolves when it has them for good, with what came back, in
 * words; it rejects where it does not, and is then given the same batch again, or less at once. One that needs
 * reopening says so by `reopen`. Nothing it waits for lasts longer than its own timeout.
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
