import { describe, expect, it } from 'vitest'
import { Dispatcher } from '../../src/deliver/dispatcher.ts'
import type { Sink } from '../../src/deliver/sink.ts'
import type { Alert } from '../../src/event/alert.ts'

const alert = (id: string, count = 1): Alert => ({ id, count }) as unknown as Alert

/** A sink that takes, or refuses, or holds, as the test says. */
function testSink(name: string): Sink & { taken: Alert[]; refuse: number; gate: Promise<void> } {
  const sink = {
    name,
    taken: [] as Alert[],
    refuse: 0,
    gate: Promise.resolve(),
    async write(alerts: readonly Alert[]): Promise<void> {
      await sink.gate
      if (sink.refuse > 0) {
        sink.refuse -= 1
        throw new Error('refused')
      }
      sink.taken.push(...alerts)
    },
    async close(): Promise<void> {},
  }
  return sink
}

function dispatch(sinks: Sink[], cursors: Record<string, string> = {}) {
  const errors: string[] = []
  const moved: Record<string, string> = {}
  const dispatcher = new Dispatcher(sinks, {
    cursors,
    onError: (sink) => errors.push(sink),
    onDelivered: (sink, cursor) => {
      moved[sink] = cursor
    },
  })
  return { dispatcher, errors, moved }
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

  it('gives the same batch again to a sink that refused it, and tells', async () => {
    const sink = testSink('a')
    sink.refuse = 2
    const { dispatcher, errors } = dispatch([sink])
    dispatcher.offer([alert('1')])
    await dispatcher.close(5000)
    expect(sink.taken.map((t) => t.id)).toEqual(['1'])
    expect(errors).toEqual(['a', 'a'])
  })

  it('lets a sink that hangs delay no other', async () => {
    const [slow, quick] = [testSink('slow'), testSink('quick')]
    let release = (): void => {}
    slow.gate = new Promise((resolve) => {
      release = resolve
    })
    const delivered = new Promise<void>((resolve) => {
      const { dispatcher } = dispatch([slow, { ...quick, write: async () => resolve() }])
      dispatcher.offer([alert('1')])
    })
    await delivered
    expect(slow.taken).toEqual([])
    release()
  })

  it('begins after a restart with what lies past the cursor', async () => {
    const sink = testSink('a')
    const { dispatcher } = dispatch([sink], { a: '2' })
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
    expect(sink.taken.map((t) => t.count)).toEqual([1, 3])
  })
})
