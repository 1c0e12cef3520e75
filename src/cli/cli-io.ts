import type { Readable, Writable } from 'node:stream'

/** All that a command touches of its process, so that tests can run it within their own. */
export interface CliIo {
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  readonly env: Readonly<Record<string, string | undefined>>
  /** Colours are wanted: a terminal, and no `NO_COLOR`. */
  readonly colour: boolean
  /** Standard error is a terminal: long work may show its progress. */
  readonly progress: boolean
  /** A person sits at the terminal and can answer a question. */
  readonly interactive: boolean
  /** Columns of the terminal; infinite where standard output is none. */
  readonly width: number
  /** Fires on Ctrl-C and SIGTERM, and once nobody reads standard output any more. */
  readonly signal: AbortSignal
  /** Fires on Ctrl-C and SIGTERM only: for work that continues without a reader. */
  readonly ended: AbortSignal
}

/** Resolves once the stream takes more, so that a slow pipe slows us instead of filling memory. */
export async function writeTo(stream: Writable, text: string): Promise<void> {
  if (stream.destroyed || stream.write(text)) return
  await new Promise<void>((resolve) => {
    const done = (): void => {
      for (const event of ['drain', 'close', 'error']) stream.off(event, done)
      resolve()
    }
    for (const event of ['drain', 'close', 'error']) stream.once(event, done)
  })
}

/** A line for people, beside the data. */
export function printLine(io: Pick<CliIo, 'stderr'>, line: string): void {
  io.stderr.write(`${line}\n`)
}
