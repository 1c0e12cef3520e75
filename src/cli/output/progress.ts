import type { Readable } from 'node:stream'
import type { CliIo } from '../cli-io.ts'

const everyMs = 250
const clearLine = '\r\u001b[K'

/** Shows on a terminal's standard error how much of the input was sent, while `work` goes on. */
export async function withProgress<T>(
  { stderr, progress }: CliIo,
  input: Readable,
  work: () => Promise<T>,
): Promise<T> {
  if (!progress) return work()
  let bytes = 0
  const count = (chunk: Buffer | string): void => {
    bytes += chunk.length
  }
  // Listening for data sets the stream going, so it is done with the work and not before.
  const done = work()
  input.on('data', count)
  const timer = setInterval(() => {
    stderr.write(`${clearLine}snug: ${(bytes / 1_048_576).toFixed(1)} MiB sent …`)
  }, everyMs)
  try {
    return await done
  } finally {
    clearInterval(timer)
    input.off('data', count)
    stderr.write(clearLine)
  }
}
