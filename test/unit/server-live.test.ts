import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type { LiveMessage } from '../../src/server/live-query.ts'
import { sampleAlert, sampleEvent, type ServerFixture, startFixture } from './server-fixtures.ts'

let fixture: ServerFixture
beforeEach(async () => {
  fixture = await startFixture()
})
afterEach(async () => {
  await fixture[Symbol.asyncDispose]()
})

interface Client {
  readonly socket: WebSocket
  next(): Promise<LiveMessage>
  readonly closed: Promise<number>
}

function open(query: string): Client {
  const socket = new WebSocket(`ws+unix:${fixture.socket}:/v1/live?${query}`)
  const queue: LiveMessage[] = []
  let wake = (): void => undefined
  socket.on('message', (data: Buffer) => {
    queue.push(JSON.parse(data.toString('utf8')) as LiveMessage)
    wake()
  })
  const closed = new Promise<number>((resolve) => socket.once('close', resolve))
  return {
    socket,
    closed,
    async next() {
      while (queue.length === 0) await new Promise<void>((resolve) => (wake = resolve))
      return queue.shift()!
    },
  }
}

describe('the live socket', () => {
  it('numbers its messages and says which topic each is of', async () => {
    const client = open('topics=events,alerts')
    expect(await client.next()).toEqual({ n: 1, type: 'ready', topics: ['events', 'alerts'] })
    fixture.engine.events.publish(sampleEvent)
    expect(await client.next()).toEqual({ n: 2, type: 'item', topic: 'events', item: sampleEvent })
    const alert = sampleAlert('01-a')
    fixture.engine.alertsLive.publish(alert)
    expect(await client.next()).toEqual({ n: 3, type: 'item', topic: 'alerts', item: alert })
    client.socket.close()
  })

  it('tells the engine what is asked for, and when the client has gone', async () => {
    const client = open('topics=events&image=web&container=40e5&raw=true')
    await client.next()
    expect(fixture.engine.calls).toEqual([
      { name: 'liveEvents', args: [{ image: 'web', container: '40e5', raw: true }] },
    ])
    expect(fixture.engine.events.readers).toBe(1)
    client.socket.close()
    await client.closed
    await expect.poll(() => fixture.engine.events.readers).toBe(0)
  })

  it('tells a slow client how much it missed, and numbers on without a gap', async () => {
    const client = open('topics=events')
    await client.next()
    client.socket.pause()
    // Far more than the buffers of a unix socket, of the server and of the engine's queue hold.
    const padded = { ...sampleEvent, node: 'x'.repeat(100_000) }
    const total = 200
    for (let sent = 0; sent < total; sent += 1) {
      fixture.engine.events.publish(padded)
      await new Promise(setImmediate)
    }
    client.socket.resume()
    let items = 0
    let missed = 0
    let n = 1
    while (items + missed < total) {
      const message = await client.next()
      n += 1
      expect(message.n).toBe(n)
      if (message.type === 'item') items += 1
      if (message.type === 'lagged') missed += message.missed
    }
    expect(missed).toBeGreaterThan(0)
    expect(items + missed).toBe(total)
    expect(await fixture.metrics.expose()).toContain(
      `snug_server_live_missed_total{topic="events"} ${missed}`,
    )
    client.socket.close()
  })

  it('closes when the agent stops', async () => {
    const client = open('topics=alerts')
    await client.next()
    fixture.stop.abort()
    expect(await client.closed).toBe(1001)
  })

  it.each(['topics=', 'topics=everything', 'topics=events&raw=perhaps', 'topics=events&evil=1'])(
    'refuses a handshake that asks for %s',
    async (query) => {
      const { socket } = open(query)
      const answer = await new Promise((resolve, reject) => {
        socket.on('unexpected-response', (request, response) => {
          resolve([response.statusCode, response.headers['x-snug-code']])
          request.destroy()
        })
        socket.on('open', () => reject(new Error('it was let in')))
        socket.on('error', () => undefined)
      })
      expect(answer).toEqual([400, 'BODY_INVALID'])
    },
  )
})
