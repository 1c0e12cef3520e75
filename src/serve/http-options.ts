import type { Server } from 'node:http'
import type { createAdaptorServer, WebSocketServerLike } from '@hono/node-server'
import { WebSocketServer } from 'ws'

export type Fetch = Parameters<typeof createAdaptorServer>[0]['fetch']

/** What the servers of daemon and gateway have in common. */
export function httpOptions(fetch: Fetch, headersMs: number) {
  return {
    fetch,
    overrideGlobalObjects: false,
    websocket: {
      // The adapter types the server's listeners more loosely than `ws` does.
      server: new WebSocketServer({
        noServer: true,
        maxPayload: 4_096,
        perMessageDeflate: false,
      }) as unknown as WebSocketServerLike,
    },
    serverOptions: {
      headersTimeout: headersMs,
      // A replay or an upload may stream for hours: bodies have their own limits, see `request-body.ts`.
      requestTimeout: 0,
      maxHeaderSize: 16_384,
    },
  }
}

const closeMs = 2_000

/** Takes no further connection; resolves once all have ended, which happens after {@link closeMs} at the latest. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const deadline = setTimeout(() => server.closeAllConnections(), closeMs)
    server.close(() => {
      clearTimeout(deadline)
      resolve()
    })
  })
}
