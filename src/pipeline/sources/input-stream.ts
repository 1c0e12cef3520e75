import { constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'

/** Standard input where `path` is `-`, else the named pipe of that path: writers may come and go. */
export function openInputStream(path: string): Readable {
  if (path === '-') return process.stdin
  // A blocking read of a pipe could not be called off; opened for both ways it waits for writers to come.
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  return new Socket({ fd, readable: true, writable: false })
}

/** Its chunks until it ends or the signal aborts. Throws what the stream failed with. */
export async function* streamChunks(
  input: Readable,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  // Ends the iteration below also while it waits for input that may never come.
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
