import assert from 'node:assert/strict'
import type { SnugEvent } from '../../../core/event/event.ts'
import { eventKinds } from '../../../core/event/event-words.ts'
import { ModuleSource } from './module-source.ts'
import type { EventSource, SourceBatch, SourceMessage } from './source.ts'

/** A third-party source, as the agent creates it from `module:SPEC`: its events are validated. */
export function moduleSource(spec: string, node = 'test'): EventSource {
  return new ModuleSource(spec, { node })
}

/** The source under test. Each capability that it lacks needs a written reason. */
export interface SourceUnderTest {
  readonly source: EventSource
  /** The events that the test makes the source observe, in order, each by a distinct name. */
  readonly expected: readonly string[]
  /** Names an event as in `expected`; undefined for events that are not part of the test. */
  name(event: SnugEvent): string | undefined
  /** Triggers the events if they do not occur by themselves. Called once the source runs. */
  act?(): Promise<void>
  dispose(): Promise<void>
}

export interface SourceSuiteOptions {
  readonly name: string
  /** A source that observes at least 20 events. */
  readonly make: () => Promise<SourceUnderTest>
  /** A source that has nothing to report for now and keeps running. */
  readonly makeIdle: () => Promise<SourceUnderTest>
  /**
   * A source whose input holds events that it cannot deliver, and how many. Without it the suite compares the counts of
   * what the source loses by itself.
   */
  makeLossy:
    | (() => Promise<SourceUnderTest & { readonly losses: number }>)
    | { readonly why: string }
  /** A source that can never work. */
  makeBroken:
    | (() => Promise<SourceUnderTest & { readonly code: string }>)
    | { readonly why: string }
}

/** The required functions of a test runner, which vitest, `node:test` and others provide. */
export interface TestRunner {
  readonly describe: (name: string, body: () => void) => unknown
  readonly it: ((name: string, body: () => Promise<void>) => unknown) & {
    readonly skip: (name: string) => unknown
  }
  readonly afterEach: (body: () => Promise<void>) => unknown
}

/** The conformance suite that every `EventSource` passes. */
export function sourceSuite(options: SourceSuiteOptions, runner: TestRunner): void {
  const { describe, it, afterEach } = runner
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

    it('has a name and states what it supports', async () => {
      const { source } = await made(options.make)
      assert.notEqual(source.name, '')
      for (const kind of source.supports.kinds)
        assert.ok(eventKinds.includes(kind), `unknown kind ${kind}`)
      assert.equal(new Set(source.supports.kinds).size, source.supports.kinds.length)
      assert.equal(source.control !== undefined, source.supports.filter)
    })

    it('delivers every event once, in the order in which they happened', async () => {
      const under = await made(options.make)
      const { messages } = await collect(under)
      const seen = events(messages)
        .map((event) => under.name(event))
        .filter((name) => name !== undefined)
      assert.ok(under.expected.length >= 20, 'the suite needs at least 20 events')
      assert.deepEqual(seen, under.expected)
    })

    it('delivers batches that are not empty, of messages that are well formed', async () => {
      const under = await made(options.make)
      const { batches } = await collect(under)
      for (const batch of batches) {
        assert.ok(batch.length > 0)
        for (const message of batch) check(under, message)
      }
    })

    it('goes from starting through running to stopped', async () => {
      const under = await made(options.make)
      assert.equal(under.source.state.kind, 'starting')
      const { states } = await collect(under)
      assert.ok(states.length > 0)
      for (const state of states) assert.match(state, /^(?:running|degraded)$/)
      assert.equal(under.source.state.kind, 'stopped')
    })

    it('accounts for everything that it received as delivered or lost', async () => {
      const under = await made(options.make)
      const { messages } = await collect(under)
      const { received, delivered, lost } = under.source.stats
      const lostCount = Object.values(lost).reduce((sum, count) => sum + count, 0)
      assert.equal(received, delivered + lostCount)
      assert.ok(delivered >= under.expected.length)
      assert.ok(events(messages).length >= under.expected.length)
    })

    it('ends promptly when the signal aborts while it waits', async () => {
      const under = await made(options.makeIdle)
      const stop = new AbortController()
      const ended = (async () => {
        for await (const _ of under.source.messages(stop.signal)) continue
      })()
      await until(() => under.source.state.kind !== 'starting')
      stop.abort()
      // If the source does not end, the time limit of the test applies.
      await ended
      assert.equal(under.source.state.kind, 'stopped')
    })

    it('delivers nothing after the signal has aborted', async () => {
      const under = await made(options.make)
      const stop = new AbortController()
      stop.abort()
      const batches: SourceBatch[] = []
      for await (const batch of under.source.messages(stop.signal)) batches.push(batch)
      assert.deepEqual(batches, [])
      assert.equal(under.source.state.kind, 'stopped')
    })

    it('stops when its reader stops', async () => {
      const under = await made(options.make)
      const stop = new AbortController()
      const acting = acts(under)
      for await (const _ of under.source.messages(stop.signal)) break
      assert.equal(under.source.state.kind, 'stopped')
      stop.abort()
      await acting
    })

    it('can be iterated once', async () => {
      const under = await made(options.make)
      await collect(under)
      await assert.rejects(drain(under.source), { code: 'INTERNAL' })
    })

    const { makeLossy } = options
    it('reports losses as loss events whose counts equal its own', async () => {
      const lossy = typeof makeLossy === 'function' ? await made(makeLossy) : undefined
      const under = lossy ?? (await made(options.make))
      const { messages } = await collect(under)
      const reported = events(messages).filter((event) => event.kind === 'loss')
      const reportedCount = reported.reduce((sum, event) => sum + event.loss.count, 0)
      const { received, delivered, lost } = under.source.stats
      const lostCount = Object.values(lost).reduce((sum, count) => sum + count, 0)
      if (lossy !== undefined) assert.equal(reportedCount, lossy.losses)
      assert.equal(lostCount, reportedCount)
      assert.equal(received, delivered + lostCount)
      for (const event of reported) {
        assert.notEqual(event.loss.reason, '')
        assert.ok(event.loss.from <= event.loss.to)
      }
    })

    if (typeof options.makeBroken === 'function') {
      const makeBroken = options.makeBroken
      it('fails with a code where it can never work', async () => {
        const under = await made(makeBroken)
        await assert.rejects(drain(under.source), { code: under.code })
        assert.equal(under.source.state.kind, 'stopped')
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

/** Reads until every expected event arrived, or to the end of the input. */
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
  // Not `running`: a reader that takes one batch may have stopped the source between two looks.
  await until(() => under.source.state.kind !== 'starting')
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
  assert.equal(event.v, 1)
  assert.ok(under.source.supports.kinds.includes(event.kind))
  assert.match(event.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/)
  if (key !== undefined) assert.match(key, /^[0-9a-f]{16}$/)
}

/** A state change has no event to await, so this polls for at most ten seconds. */
async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('the source did not start')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
