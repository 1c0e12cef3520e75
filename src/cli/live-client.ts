import { WebSocket } from 'ws'
import { type ErrorCode, errorTable, SnugError } from '../errors.ts'
import type { LiveMessage, LiveTopic } from '../serve/live-query.ts'
import { unreachable } from './agent-client.ts'

export interface LiveAsk {
  readonly topic: LiveTopic
  readonly image?: string | undefined
  readonly container?: string | undefined
  readonly raw?: boolean
}

const pauseAt = 1_024

/**
 * The agent's live messages until `signal` fires, `ready` first. While the reader is busy the socket is paused, so that
 * the agent's bounded queue overflows and reports the loss.
 *
 * Errors: AGENT_UNREACHABLE, also where the agent goes away meanwhile; any error that the agent answers.
 */
export async function* liveMessages(
  socketPath: string,
  ask: LiveAsk,
  signal: AbortSignal,
): AsyncGenerator<LiveMessage> {
  const socket = new WebSocket(`ws+unix:${socketPath}:/v1/live?${queryOf(ask)}`, {
    perMessageDeflate: false,
    headers: { host: 'localhost' },
  })
  const queue: LiveMessage[] = []
  let failure: unknown
  let ended = false
  let wake = (): void => undefined
  const end = (error?: unknown): void => {
    failure ??= error
    ended = true
    wake()
  }
  socket.on('message', (data: Buffer) => {
    queue.push(JSON.parse(data.toString('utf8')) as LiveMessage)
    if (queue.length >= pauseAt) socket.pause()
    wake()
  })
  socket.on('unexpected-response', (request, response) => {
    end(refusal(response.headers['x-snug-code']))
    request.destroy()
  })
  socket.on('error', (error) => end(unreachable(socketPath, error)))
  socket.on('close', () =>
    end(new SnugError('AGENT_UNREACHABLE', 'the agent closed the connection')),
  )
  const stop = (): void => {
    end()
    socket.terminate()
  }
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })

  try {
    for (;;) {
      for (const message of queue.splice(0)) {
        if (message.type === 'error') throw new SnugError(known(message.code), message.detail)
        yield message
      }
      if (socket.isPaused) socket.resume()
      if (ended && queue.length === 0) break
      await new Promise<void>((resolve) => {
        wake = resolve
        if (queue.length > 0 || ended) resolve()
      })
    }
    if (!signal.aborted && failure !== undefined) throw failure
  } finally {
    signal.removeEventListener('abort', stop)
    socket.terminate()
  }
}

function queryOf({ topic, image, container, raw }: LiveAsk): string {
  const query = new URLSearchParams({ topics: topic })
  if (image !== undefined) query.set('image', image)
  if (container !== undefined) query.set('container', container)
  if (raw) query.set('raw', 'true')
  return query.toString()
}

function refusal(code: string | string[] | undefined): SnugError {
  return new SnugError(known(String(code)), 'the agent refused the live stream')
}

function known(code: string): ErrorCode {
  return code in errorTable ? (code as ErrorCode) : 'INTERNAL'
}
