import { describe, expect, it, vi } from 'vitest'
import {
  Dispatcher,
  type DispatcherOptions,
} from '../../../../src/agent/pipeline/delivery/dispatcher.ts'
import {
  type SinkBinding,
  type Sink,
  SinkError,
} from '../../../../src/agent/pipeline/delivery/sinks/sink.ts'
import type { OutboundRecord } from '../../../../src/core/event/outbound-record.ts'

const time = '2026-11-24T13:40:27.000Z'
const alert = (id: string, count = 1, severity = 'high'): OutboundRecord =>
  ({ id, count, time, severity, type: 'deviation' }) as unknown as OutboundRecord

/** A sink that accepts, refuses or delays a batch, as the test sets it. */
function testSink(
  name: string,
): Sink & { taken: OutboundRecord[]; refuse: number; gate: Promise<void> } {
  const sink = {
    name,
    taken: [] as OutboundRecord[],
    refuse: 0,
    gate: Promise.resolve(),
    async write(alerts: readonly OutboundRecord[]): Promise<string> {
      await sink.gate
      if (sink.refuse > 0) {
        sink.refuse -= 1
        throw new Error('refused')
      }
      sink.taken.push(...alerts)
      return 'taken'
    },
    async close(): Promise<void> {},
  }
  return sink
}

const binding = (sink: Sink, accepts: SinkBinding['accepts'] = () => true): SinkBinding => ({
  sink,
  type: 'test',
  format: 'json',
  target: 'memory',
  accepts,
  spec: sink.name,
})

interface Given {
  readonly sink: string
  readonly count: number
}

function dispatch(
  sinks: Sink[],
  cursors: Record<string, string> = {},
  change: Partial<DispatcherOptions> = {},
  accepts?: (alert: OutboundRecord) => boolean,
) {
  const errors: string[] = []
  const waits: number[] = []
  const given: Given[] = []
  const moved: Record<string, string> = {}
  const dispatcher = new Dispatcher(
    sinks.map((sink) => binding(sink, accepts)),
    {
      node: 'n1',
      cursors,
      outbox: { maxBytes: 1_000_000, maxAgeMs: 3_600_000, maxSpan: 1_000 },
      repeatMs: 0,
      onError: (sink, _, waitMs) => {
        errors.push(sink)
        waits.push(waitMs)
      },
      onDelivered: (sink, cursor) => {
        moved[sink] = cursor
      },
      onGivenUp: (sink, { count }) => given.push({ sink, count }),
      ...change,
    },
  )
  return { dispatcher, errors, waits, given, moved }
}

async function onFakeClock(work: () => Promise<void>): Promise<void> {
  vi.useFakeTimers()
  try {
    await work()
  } finally {
    vi.useRealTimers()
  }
}

/** Delivers all that waits, however long the waits between two attempts are. */
async function deliverAll(dispatcher: Dispatcher): Promise<void> {
  await onFakeClock(async () => {
    const closed = dispatcher.close(60_000)
    await vi.runAllTimersAsync()
    await closed
  })
}

describe('the dispatcher', () => {
  it('gives every sink every alert in order and moves its cursor', async () => {
    const [a, b] = [testSink('a'), testSink('b')]
    const { dispatcher, moved } = dispatch([a, b])
    dispatcher.offer([alert('1'), alert('2')])
    await dispatcher.close(1000)
    expect(a.taken.map((t) => t.id)).toEqual(['1', '2'])
    expect(b.taken.map((t) => t.id)).toEqual(['1', '2'])
    expect(moved).toEqual({ a: '2', b: '2' })
  })

  it('sends the same batch again to a sink that refused it, and reports the failure', async () => {
    const sink = testSink('a')
    sink.refuse = 2
    const { dispatcher, errors } = dispatch([sink])
    dispatcher.offer([alert('1')])
    await deliverAll(dispatcher)
    expect(sink.taken.map((t) => t.id)).toEqual(['1'])
    expect(errors).toEqual(['a', 'a'])
  })

  it('lets a sink that hangs delay no other', async () => {
    const [slow, quick] = [testSink('slow'), testSink('quick')]
    let release = (): void => {}
    slow.gate = new Promise((resolve) => {
      release = resolve
    })
    const delivered = new Promise<string>((resolve) => {
      const write = async (): Promise<string> => {
        resolve('taken')
        return 'taken'
      }
      const { dispatcher } = dispatch([slow, { ...quick, write }])
      dispatcher.offer([alert('1')])
    })
    await delivered
    expect(slow.taken).toEqual([])
    release()
  })

  it('starts after a restart with the alerts past the cursor', async () => {
    const sink = testSink('a')
    const { dispatcher } = dispatch([sink], { a: '2' }, { now: () => Date.parse(time) })
    dispatcher.resume([alert('1'), alert('2'), alert('3')])
    await dispatcher.close(1000)
    expect(sink.taken.map((t) => t.id)).toEqual(['3'])
  })

  it('gives an alert whose count rose while it was being written once more, in its newest state', async () => {
    const sink = testSink('a')
    let release = (): void => {}
    sink.gate = new Promise((resolve) => {
      release = resolve
    })
    const { dispatcher } = dispatch([sink])
    dispatcher.offer([alert('1', 1)])
    dispatcher.offer([alert('1', 2)])
    dispatcher.offer([alert('1', 3)])
    release()
    await dispatcher.close(1000)
    expect(sink.taken.map((t) => ('count' in t ? t.count : 0))).toEqual([1, 3])
  })

  it('sends a sink only alerts that pass its filter', async () => {
    const sink = testSink('a')
    const { dispatcher, moved } = dispatch([sink], {}, {}, ({ severity }) => severity === 'high')
    dispatcher.offer([alert('1', 1, 'low'), alert('2'), alert('3', 1, 'low')])
    await dispatcher.close(1000)
    expect(sink.taken.map(({ id }) => id)).toEqual(['2'])
    expect(moved).toEqual({ a: '2' })
  })

  it('leaves a sink alone for as long as it asks, and gives it less at once after a refusal', async () => {
    const sizes: number[] = []
    const sink: Sink = {
      ...testSink('a'),
      write: async (alerts) => {
        sizes.push(alerts.length)
        if (sizes.length === 1) throw new SinkError('busy', { retryAfterMs: 700 })
        return 'taken'
      },
    }
    const { dispatcher, waits } = dispatch([sink])
    dispatcher.offer(Array.from({ length: 8 }, (_, at) => alert(String(at))))
    await deliverAll(dispatcher)
    // What it asked for, and the half-random first delay of 100 ms.
    expect(waits).toHaveLength(1)
    expect(waits[0]).toBeGreaterThanOrEqual(750)
    expect(waits[0]).toBeLessThanOrEqual(800)
    expect(sizes).toEqual([8, 2, 4, 2])
  })

  it('gets past an alert that is refused for good, and counts it', async () => {
    const sink = testSink('a')
    const write: Sink['write'] = async (alerts) => {
      if (alerts.some(({ id }) => id === '2')) throw new SinkError('no', { final: true })
      return sink.write(alerts)
    }
    const { dispatcher, given } = dispatch([{ ...sink, write }])
    dispatcher.offer([alert('1'), alert('2'), alert('3')])
    await deliverAll(dispatcher)
    expect(sink.taken.map(({ id }) => id)).toEqual(['1', '3'])
    expect(given).toEqual([{ sink: 'a', count: 1 }])
  })
})

/** A sink whose write settles only when it is closed, with an error. */
const hung = (): Sink => {
  let end: (error: Error) => void = () => undefined
  return {
    name: 'down',
    write: () => new Promise((_, reject) => (end = reject)),
    close: async () => end(new Error('closed')),
  }
}

describe('the outbox of a sink that takes nothing', () => {
  const offerMany = (dispatcher: Dispatcher): void => {
    for (let at = 0; at < 1_000; at += 1) {
      const id = String(at).padStart(6, '0')
      dispatcher.offer([alert(id, 1, at % 2 === 0 ? 'low' : 'critical')])
    }
  }

  it('is bounded in bytes: the oldest of the lowest severity go first, and are counted', async () => {
    const bytes = Buffer.byteLength(JSON.stringify(alert('000000', 1, 'critical')))
    const outbox = { maxBytes: bytes * 600, maxAgeMs: 3_600_000, maxSpan: 10_000 }
    const { dispatcher, given } = dispatch([hung()], {}, { outbox })
    offerMany(dispatcher)
    const [view] = dispatcher.list()
    expect(view?.waiting).toBeGreaterThanOrEqual(600)
    expect(view?.waiting).toBeLessThan(640)
    await dispatcher.close(0)
    expect(given.reduce((sum, { count }) => sum + count, 0)).toBe(1_000 - (view?.waiting ?? 0))
    expect(view?.givenUp).toBe(1_000 - (view?.waiting ?? 0))
  })

  it('does not limit a burst that a sink accepts at once', async () => {
    const sink = testSink('a')
    const outbox = { maxBytes: 100, maxAgeMs: 3_600_000, maxSpan: 10_000 }
    const { dispatcher, given } = dispatch([sink], {}, { outbox })
    dispatcher.offer(Array.from({ length: 50 }, (_, at) => alert(String(at).padStart(6, '0'))))
    await dispatcher.close(5_000)
    expect(sink.taken).toHaveLength(50)
    expect(given).toEqual([])
  })

  it('reaches back no further than the store does', async () => {
    const outbox = { maxBytes: 10_000_000, maxAgeMs: 3_600_000, maxSpan: 100 }
    const { dispatcher } = dispatch([hung()], {}, { outbox })
    offerMany(dispatcher)
    // And the one that is being written.
    expect(dispatcher.list()[0]?.waiting).toBe(101)
    await dispatcher.close(0)
  })

  it('keeps nothing for longer than its age', async () => {
    let nowMs = Date.parse(time)
    const sink = { ...hung(), write: async () => Promise.reject(new Error('down')) }
    const { dispatcher, errors } = dispatch(
      [sink],
      {},
      {
        outbox: { maxBytes: 1_000_000, maxAgeMs: 60_000, maxSpan: 1_000 },
        now: () => nowMs,
      },
    )
    dispatcher.offer([alert('1')])
    nowMs += 60_001
    dispatcher.offer([alert('2')])
    await expect.poll(() => errors.length).toBeGreaterThan(1)
    expect(dispatcher.list()).toMatchObject([{ waiting: 1, givenUp: 1, lagMs: 0 }])
    expect(dispatcher.list()[0]).toMatchObject({ state: 'failing', lastError: { text: 'down' } })
    await dispatcher.close(0)
  })

  it.each([
    ['forward', 86_400_000],
    ['back', -86_400_000],
  ])(
    'keeps alerts for their age, and reports in time, where the clock is set %s',
    async (_, by) => {
      await onFakeClock(async () => {
        const outbox = { maxBytes: 1_000_000, maxAgeMs: 60_000, maxSpan: 1_000 }
        const { dispatcher, given } = dispatch([hung()], {}, { outbox })
        // The sink has it, and never answers.
        dispatcher.offer([alert('1')])
        dispatcher.offer([alert('2')])
        await vi.advanceTimersByTimeAsync(30_000)
        vi.setSystemTime(Date.now() + by)
        dispatcher.offer([alert('3')])
        expect(dispatcher.list()).toMatchObject([{ waiting: 3, givenUp: 0, lagMs: 30_000 }])
        await vi.advanceTimersByTimeAsync(30_001)
        dispatcher.offer([alert('4')])
        await vi.advanceTimersByTimeAsync(1)
        expect(given).toEqual([{ sink: 'down', count: 1 }])
        vi.setSystemTime(Date.now() + by)
        await vi.advanceTimersByTimeAsync(60_000)
        dispatcher.offer([alert('5')])
        await vi.advanceTimersByTimeAsync(10_000)
        expect(given.map(({ count }) => count)).toEqual([1, 2])
        const closed = dispatcher.close(0)
        await vi.runAllTimersAsync()
        await closed
      })
    },
  )

  it('does not count alerts dropped before a restart again', async () => {
    const alerts = Array.from({ length: 50 }, (_, at) => alert(String(at).padStart(6, '0')))
    const bytes = Buffer.byteLength(JSON.stringify(alerts[0]))
    const outbox = { maxBytes: bytes * 10, maxAgeMs: 3_600_000, maxSpan: 1_000 }
    const { dispatcher, given } = dispatch([hung()], {}, { outbox, now: () => Date.parse(time) })
    dispatcher.resume(alerts)
    expect(dispatcher.list()).toMatchObject([{ waiting: 10, givenUp: 0 }])
    expect(dispatcher.needed).toBe(10)
    await dispatcher.close(0)
    expect(given).toEqual([])
  })

  it('counts once, after a restart, the alerts that expired meanwhile', async () => {
    const now = (): number => Date.parse(time) + 3_600_001
    const before = dispatch([hung()], {}, { now })
    before.dispatcher.resume([alert('1'), alert('2')])
    await before.dispatcher.close(0)
    expect(before.given).toEqual([{ sink: 'down', count: 2 }])
    const after = dispatch([hung()], before.moved, { now })
    after.dispatcher.resume([alert('1'), alert('2')])
    await after.dispatcher.close(0)
    expect(after.given).toEqual([])
  })
})

describe('sinks that change while the dispatcher runs', () => {
  const limits = {
    outbox: { maxBytes: 1_000_000, maxAgeMs: 3_600_000, maxSpan: 1_000 },
    repeatMs: 0,
  }
  const refusing = (name: string): Sink => ({
    ...testSink(name),
    write: async () => Promise.reject(new Error('wrong address')),
  })

  it('starts a new one with the stored alerts, continues unchanged ones and closes removed ones', async () => {
    const [a, b, c] = [testSink('a'), testSink('b'), testSink('c')]
    let closed = 0
    const gone = { ...b, close: async () => void (closed += 1) }
    const now = (): number => Date.parse(time)
    const { dispatcher } = dispatch([a, gone], {}, { now })
    dispatcher.offer([alert('1')])
    await expect.poll(() => b.taken.length + a.taken.length).toBe(2)
    const change = dispatcher.reconfigure([binding(a), binding(c)], limits, [
      alert('0'),
      alert('1'),
    ])
    dispatcher.offer([alert('2')])
    expect(await change).toEqual({ added: ['c'], changed: [], removed: ['b'], undelivered: 0 })
    await dispatcher.close(1_000)
    expect(a.taken.map(({ id }) => id)).toEqual(['1', '2'])
    expect(c.taken.map(({ id }) => id)).toEqual(['0', '1', '2'])
    expect(b.taken.map(({ id }) => id)).toEqual(['1'])
    expect(closed).toBe(1)
  })

  it('sends a corrected one at once the alerts that the old one refused', async () => {
    const { dispatcher, errors } = dispatch([refusing('a')])
    dispatcher.offer([alert('1'), alert('2')])
    await expect.poll(() => errors.length).toBeGreaterThan(1)
    const mended = testSink('a')
    const now = { ...binding(mended), spec: 'another address' }
    expect(await dispatcher.reconfigure([now], limits, [])).toMatchObject({ changed: ['a'] })
    await dispatcher.close(1_000)
    expect(mended.taken.map(({ id }) => id)).toEqual(['1', '2'])
  })

  it('counts undelivered alerts of a removed one', async () => {
    const { dispatcher } = dispatch([hung()])
    dispatcher.offer([alert('1')])
    await onFakeClock(async () => {
      const change = dispatcher.reconfigure([], limits, [])
      await vi.advanceTimersByTimeAsync(5_000)
      expect(await change).toMatchObject({ removed: ['down'], undelivered: 1 })
    })
  })
})

describe('an alert whose count rises all the time', () => {
  it('is sent again no more often than is wanted, with its newest count', async () => {
    const sink = testSink('a')
    await onFakeClock(async () => {
      const { dispatcher } = dispatch([sink], {}, { repeatMs: 5_000 })
      for (let count = 1; count <= 100; count += 1) {
        dispatcher.offer([alert('1', count)])
        await vi.advanceTimersByTimeAsync(100)
      }
      const counts = sink.taken.map((one) => ('count' in one ? one.count : 0))
      expect(counts[0]).toBe(1)
      expect(counts.length).toBeLessThanOrEqual(3)
      await dispatcher.close(1_000)
    })
    expect(sink.taken.at(-1)).toMatchObject({ count: 100 })
  })
})

describe('a test of a sink', () => {
  it('sends an alert marked as a test, past the filter, and returns the answer', async () => {
    const sink = testSink('a')
    const { dispatcher, moved } = dispatch([sink], {}, {}, () => false)
    const test = await dispatcher.test('a')
    expect(test).toMatchObject({ ok: true, answer: 'taken' })
    expect(sink.taken).toMatchObject([{ id: test.id, mode: 'test', severity: 'low' }])
    expect(moved).toEqual({})
    await dispatcher.close(0)
  })

  it('returns the reason of a refusal', async () => {
    const sink = testSink('a')
    sink.refuse = 1
    const { dispatcher } = dispatch([sink])
    expect(await dispatcher.test('a')).toMatchObject({ ok: false, answer: 'refused' })
    await expect(dispatcher.test('b')).rejects.toMatchObject({ code: 'SINK_UNKNOWN' })
    await dispatcher.close(0)
  })
})
