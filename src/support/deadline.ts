export interface Deadline {
  readonly signal: AbortSignal
  /** Ends the timer: to be called once the work is done. */
  readonly end: () => void
}

/**
 * Aborts after `ms` milliseconds, with a `TimeoutError`, or when `signal` does. It stands for
 * `AbortSignal.any` of an `AbortSignal.timeout`: Node collects that timeout, and nothing aborts.
 */
export function deadline(ms: number, signal?: AbortSignal): Deadline {
  const controller = new AbortController()
  const timer = setTimeout(
    () => controller.abort(new DOMException(`no answer within ${ms} ms`, 'TimeoutError')),
    ms,
  )
  return {
    signal: signal === undefined ? controller.signal : AbortSignal.any([signal, controller.signal]),
    end: () => clearTimeout(timer),
  }
}

/** Settles as `work` does, or rejects with the reason of the signal once that aborts. */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason as Error)
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    if (abort !== undefined) signal.removeEventListener('abort', abort)
  }
}
