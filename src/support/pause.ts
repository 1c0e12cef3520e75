/** Resolves after this time, or as soon as the signal aborts. It keeps the process alive. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => {
    // The global timer, unlike that of `node:timers/promises`, follows the fake clock of a test.
    const timer = setTimeout(end, milliseconds)
    signal.addEventListener('abort', end)
    function end(): void {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
  })
}
