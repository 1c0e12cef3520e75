import { describe, expect, it } from 'vitest'
import type { Live } from '../../src/flow/engine.ts'
import { LiveHub } from '../../src/flow/live-hub.ts'

async function collect<T>(stream: AsyncIterable<Live<T>>): Promise<Live<T>[]> {
  const all: Live<T>[] = []
  for await (const item of stream) all.push(item)
  return all
}

describe('the live hub', () => {
  it('gives each reader what it wants from the moment it subscribed', async () => {
    const hub = new LiveHub<number>()
    const stop = new AbortController()
    hub.publish(1)
    const even = collect(hub.subscribe(stop.signal, (n) => n % 2 === 0))
    for (const n of [2, 3, 4]) hub.publish(n)
    stop.abort()
    expect(await even).toEqual([
      { type: 'item', item: 2 },
      { type: 'item', item: 4 },
    ])
    expect(hub.readers).toBe(0)
  })

  it('tells a reader that lags how much it missed, in its place', async () => {
    const hub = new LiveHub<number>(2)
    const stop = new AbortController()
    const stream = hub.subscribe(stop.signal, () => true)
    for (const n of [1, 2, 3, 4]) hub.publish(n)
    const reader = stream[Symbol.asyncIterator]()
    expect((await reader.next()).value).toEqual({ type: 'item', item: 1 })
    expect((await reader.next()).value).toEqual({ type: 'item', item: 2 })
    expect((await reader.next()).value).toEqual({ type: 'missed', count: 2 })
    hub.publish(5)
    expect((await reader.next()).value).toEqual({ type: 'item', item: 5 })
    stop.abort()
    expect((await reader.next()).done).toBe(true)
  })

  it('tells when its reader has gone, whether by signal or by leaving the loop', async () => {
    const hub = new LiveHub<number>()
    let ended = 0
    const stream = hub.subscribe(
      new AbortController().signal,
      () => true,
      () => {
        ended += 1
      },
    )
    hub.publish(1)
    for await (const item of stream) {
      expect(item).toEqual({ type: 'item', item: 1 })
      break
    }
    expect(ended).toBe(1)
    expect(hub.readers).toBe(0)
  })
})
