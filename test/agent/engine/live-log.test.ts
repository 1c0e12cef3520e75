import { describe, expect, it } from 'vitest'
import { finish } from '../../../src/core/steps.ts'
import { batchesOf, LiveLog, type LiveReader } from '../../../src/api/live-log.ts'

const all = (): boolean => true

function logOf(capacity: number, first = 1): LiveLog<number> {
  return new LiveLog<number>({ capacity, first })
}

function publish(log: LiveLog<number>, ...items: readonly number[]): void {
  for (const item of items) log.publish('t', item)
}

function rest(reader: LiveReader<number>): unknown[] {
  return reader.take(1_000).map((message) => (message.type === 'item' ? message.item : message))
}

describe('a live log', () => {
  it('sends each reader its matching items since it subscribed, with continuing numbers', () => {
    const log = logOf(8)
    publish(log, 1)
    const even = log.subscribe({ wants: (n) => n % 2 === 0 })
    publish(log, 2, 3, 4)
    expect(even.begin).toBe(1)
    expect(even.take(10)).toEqual([
      { type: 'item', n: 2, topic: 't', item: 2 },
      { type: 'item', n: 4, topic: 't', item: 4 },
    ])
  })

  it('continues from a number without gaps or duplicates', () => {
    const log = logOf(8)
    publish(log, 1, 2, 3, 4, 5)
    expect(rest(log.subscribe({ from: 3, wants: all }))).toEqual([3, 4, 5])
    expect(rest(log.subscribe({ from: 6, wants: all }))).toEqual([])
  })

  it('reports how many of the requested items are gone', () => {
    const log = logOf(3)
    publish(log, 1, 2, 3, 4, 5)
    const late = log.subscribe({ from: 1, wants: all })
    expect(late.begin).toBe(0)
    expect(rest(late)).toEqual([{ type: 'lagged', n: 2, missed: 2 }, 3, 4, 5])
  })

  it('sends a lagging reader the exact count of its missed items, in their place', () => {
    const log = logOf(4)
    const even = log.subscribe({ wants: (n) => n % 2 === 0 })
    publish(log, 1, 2, 3, 4)
    expect(rest(even)).toEqual([2, 4])
    publish(log, 5, 6, 7, 8, 9, 10, 11, 12, 13)
    // Items 5 to 9 were dropped; 6 and 8 matched this reader.
    expect(rest(even)).toEqual([{ type: 'lagged', n: 9, missed: 2 }, 10, 12])
  })

  it('adds up at any pace: received and missed items are all published ones', () => {
    const log = logOf(16)
    const reader = log.subscribe({ wants: all })
    let taken = 0
    let missed = 0
    let n = 0
    for (let sent = 0; sent < 1_000; sent += 1) {
      publish(log, sent)
      if (sent % 37 !== 0 && sent !== 999) continue
      for (const message of reader.take(sent % 2 === 0 ? 5 : 500)) {
        if (message.type === 'item') {
          taken += 1
          n += 1
        } else if (message.type === 'lagged') {
          missed += message.missed
          n += message.missed
        }
        expect(message.n).toBe(n)
      }
    }
    expect(missed).toBeGreaterThan(0)
    expect(taken + missed).toBe(1_000)
  })

  it('reports a restart to a reader of a previous agent', () => {
    const log = logOf(8, 1_000)
    publish(log, 1, 2)
    expect(rest(log.subscribe({ from: 17, wants: all }))).toEqual([
      { type: 'restarted', n: 999 },
      1,
      2,
    ])
    expect(rest(log.subscribe({ from: 5_000, wants: all }))).toEqual([
      { type: 'restarted', n: 1_001 },
    ])
  })

  it('takes over the numbers of another log, and its count of dropped items', () => {
    const log = logOf(4)
    const reader = log.subscribe({ wants: all })
    log.put({ type: 'item', n: 1, topic: 't', item: 1 })
    log.put({ type: 'item', n: 5, topic: 't', item: 5 })
    expect(rest(reader)).toEqual([{ type: 'lagged', n: 4, missed: 4 }, 5])
    expect(rest(log.subscribe({ from: 5, wants: all }))).toEqual([5])
  })

  it('has on record the newest first, from a number down', () => {
    const log = logOf(5)
    publish(log, 1, 2, 3, 4, 5, 6, 7)
    const some = finish(log.recordedSteps(2, Infinity, all))
    expect(some.map(({ item }) => item)).toEqual([7, 6])
    const odd = finish(log.recordedSteps(9, 6, (n) => n % 2 === 1))
    expect(odd.map(({ item }) => item)).toEqual([5, 3])
  })

  it('wakes a reader once for several items, and ends with its signal', async () => {
    const log = logOf(8)
    const stop = new AbortController()
    const seen: number[][] = []
    const reading = (async () => {
      for await (const batch of batchesOf(log.subscribe({ wants: all }), stop.signal)) {
        seen.push(batch.map(({ n }) => n))
        if (seen.length === 2) stop.abort()
      }
    })()
    publish(log, 1, 2)
    await new Promise(setImmediate)
    publish(log, 3, 4)
    await reading
    expect(seen).toEqual([
      [1, 2],
      [3, 4],
    ])
    expect(log.readers).toBe(0)
  })
})
