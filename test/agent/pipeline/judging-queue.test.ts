import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { JudgingQueue, type QueuedFrom } from '../../../src/agent/pipeline/judging-queue.ts'
import {
  containerOfMessage,
  type SourceBatch,
  type SourceControl,
  type SourceMessage,
  sourceMark,
} from '../../../src/agent/pipeline/sources/source.ts'
import { act } from '../../fixtures/event-fixture.ts'
import { cases } from '../../fixtures/random-cases.ts'

const canWait: QueuedFrom = { name: 'lines', supports: {} }
const control = { acknowledge: () => undefined } as unknown as SourceControl
const kernel: QueuedFrom = { name: 'ebpf', supports: { overflows: true, keeps: true }, control }

function open(container: string, path: string): SourceMessage {
  return { type: 'event', event: act.file(path, ['read'], { container }) }
}

function opens(container: string, count: number): SourceMessage[] {
  return Array.from({ length: count }, (_, n) => open(container, `/srv/${n}`))
}

const mark = (number: number): SourceMessage => ({
  type: 'mark',
  mark: sourceMark(String(number)),
})

interface Judged {
  readonly queue: JudgingQueue
  /** One after the other, as they were judged. */
  readonly messages: SourceMessage[]
  readonly containers: () => (string | undefined)[]
}

/** Judging takes as long as `costOf` says, by a clock of its own. */
function judging(costOf: (message: SourceMessage) => number = () => 1, mostBytes?: number): Judged {
  let nowMs = 0
  const messages: SourceMessage[] = []
  const queue = new JudgingQueue({
    node: 'n1',
    judge: (some) => {
      for (const message of some) nowMs += costOf(message)
      messages.push(...some)
    },
    onFailed: (_, error) => expect.unreachable(String(error)),
    room: () => Promise.resolve(),
    clock: () => nowMs,
    now: () => Date.UTC(2026, 10, 24),
    ...(mostBytes === undefined ? {} : { mostBytes }),
  })
  return { queue, messages, containers: () => messages.map(containerOfMessage) }
}

it('judges a container with few events before the rest of one that floods', async () => {
  const { queue, containers } = judging()
  await queue.add([...opens('loud', 500), ...opens('quiet', 3)], canWait)
  expect(containers().slice(0, 6)).toEqual(['loud', 'quiet', 'loud', 'quiet', 'loud', 'quiet'])
  expect(containers()).toHaveLength(503)
})

it('judges what comes later of another container before what a flood left behind', async () => {
  const { queue, containers } = judging()
  const flood = queue.add(opens('loud', 500), canWait)
  await nextTurn()
  const before = containers().length
  expect(before).toBeLessThan(20)
  await queue.add([open('quiet', '/etc/passwd')], canWait)
  expect(containers().indexOf('quiet')).toBeLessThanOrEqual(before + 2)
  expect(containers().length).toBeLessThan(40)
  await flood
  expect(containers()).toHaveLength(501)
})

it('shares the time and not the number of events', async () => {
  const { queue, containers } = judging((message) =>
    containerOfMessage(message) === 'slow' ? 4 : 0.125,
  )
  await queue.add([...opens('slow', 100), ...opens('fast', 1_000)], canWait)
  const last = containers().lastIndexOf('fast')
  expect(
    containers()
      .slice(0, last)
      .filter((id) => id === 'slow').length,
  ).toBeLessThanOrEqual(35)
})

it('reads a source that can wait only once its batch is judged', async () => {
  const { queue, containers } = judging()
  await queue.add(opens('a', 50), canWait)
  expect(containers()).toHaveLength(50)
})

it('reads on where a producer cannot wait, and passes the mark on beside what waits', async () => {
  const { queue, messages } = judging()
  await queue.add([...opens('a', 50), mark(1)], kernel)
  expect(messages.filter(({ type }) => type === 'mark')).toHaveLength(1)
  const { added } = queue.changes()
  expect(added.length + messages.length).toBe(51)
  await queue.settled()
  expect(queue.changes()).toEqual({ added: [], removed: added.map(({ number }) => number) })
})

it('counts what does not fit as a loss of the container that has the most', async () => {
  const { queue, messages } = judging(() => 1, 20_000)
  const reported = (): number => messages.filter(({ type }) => type === 'mark').length
  await queue.add([...opens('loud', 500), ...opens('quiet', 5), mark(1)], kernel)
  expect(reported()).toBe(1)
  await queue.settled()
  const losses = messages.flatMap((message) =>
    message.type === 'event' && message.event.kind === 'loss' ? [message.event] : [],
  )
  const of = (id: string): number =>
    messages.filter((each) => containerOfMessage(each) === id).length
  expect(losses).toMatchObject([
    { container: { id: 'loud' }, loss: { reason: 'judging-overflow', count: queue.lost } },
  ])
  expect(of('quiet')).toBe(5)
  // The loss itself is one of them.
  expect(of('loud') - 1 + queue.lost).toBe(500)
  expect(queue.lost).toBeGreaterThan(400)
})

it('never loses the start or the end of a container', async () => {
  const { queue, messages } = judging(() => 1, 3_000)
  const time = new Date(0).toISOString()
  const started = { id: 'loud', cgroup: '/loud', time, before: false }
  const ends: SourceMessage = { type: 'container-ended', id: 'loud', time }
  const batch: SourceBatch = [
    { type: 'container-started', container: started },
    ...opens('loud', 100),
    ends,
  ]
  await queue.add(batch, kernel)
  await queue.settled()
  expect(messages.at(0)?.type).toBe('container-started')
  expect(messages.at(-1)).toEqual(ends)
  expect(queue.lost).toBeGreaterThan(90)
})

interface Reported {
  readonly container: string
  readonly costMs: number
}

const reported: fc.Arbitrary<Reported> = fc.record({
  container: fc.constantFrom('a', 'b', 'c', 'd'),
  costMs: fc.constantFrom(0, 0.1, 1, 7),
})
const batches = fc.array(
  fc.record({
    messages: fc.array(reported, { maxLength: 40 }),
    /** Turns of the event loop until the next batch. */
    turns: fc.nat(3),
    isStored: fc.boolean(),
  }),
  { maxLength: 12 },
)

it('keeps the order of each container, and stores with each mark what waits before it', async () => {
  await fc.assert(
    fc.asyncProperty(batches, async (all) => {
      const costs = new Map<string, number>()
      const pathOf = (message: SourceMessage): string =>
        message.type === 'event' && message.event.kind === 'file' ? message.event.file.path : ''
      const { queue, messages } = judging((message) => costs.get(pathOf(message)) ?? 0)
      const sent: SourceMessage[] = []
      const stored = new Map<number, SourceMessage>()
      for (const [number, batch] of all.entries()) {
        const some = batch.messages.map(({ container, costMs }, at) => {
          const path = `/srv/${number}-${at}`
          costs.set(path, costMs)
          return open(container, path)
        })
        sent.push(...some)
        await queue.add([...some, mark(number)], kernel)
        for (let turn = 0; turn < batch.turns; turn += 1) await nextTurn()
        if (!batch.isStored) continue
        const { added, removed } = queue.changes()
        for (const each of added) stored.set(each.number, each.message)
        for (const each of removed) stored.delete(each)
        const judged = messages.filter(({ type }) => type !== 'mark')
        const both = [...judged, ...stored.values()].map(pathOf)
        expect(both.sort()).toEqual(sent.map(pathOf).sort())
      }
      await queue.settled()
      const judged = messages.filter(({ type }) => type !== 'mark')
      for (const id of ['a', 'b', 'c', 'd']) {
        const of = (some: readonly SourceMessage[]): string[] =>
          some.filter((each) => containerOfMessage(each) === id).map(pathOf)
        expect(of(judged)).toEqual(of(sent))
      }
      const marks = messages.filter(({ type }) => type === 'mark')
      expect(marks).toEqual(all.map((_, number) => mark(number)))
    }),
    { numRuns: cases(500) },
  )
})
