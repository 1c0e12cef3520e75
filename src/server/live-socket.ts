import type { WebSocket } from 'ws'
import { describeError, SnugError } from '../errors.ts'
import type { Live, LiveQuery } from '../flow/engine.ts'
import type { Log } from '../telemetry/log.ts'
import type { LiveBody, LiveRequest, LiveTopic } from './live-query.ts'
import type { RouteWorld } from './route.ts'

const maxBuffered = 1_048_576
const heartbeatMs = 20_000

/**
 * Sends the topics that a client asked for until it leaves, the engine ends or `signal` fires.
 *
 * Back-pressure reaches the engine: while the socket is full nothing more is taken from it, and what its
 * bounded queue had to leave out comes as `lagged`. A client that answers no ping is cut off.
 */
export function pumpLive(
  socket: WebSocket,
  world: RouteWorld,
  request: LiveRequest,
  log: Log,
  signal: AbortSignal,
): void {
  const gone = new AbortController()
  const stop = AbortSignal.any([signal, gone.signal])
  const heartbeat = startHeartbeat(socket)
  socket.on('error', (error) => log.debug({ err: error }, 'live client failed'))
  socket.once('close', () => {
    clearInterval(heartbeat)
    gone.abort()
  })
  const send = numberedSend(socket)

  const pump = async (topic: LiveTopic, stream: AsyncIterable<Live<unknown>>): Promise<void> => {
    for await (const live of stream) {
      if (live.type === 'item') {
        await send({ type: 'item', topic, item: live.item })
      } else {
        world.metrics.count('snug_server_live_missed_total', { topic }, live.count)
        await send({ type: 'lagged', topic, missed: live.count })
      }
    }
  }

  const run = async (): Promise<void> => {
    const streams = request.topics.map(
      (topic) => [topic, subscribe(world, topic, request, stop)] as const,
    )
    await send({ type: 'ready', topics: request.topics })
    await Promise.all(streams.map(([topic, stream]) => pump(topic, stream)))
  }

  run().then(
    () => socket.close(1001, 'the agent stops'),
    async (error: unknown) => {
      if (gone.signal.aborted) return
      const code = error instanceof SnugError ? error.code : 'INTERNAL'
      if (code === 'INTERNAL') log.error({ err: error }, 'live stream failed')
      await send({ type: 'error', code, detail: describeError(error) }).catch(() => undefined)
      socket.close(1011)
    },
  )
}

function subscribe(
  { engine }: RouteWorld,
  topic: LiveTopic,
  { image, container, raw }: LiveRequest,
  signal: AbortSignal,
): AsyncIterable<Live<unknown>> {
  const query: LiveQuery = {
    ...(image === undefined ? {} : { image }),
    ...(container === undefined ? {} : { container }),
    ...(raw === true ? { raw } : {}),
  }
  return topic === 'events' ? engine.liveEvents(signal, query) : engine.liveAlerts(signal, query)
}

function numberedSend(socket: WebSocket): (body: LiveBody) => Promise<void> {
  let n = 0
  return (body) => {
    n += 1
    const text = JSON.stringify({ n, ...body })
    return new Promise((resolve, reject) => {
      const sent = (error?: Error | null): void => (error ? reject(error) : resolve())
      socket.send(text, sent)
      // Waiting for each message would cost a turn of the loop per message; a full socket must be waited for.
      if (socket.bufferedAmount < maxBuffered && socket.readyState === socket.OPEN) resolve()
    })
  }
}

function startHeartbeat(socket: WebSocket): NodeJS.Timeout {
  let alive = true
  socket.on('pong', () => {
    alive = true
  })
  const timer = setInterval(() => {
    if (!alive) return socket.terminate()
    alive = false
    socket.ping()
  }, heartbeatMs)
  return timer.unref()
}
