import { type FileHandle, open } from 'node:fs/promises'
import { hostname } from 'node:os'
import { SnugError } from '../../errors.ts'
import type { LossEvent } from '../../core/event/event.ts'
import type { CliContext } from '../cli-context.ts'
import { writeTo } from '../cli-io.ts'
import { liveMessages } from '../live-client.ts'

export interface RecordLimits {
  readonly ms?: number
  readonly count?: number
}

export interface Recorded {
  readonly events: number
  readonly missed: number
}

interface Filter {
  readonly image: string | undefined
  readonly container: string | undefined
}

/**
 * Writes live events to a file, which is made once the agent has begun to send them and is on disk when
 * this resolves. Where the agent had to leave some out, the file has a `loss` in their place.
 *
 * Errors: AGENT_UNREACHABLE, SOURCE_UNREADABLE (the file cannot be written).
 */
export async function recordEvents(
  { io, socket }: CliContext,
  file: string,
  filter: Filter,
  limits: RecordLimits,
): Promise<Recorded> {
  const done = new AbortController()
  const signal = AbortSignal.any([io.signal, done.signal])
  const seen = { events: 0, missed: 0, last: new Date().toISOString() }
  let sink: LineSink | undefined
  let timer: NodeJS.Timeout | undefined
  try {
    for await (const message of liveMessages(
      socket,
      { topic: 'events', raw: true, ...filter },
      signal,
    )) {
      if (message.type === 'ready') {
        sink = await openSink(file, io.stdout)
        if (limits.ms !== undefined) timer = setTimeout(() => done.abort(), limits.ms)
      } else if (message.type === 'item') {
        await sink?.write(`${JSON.stringify(message.item)}\n`)
        seen.events += 1
        seen.last = timeOf(message.item) ?? seen.last
        if (seen.events === limits.count) break
      } else if (message.type === 'lagged') {
        seen.missed += message.missed
        await sink?.write(`${JSON.stringify(lossOf(message.missed, seen.last))}\n`)
      }
    }
  } finally {
    clearTimeout(timer)
    await sink?.close()
  }
  return seen
}

interface LineSink {
  write(line: string): Promise<void>
  close(): Promise<void>
}

async function openSink(file: string, stdout: NodeJS.WritableStream): Promise<LineSink> {
  if (file === '-') {
    return { write: (line) => writeTo(stdout as never, line), close: () => Promise.resolve() }
  }
  let handle: FileHandle
  try {
    handle = await open(file, 'w', 0o600)
  } catch (error) {
    throw new SnugError('SOURCE_UNREADABLE', `cannot write \`${file}\``, { cause: error })
  }
  return {
    write: async (line) => {
      await handle.write(line)
    },
    close: async () => {
      await handle.sync()
      await handle.close()
    },
  }
}

function lossOf(count: number, from: string): LossEvent {
  const time = new Date().toISOString()
  return {
    v: 1,
    time,
    node: hostname(),
    source: 'record',
    kind: 'loss',
    loss: { reason: 'recorder-lagged', count, from, to: time },
  }
}

function timeOf(item: unknown): string | undefined {
  const time: unknown = (item as { time?: unknown }).time
  return typeof time === 'string' ? time : undefined
}
