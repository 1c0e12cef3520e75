import { constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'

/**
 * Opens standard input if `path` is `-`, else a named pipe, which stays open when writers leave.
 */
export function openInputStream(path: string): Readable {
  if (path === '-') return process.stdin
  // A blocking read of a pipe cannot be cancelled. Opened for reading and writing, it waits for
  // writers.
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  return new Socket({ fd, readable: true, writable: false })
}

/** Yields chunks until the stream ends or the signal aborts. Throws the error of the stream. */
export async function* streamChunks(
  input: Readable,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  // Also ends an iteration that waits for input that may never arrive.
  const stop = () => input.destroy()
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  try {
    for await (const chunk of input) yield chunk as Uint8Array
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    signal.removeEventListener('abort', stop)
    input.destroy()
  }
}
