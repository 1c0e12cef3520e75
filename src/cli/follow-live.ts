import type { CliContext } from './cli-context.ts'
import { say, writeTo } from './cli-io.ts'
import { type LiveAsk, liveMessages } from './live-client.ts'

/** Prints live items until Ctrl-C. What was missed is said on `stderr`, in its place. */
export async function followLive(
  { io, socket }: CliContext,
  ask: LiveAsk,
  render: (item: unknown) => string,
): Promise<void> {
  for await (const message of liveMessages(socket, ask, io.signal)) {
    if (message.type === 'item') await writeTo(io.stdout, render(message.item))
    if (message.type === 'lagged') say(io, `snug: ${message.missed} ${ask.topic} were missed here`)
  }
}
