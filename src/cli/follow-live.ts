import type { CliContext } from './cli-context.ts'
import { printLine, writeTo } from './cli-io.ts'
import { type LiveAsk, liveMessages } from './live-client.ts'

/**
 * Prints live items until Ctrl-C. Also prints on `stderr` when following begins, and each loss at its position: a quiet
 * agent would otherwise show nothing.
 */
export async function followLive(
  { io, socket }: CliContext,
  ask: LiveAsk,
  render: (item: unknown) => string,
): Promise<void> {
  for await (const message of liveMessages(socket, ask, io.signal)) {
    if (message.type === 'ready') printLine(io, `snug: following ${ask.topic}; Ctrl-C ends it`)
    if (message.type === 'item') await writeTo(io.stdout, render(message.item))
    if (message.type === 'lagged')
      printLine(io, `snug: ${message.missed} ${ask.topic} are missing here`)
  }
}
