import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type { StateNews } from '../../src/api/status-views.ts'
import type { LiveMessage } from '../../src/serve/live-query.ts'
import {
  sampleAlert,
  sampleEvent,
  type ServerFixture,
  startFixture,
} from '../fixtures/server-fixtures.ts'

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

const status: StateNews = {
  kind: 'status',
  time: sampleEvent.time,
  state: 'degraded',
  degraded: ['store: full'],
}

describe('the live socket', () => {
  it('numbers alerts and states in one stream and marks the type of each', async () => {
    const client = open('')
    const topics = ['alerts', 'states']
    expect(await client.next()).toEqual({ n: 0, type: 'ready', topics })
    const alert = sampleAlert('01-a')
    fixture.engine.news.publish('alerts', alert)
    fixture.engine.news.publish('states', status)
    expect(await client.next()).toEqual({ n: 1, type: 'item', topic: 'alerts', item: alert })
    expect(await client.next()).toEqual({ n: 2, type: 'item', topic: 'states', item: status })
    client.socket.close()
  })

  it('gives of a part of the stream the numbers of that part', async () => {
    const client = open('topics=states')
    await client.next()
    fixture.engine.news.publish('alerts', sampleAlert('01-a'))
    fixture.engine.news.publish('states', status)
    expect(await client.next()).toMatchObject({ n: 2, topic: 'states' })
    client.socket.close()
  })

  it('continues from a number after a lost connection without a gap', async () => {
    const first = open('topics=alerts')
    await first.next()
    for (const id of ['01', '02', '03']) fixture.engine.news.publish('alerts', sampleAlert(id))
    expect(await first.next()).toMatchObject({ n: 1 })
    expect(await first.next()).toMatchObject({ n: 2 })
    first.socket.terminate()
    await first.closed
    fixture.engine.news.publish('alerts', sampleAlert('04'))

    const second = open('topics=alerts&from=3')
    expect(await second.next()).toMatchObject({ type: 'ready', n: 2 })
    expect(await second.next()).toMatchObject({ n: 3, item: { id: '03' } })
    expect(await second.next()).toMatchObject({ n: 4, item: { id: '04' } })
    fixture.engine.news.publish('alerts', sampleAlert('05'))
    expect(await second.next()).toMatchObject({ n: 5, item: { id: '05' } })
    second.socket.close()
  })

  it('reports how many of the requested items are gone', async () => {
    // The log holds 16.
    for (let sent = 1; sent <= 20; sent += 1) {
      fixture.engine.news.publish('alerts', sampleAlert(`${sent}`))
    }
    const client = open('from=2')
    expect(await client.next()).toMatchObject({ type: 'ready', n: 1 })
    expect(await client.next()).toEqual({ type: 'lagged', n: 4, missed: 3 })
    expect(await client.next()).toMatchObject({ n: 5, item: { id: '5' } })
    client.socket.close()
  })

  it('passes the request to the engine and unsubscribes when the client has closed', async () => {
    const client = open('topics=events&image=web&container=40e5&raw=true')
    await client.next()
    const asked = { topics: ['events'], image: 'web', container: '40e5', raw: true }
    expect(fixture.engine.calls).toEqual([{ name: 'liveEvents', args: [asked] }])
    expect(fixture.engine.liveEventLog.readers).toBe(1)
    client.socket.close()
    await client.closed
    await expect.poll(() => fixture.engine.liveEventLog.readers).toBe(0)
  })

  it('reports to a slow client how much it missed, without a gap in the numbers', async () => {
    const client = open('topics=events')
    await client.next()
    client.socket.pause()
    // Far more than the buffers of a unix socket, of the server and of the log hold.
    const padded = { ...sampleEvent, node: 'x'.repeat(100_000) }
    const total = 200
    for (let sent = 0; sent < total; sent += 1) {
      fixture.engine.liveEventLog.publish('events', padded)
      // Waits as long as messages are batched, so that the socket fills and not only the log.
      if (sent % 8 === 0) await new Promise((resolve) => setTimeout(resolve, 25))
    }
    client.socket.resume()
    let items = 0
    let missed = 0
    let n = 0
    while (items + missed < total) {
      const message = await client.next()
      if (message.type === 'item') items += 1
      if (message.type === 'lagged') missed += message.missed
      n += message.type === 'lagged' ? message.missed : 1
      expect(message).toMatchObject({ n })
    }
    expect(items).toBeGreaterThan(16)
    expect(missed).toBeGreaterThan(0)
    expect(items + missed).toBe(total)
    expect(await fixture.metrics.expose()).toContain(
      `snug_server_live_missed_total{stream="events"} ${missed}`,
    )
    client.socket.close()
  })

  it('closes when the agent stops', async () => {
    const client = open('topics=alerts')
    await client.next()
    fixture.stop.abort()
    expect(await client.closed).toBe(1001)
  })

  it.each([
    'topics=',
    'topics=everything',
    'topics=events,alerts',
    'topics=events&raw=perhaps',
    'topics=events&evil=1',
    'from=-1',
    'from=1e99',
  ])('refuses a handshake that asks for %s', async (query) => {
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
  })
})
