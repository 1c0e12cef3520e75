import type { LossEvent } from '../../core/event/event.ts'
import { extentOf } from './identity/container-state.ts'
import {
  containerOfMessage,
  type EventSource,
  type SourceBatch,
  type SourceMessage,
  type SourceSupport,
} from './sources/source.ts'

/** Bytes of all waiting messages, as estimated, from which on a container with more than an equal part loses its further ones. */
export const mostBytesWaiting = 32 << 20
/** Of a message, beside its text. */
const messageBytes = 1_024

/** Milliseconds of one turn of the event loop. */
const turnMs = 2
/** Milliseconds that one container is judged for, while others wait. */
const quantumMs = 1
/** Messages of one container that are judged together, where they are cheap. */
const mostAtOnce = 64

/** A source, or something else that has events. */
export type QueuedFrom = Pick<EventSource, 'name' | 'control'> & {
  readonly supports: Pick<SourceSupport, 'overflows' | 'keeps'>
}

export interface JudgingQueueOptions {
  readonly node: string
  /** Judges messages of one container and one source, in order. */
  readonly judge: (messages: SourceBatch, source: QueuedFrom) => void
  /** Messages could not be judged. The next ones are. */
  readonly onFailed: (source: QueuedFrom, error: unknown) => void
  /** Resolves once the stages after the judge can take more. */
  readonly room: () => Promise<void>
  /** Milliseconds, monotonic: the time that judging takes. */
  readonly clock?: () => number
  /** Epoch milliseconds. */
  readonly now: () => number
  readonly mostBytes?: number
}

/** Whose messages wait, and what they have cost. */
interface Lane {
  readonly container: string
  entries: Entry[]
  /** Index of the first entry that waits. */
  next: number
  bytes: number
  /** Milliseconds that were spent on it, counted from what the others have got. */
  spentMs: number
  /** Milliseconds of one message, the latest ones first. */
  eachMs: number | undefined
  loss: Entry | undefined
}

interface Entry {
  message: SourceMessage
  readonly source: QueuedFrom
  readonly bytes: number
  readonly batch: { left: number; readonly done: () => void }
  /** Its number in the store. */
  number: number | undefined
  isJudged: boolean
}

/** What has to change in the store, so that it has the messages that wait. */
export interface WaitingChange {
  readonly added: readonly { readonly number: number; readonly message: SourceMessage }[]
  readonly removed: readonly number[]
}

/**
 * The messages of the sources, until they are judged. Each container has a queue of its own, and the one that has cost the
 * least comes next: a container whose events take long delays itself.
 *
 * A source that can wait is read on once its batch is judged. One whose kernel cannot wait is read on at once. What waits
 * has a bound then, beyond which the containers with the most of it lose events.
 *
 * INVARIANT: the messages of one container are judged in the order in which they came.
 */
export class JudgingQueue {
  readonly #options: JudgingQueueOptions
  readonly #clock: () => number
  readonly #mostBytes: number
  readonly #lanes = new Map<string, Lane>()
  /** Those in which messages wait. */
  readonly #active = new Set<Lane>()
  /** What the next container has cost. One that comes now begins there. */
  #reachedMs = 0
  #bytes = 0
  /** Milliseconds of judging since the event loop was left to other work. */
  #turnMs = 0
  #running: Promise<void> | undefined
  /** Not in the store yet; some are judged by now. */
  #unstored: Entry[] = []
  #removed: number[] = []
  #numbers = 0
  /** Events that were lost here. */
  lost = 0

  constructor(options: JudgingQueueOptions) {
    this.#options = options
    this.#clock = options.clock ?? (() => performance.now())
    this.#mostBytes = options.mostBytes ?? mostBytesWaiting
  }

  /**
   * Takes a whole batch at once. What is of no container is judged at once: a mark too, as what precedes it is judged or
   * waits here. Resolves once the source may be read on.
   */
  async add(messages: SourceBatch, source: QueuedFrom): Promise<void> {
    const overflows = source.supports.overflows === true
    let done = (): void => undefined
    const judged = new Promise<void>((resolve) => {
      done = resolve
    })
    const batch = { left: 0, done }
    for (const message of messages) {
      const container = containerOfMessage(message)
      if (container === undefined) {
        this.#judgeNow([message], source)
        continue
      }
      const lane = this.#laneOf(container)
      const bytes = overflows ? messageBytes + textSize(message) : 0
      if (overflows && isDroppable(message) && this.#isFull(lane)) {
        this.#lose(lane, message, source, batch)
      } else {
        this.#push(lane, { message, source, bytes, batch, number: undefined, isJudged: false })
      }
    }
    if (this.#active.size > 0) this.#running ??= this.#run()
    if (!overflows && batch.left > 0) await judged
  }

  /** Resolves once everything is judged that waits now. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  /** Waiting messages of sources that do not report them again, since the last call. */
  changes(): WaitingChange {
    const added: { number: number; message: SourceMessage }[] = []
    for (const entry of this.#unstored) {
      if (entry.isJudged) continue
      entry.number ??= ++this.#numbers
      added.push({ number: entry.number, message: entry.message })
    }
    this.#unstored = []
    return { added, removed: this.#removed.splice(0) }
  }

  /** The store has messages with these numbers, of an earlier daemon. They are judged with the state that is stored next. */
  took(numbers: readonly number[]): void {
    for (const number of numbers) {
      this.#removed.push(number)
      this.#numbers = Math.max(this.#numbers, number)
    }
  }

  #laneOf(container: string): Lane {
    const known = this.#lanes.get(container)
    if (known !== undefined) return known
    const lane: Lane = {
      container,
      entries: [],
      next: 0,
      bytes: 0,
      spentMs: this.#reachedMs,
      eachMs: undefined,
      loss: undefined,
    }
    this.#lanes.set(container, lane)
    return lane
  }

  #push(lane: Lane, entry: Entry): void {
    if (!this.#active.has(lane)) {
      this.#active.add(lane)
      lane.spentMs = Math.max(lane.spentMs, this.#reachedMs)
    }
    lane.entries.push(entry)
    lane.bytes += entry.bytes
    this.#bytes += entry.bytes
    entry.batch.left += 1
    if (isStored(entry.source)) this.#unstored.push(entry)
  }

  #isFull(lane: Lane): boolean {
    return (
      this.#bytes >= this.#mostBytes &&
      lane.bytes >= this.#mostBytes / Math.max(1, this.#active.size)
    )
  }

  /** One loss stands for all messages that are lost until it is judged. */
  #lose(lane: Lane, message: Held, source: QueuedFrom, batch: Entry['batch']): void {
    const { count, from, to } = extentOf(message)
    this.lost += count
    const last = lane.loss
    if (last?.source === source && last.message.type === 'event') {
      const { event } = last.message
      if (event.kind === 'loss') {
        const { loss } = event
        const more = { ...loss, count: loss.count + count, to: to > loss.to ? to : loss.to }
        last.message = { type: 'event', event: { ...event, loss: more } }
        if (last.number !== undefined) this.#unstored.push(last)
        return
      }
    }
    const event: LossEvent = {
      v: 1,
      kind: 'loss',
      time: new Date(this.#options.now()).toISOString(),
      node: this.#options.node,
      source: 'judge',
      container: { id: lane.container },
      loss: { reason: 'judging-overflow', count, from, to },
    }
    lane.loss = {
      message: { type: 'event', event },
      source,
      bytes: messageBytes,
      batch,
      number: undefined,
      isJudged: false,
    }
    this.#push(lane, lane.loss)
  }

  async #run(): Promise<void> {
    while (this.#active.size > 0) {
      if (this.#turnMs >= turnMs) {
        await nextTurn()
        this.#turnMs = 0
      }
      this.#turn()
      await this.#options.room()
    }
    // Nobody waits: nobody is owed anything.
    this.#lanes.clear()
    this.#unstored = []
    this.#reachedMs = 0
    this.#running = undefined
  }

  #turn(): void {
    do {
      const lane = this.#least()
      if (lane === undefined) return
      this.#reachedMs = lane.spentMs
      this.#turnMs += this.#judgeSome(lane)
    } while (this.#turnMs < turnMs)
  }

  #least(): Lane | undefined {
    let least: Lane | undefined
    for (const lane of this.#active) {
      if (least === undefined || lane.spentMs < least.spentMs) least = lane
    }
    return least
  }

  /** Returns the milliseconds that it took. */
  #judgeSome(lane: Lane): number {
    const { entries } = lane
    const first = entries[lane.next]
    if (first === undefined) return 0
    const most = lane.eachMs === undefined ? 1 : Math.floor(quantumMs / lane.eachMs)
    const end = lane.next + Math.max(1, Math.min(mostAtOnce, most))
    const some: Entry[] = []
    for (let at = lane.next; at < end && entries[at]?.source === first.source; at += 1) {
      const entry = entries[at]
      if (entry !== undefined) some.push(entry)
    }
    const began = this.#clock()
    this.#judgeNow(
      some.map(({ message }) => message),
      first.source,
    )
    const tookMs = this.#clock() - began
    lane.spentMs += tookMs
    lane.eachMs = ((lane.eachMs ?? tookMs / some.length) + tookMs / some.length) / 2
    lane.next += some.length
    for (const entry of some) this.#judged(lane, entry)
    if (lane.next === entries.length) {
      lane.entries = []
      lane.next = 0
      this.#active.delete(lane)
    } else if (lane.next > entries.length / 2) {
      lane.entries = entries.slice(lane.next)
      lane.next = 0
    }
    return tookMs
  }

  #judgeNow(messages: SourceBatch, source: QueuedFrom): void {
    try {
      this.#options.judge(messages, source)
    } catch (error) {
      this.#options.onFailed(source, error)
    }
  }

  #judged(lane: Lane, entry: Entry): void {
    entry.isJudged = true
    if (entry === lane.loss) lane.loss = undefined
    lane.bytes -= entry.bytes
    this.#bytes -= entry.bytes
    if (entry.number !== undefined) this.#removed.push(entry.number)
    const { batch } = entry
    batch.left -= 1
    if (batch.left === 0) batch.done()
  }
}

type Held = SourceMessage & { type: 'event' | 'count-update' }

/** Starts and ends of containers are never lost: there is one for each. */
function isDroppable(message: SourceMessage): message is Held {
  if (message.type === 'count-update') return true
  return message.type === 'event' && message.event.kind !== 'loss'
}

/** It gives marks, and reports again only what comes after the last one that was stored. */
function isStored({ supports, control }: QueuedFrom): boolean {
  return supports.keeps === true && control?.acknowledge !== undefined
}

/** Characters of all text in it. */
function textSize(value: unknown): number {
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null) return 0
  let size = 0
  for (const each of Object.values(value)) size += textSize(each)
  return size
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
