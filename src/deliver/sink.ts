import type { Alert } from '../event/alert.ts'

/**
 * Where alerts go. A sink takes batches in order and resolves when it has them for good; it rejects where
 * it does not, and is then given the same batch again. One that needs reopening says so by `reopen`.
 */
export interface Sink {
  readonly name: string
  write(alerts: readonly Alert[]): Promise<void>
  /** Called on SIGHUP, after log rotation. */
  reopen?(): Promise<void>
  close(): Promise<void>
}
