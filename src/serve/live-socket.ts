import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { LiveMessage as Reported, LiveReader } from '../api/live-log.ts'
import type { Log } from '../support/telemetry/log.ts'
import type { LiveMessage, LiveRequest } from './live-query.ts'

/** Bytes that may wait in a client's socket: beyond it nothing more is taken for it. */
const maxBuffered = 131_072
/** Messages within this time are sent together: a write for each would cost more than the messages. */
const gatherMs = 20
const batchSize = 64
const heartbeatMs = 20_000

export interface LiveClient {
  readonly socket: WebSocket
  /** The target of `socket`. */
  readonly wire: Socket
  readonly reader: LiveReader<unknown>
  readonly request: LiveRequest
  readonly onMissed: (count: number) => void
  /** Whether its credential is still valid; checked with each heartbeat. */
  readonly stillAllowed?: () => Promise<boolean>
}

/**
 * Sends the requested stream until the client leaves, or the reader ends.
 *
 * While its socket is full, nothing is read for it: the bounded log behind the reader overflows and reports the loss. A
 * message is serialised once for all clients. A client that answers no ping is disconnected.
 */
export function pumpLive(client: LiveClient, log: Log): void {
  const { socket, wire, reader, request, onMissed } = client
  let timer: NodeJS.Timeout | undefined
  const heartbeat = startHeartbeat(client)
  const leave = (): void => {
    clearTimeout(timer)
    clearInterval(heartbeat)
    reader.close()
  }
  const pump = (): void => {
    timer = undefined
    while (socket.readyState === socket.OPEN && socket.bufferedAmount < maxBuffered) {
      const batch = reader.take(batchSize)
      if (batch.length === 0) break
      wire.cork()
      for (const message of batch) {
        if (message.type === 'lagged') onMissed(message.missed)
        socket.send(bytesOf(message), { binary: false })
      }
      wire.uncork()
    }
    if (reader.ended) socket.close(1001, 'the agent stops')
  }
  socket.on('error', (error) => log.debug({ err: error }, 'live client failed'))
  socket.once('close', leave)
  wire.on('drain', pump)
  reader.onNews = () => {
    if (reader.ended) pump()
    else timer ??= setTimeout(pump, gatherMs)
  }
  const ready: LiveMessage = { type: 'ready', n: reader.begin, topics: request.topics }
  socket.send(JSON.stringify(ready))
  pump()
}

/** Items are the same objects for every reader. */
const serialised = new WeakMap<object, Buffer>()

/** Keeps the bytes of a message that was already serialised elsewhere. */
export function rememberBytes(message: object, bytes: Buffer): void {
  serialised.set(message, bytes)
}

function bytesOf(message: Reported<unknown>): Buffer {
  if (message.type !== 'item') return Buffer.from(JSON.stringify(message))
  const known = serialised.get(message)
  if (known !== undefined) return known
  const bytes = Buffer.from(JSON.stringify(message))
  serialised.set(message, bytes)
  return bytes
}

function startHeartbeat({ socket, stillAllowed }: LiveClient): NodeJS.Timeout {
  let alive = true
  socket.on('pong', () => {
    alive = true
  })
  const timer = setInterval(() => {
    if (!alive) return socket.terminate()
    alive = false
    socket.ping()
    stillAllowed?.().then(
      (allowed) => {
        if (!allowed) socket.close(4401, 'the credential is no longer valid')
      },
      () => undefined,
    )
  }, heartbeatMs)
  return timer.unref()
}
