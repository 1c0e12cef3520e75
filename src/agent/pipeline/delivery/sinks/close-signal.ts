/** For sinks whose client library cannot cancel a pending operation. */
export interface CloseSignal {
  /** Rejects once {@link close} was called. */
  readonly closed: Promise<never>
  close(): void
}

export function closeSignal(): CloseSignal {
  let close = (): void => undefined
  const closed = new Promise<never>((_, reject) => {
    close = () => reject(new Error('the agent stops'))
  })
  // Prevents an unhandled rejection if no operation waits.
  closed.catch(() => undefined)
  return { closed, close }
}
