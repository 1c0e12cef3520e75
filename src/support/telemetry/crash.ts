import { setTimeout as delay } from 'node:timers/promises'
import { describeError } from '../../errors.ts'
import type { Log } from './log.ts'

/** How long a crashing process may take to store its state, in milliseconds. */
const flushMs = 3_000

/**
 * Ends the process, with exit code 1, after an unhandled error: first `flush` stores the current state, and the error
 * is logged. Returns the way to undo it.
 */
export function exitOnCrash(log: Log, flush: () => Promise<void>): () => void {
  let isCrashing = false
  const crash = (kind: string) => (error: unknown) => {
    if (isCrashing) return
    isCrashing = true
    const stack = error instanceof Error ? error.stack : undefined
    log.fatal({ kind, error: describeError(error), stack }, 'the agent ends after an error')
    const flushed = flush().catch((failure: unknown) => {
      log.fatal({ error: describeError(failure) }, 'not everything could be stored')
    })
    void Promise.race([flushed, delay(flushMs)]).then(() => process.exit(1))
  }
  const handlers = [
    ['uncaughtException', crash('uncaught exception')],
    ['unhandledRejection', crash('unhandled rejection')],
  ] as const
  for (const [name, handler] of handlers) process.on(name, handler)
  return () => {
    for (const [name, handler] of handlers) process.off(name, handler)
  }
}
