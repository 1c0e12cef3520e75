import { afterEach, describe, expect, it } from 'vitest'
import type { SnugEvent } from '../../src/event/event.ts'
import { eventKinds } from '../../src/event/event.ts'
import type { EventSource, SourceBatch, SourceMessage } from '../../src/sources/source.ts'

/** What the suite needs of a source under test; a capability that it lacks needs a written reason. */
export interface SourceUnderTest {
  readonly source: EventSource
  /** The acts that the source was made to observe, in order, by something that tells them apart. */
  readonly expected: readonly string[]
  /** Names an act as in `expected`; undefined for acts that are not of the test. */
  name(event: SnugEvent): string | undefined
  /** Lets the source observe the acts, where that does not happen by itself; called once it runs. */
  act?(): Promise<void>
  dispose(): Promise<void>
}

export interface SourceSuiteOptions {
  readonly name: string
  /** A source that observes at least 20 acts. */
  readonly make: () => Promise<SourceUnderTest>
  /** A source that has nothing to tell for now and goes on. */
  readonly makeIdle: () => Promise<SourceUnderTest>
  /** A source whose input holds acts that cannot be delivered, and how many. */
  makeLossy:
    | (() => Promise<SourceUnderTest & { readonly losses: number }>)
    | { readonly why: string }
  /** A source that can never work. */
  makeBroken:
    | (() => Promise<SourceUnderTest & { readonly code: string }>)
    | { readonly why: string }
}

/** The conformance suite that every `EventSource` passes. */
export function sourceSuite(options: SourceSuiteOptions): void {
  describe(`the event source ${options.name}`, () => {
    const disposals: (() => Promise<void>)[] = []
    afterEach(async () => {
      for (const dispose of disposals.splice(0)) await dispose()
    })

    async function made<T extends SourceUnderTest>(make: () => Promise<T>): Promise<T> {
      const under = await make()
      disposals.push(() => under.dispose())
      return under
    }

    it('has a name and says what it supports', async () => {
      const { source } = await made(options.make)
      expect(source.name).not.toBe('')
      for (const kind of source.supports.kinds) expect(eventKinds).toContain(kind)
      expect(new Set(source.supports.kinds).size).toBe(source.supports.kinds.length)
      expect(source.control !== undefined).toBe(source.supports.filter)
    })

    it('delivers every act once, in the order in which they happened', async () => {
      const under = await made(options.make)
      const { messages } = await collect(under)
      const seen = events(messages)
        .map((event) => under.name(event))
        .filter((name) => name !== undefined)
      expect(under.expected.length).toBeGreaterThanOrEqual(20)
      expect(seen).toEqual(under.expected)
    })

    it('delivers batches that are not empty, of messages that are well formed', async () => {
      const under = await made(options.make)
      const { batches } = await collect(under)
      for (const batch of batches) {
        expect(batch.length).toBeGreaterThan(0)
        for (const message of batch) check(under, message)
      }
    })

    it('goes from starting through running to stopped', async () => {
      const under = await made(options.make)
      expect(under.source.state.kind).toBe('starting')
      const { states } = await collect(under)
      expect(states.length).toBeGreaterThan(0)
      for (const state of states) expect(['running', 'degraded']).toContain(state)
      expect(under.source.state.kind).toBe('stopped')
    })

    it('accounts for everything that it received as delivered or lost', async () => {
      const under = await made(options.make)
      const { messages } = await collect(under)
      const { received, delivered, lost } = under.source.stats
      const lostCount = Object.values(lost).reduce((sum, count) => sum + count, 0)
      expect(received).toBe(delivered + lostCount)
      expect(delivered).toBeGreaterThanOrEqual(under.expected.length)
      expect(events(messages).length).toBeGreaterThanOrEqual(under.expected.length)
    })

    it('ends promptly when the signal aborts while it waits', async () => {
      const under = await made(options.makeIdle)
      const stop = new AbortController()
      const ended = (async () => {
        for await (const _ of under.source.messages(stop.signal)) continue
      })()
      await until(() => under.source.state.kind !== 'starting')
      stop.abort()
      // One that does not end runs into the test's own time limit.
      await ended
      expect(under.source.state.kind).toBe('stopped')
    })

    it('delivers nothing after the signal has aborted', async () => {
      const under = await made(options.make)
      const stop = new AbortController()
      stop.abort()
      const batches: SourceBatch[] = []
      for await (const batch of under.source.messages(stop.signal)) batches.push(batch)
      expect(batches).toEqual([])
      expect(under.source.state.kind).toBe('stopped')
    })

    it('stops when its reader stops', async () => {
      const under = await made(options.make)
      const stop = new AbortController()
      const acting = acts(under)
      for await (const _ of under.source.messages(stop.signal)) break
      expect(under.source.state.kind).toBe('stopped')
      stop.abort()
      await acting
    })

    it('can be iterated once', async () => {
      const under = await made(options.make)
      await collect(under)
      await expect(drain(under.source)).rejects.toMatchObject({ code: 'INTERNAL' })
    })

    if (typeof options.makeLossy === 'function') {
      const makeLossy = options.makeLossy
      it('tells what it lost as loss events whose counts equal its own', async () => {
        const under = await made(makeLossy)
        const { messages } = await collect(under)
        const told = events(messages).filter((event) => event.kind === 'loss')
        const toldCount = told.reduce((sum, event) => sum + event.loss.count, 0)
        const { received, delivered, lost } = under.source.stats
        const lostCount = Object.values(lost).reduce((sum, count) => sum + count, 0)
        expect(toldCount).toBe(under.losses)
        expect(lostCount).toBe(under.losses)
        expect(received).toBe(delivered + lostCount)
        for (const event of told) {
          expect(event.loss.reason).not.toBe('')
          expect(event.loss.from <= event.loss.to).toBe(true)
        }
      })
    } else {
      it.skip(`tells what it lost (${options.makeLossy.why})`)
    }

    if (typeof options.makeBroken === 'function') {
      const makeBroken = options.makeBroken
      it('fails with a code where it can never work', async () => {
        const under = await made(makeBroken)
        await expect(drain(under.source)).rejects.toMatchObject({ code: under.code })
        expect(under.source.state.kind).toBe('stopped')
      })
    } else {
      it.skip(`fails with a code where it can never work (${options.makeBroken.why})`)
    }
  })
}

interface Collected {
  readonly batches: readonly SourceBatch[]
  readonly messages: readonly SourceMessage[]
  readonly states: readonly string[]
}

/** Reads until every expected act came, or to the end of the input. */
async function collect(under: SourceUnderTest): Promise<Collected> {
  const stop = new AbortController()
  const batches: SourceBatch[] = []
  const states: string[] = []
  const missing = new Set(under.expected)
  const acting = acts(under)
  for await (const batch of under.source.messages(stop.signal)) {
    batches.push(batch)
    states.push(under.source.state.kind)
    for (const event of events(batch)) missing.delete(under.name(event) ?? '')
    if (missing.size === 0 && under.act !== undefined) stop.abort()
  }
  await acting
  return { batches, messages: batches.flat(), states }
}

async function acts(under: SourceUnderTest): Promise<void> {
  if (under.act === undefined) return
  await until(() => under.source.state.kind === 'running')
  await under.act()
}

async function drain(source: EventSource): Promise<void> {
  for await (const _ of source.messages(new AbortController().signal)) continue
}

function events(messages: readonly SourceMessage[]): SnugEvent[] {
  return messages.flatMap((message) => (message.type === 'event' ? [message.event] : []))
}

function check(under: SourceUnderTest, message: SourceMessage): void {
  if (message.type !== 'event') return
  const { event, key } = message
  expect(event.v).toBe(1)
  expect(under.source.supports.kinds).toContain(event.kind)
  expect(event.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/)
  if (key !== undefined) expect(key).toMatch(/^[0-9a-f]{16}$/)
}

/** A state has no event to await: it is looked at, for at most ten seconds. */
async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('the source did not start')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
