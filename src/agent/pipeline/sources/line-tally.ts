import type { LossEvent, SnugEvent } from '../../../core/event/event.ts'
import type { ParsedLines } from './event-lines.ts'
import type { LineContext, LineFormat, LineMapper } from './line-format.ts'
import type { SourceBatch, SourceMessage, SourceStats } from './source.ts'

export interface TallyOptions {
  /** Name of the source. */
  readonly name: string
  readonly node: string
  readonly now?: () => Date
  readonly onRejected?: (line: { readonly code: string; readonly message: string }) => void
}

/** Kinds of ignored lines, and reasons of losses, that are counted by name; the rest share one count. */
export const namesCounted = 64
const noLines: ParsedLines = { events: [], lines: [], rejected: [], rejectedCount: 0 }

/**
 * Results of the lines of a format: batches of messages, and counts of delivered and lost events.
 */
export class LineTally {
  readonly mapper: LineMapper
  readonly now: () => Date
  readonly #options: TallyOptions
  readonly #lost: Record<string, number> = {}
  readonly #ignored = new Map<string, number>()
  #received = 0
  #delivered = 0

  constructor(format: LineFormat, options: TallyOptions) {
    this.#options = options
    this.now = options.now ?? (() => new Date())
    const context: LineContext = {
      node: options.node,
      source: options.name,
      now: this.now,
      ignore: (what) => this.#ignore(what),
    }
    this.mapper = format.open(context)
  }

  /** @param facts of the source, in addition to the ignored lines */
  stats(facts: SourceStats['facts']): SourceStats {
    const ignored = [...this.#ignored].map(([what, n]) => [`ignored ${what}`, String(n)] as const)
    return {
      received: this.#received,
      delivered: this.#delivered,
      lost: { ...this.#lost },
      facts: { ...facts, ...Object.fromEntries(ignored) },
    }
  }

  /**
   * @param from where the lines came from, for the log
   * @param end nothing follows: events that wait for more lines are reported as they are
   */
  batch(found: ParsedLines, from: string, end: boolean): SourceBatch {
    const events = [...found.events]
    this.mapper.settle?.(events, end)
    let reported = 0
    for (const event of events) {
      if (event.kind !== 'loss' || event.source !== this.#options.name) continue
      const { reason, count } = event.loss
      const name = this.#lost[reason] !== undefined || hasRoom(this.#lost) ? reason : 'other'
      this.#lost[name] = (this.#lost[name] ?? 0) + count
      this.#received += count
      reported += 1
    }
    this.#received += events.length - reported + found.rejectedCount
    this.#delivered += events.length - reported
    const batch: SourceMessage[] = events.map((event) => ({ type: 'event', event }))
    if (found.rejectedCount > 0) batch.push({ type: 'event', event: this.#reject(found, from) })
    return batch
  }

  /** Events of several lines that are complete by now. */
  settled(): SourceBatch {
    return this.mapper.settle === undefined ? [] : this.batch(noLines, '', false)
  }

  /** Reports a loss of unknown size. */
  lost(reason: string): SourceMessage {
    this.#lost[reason] ??= 0
    return { type: 'event', event: this.#loss(reason, 0, []) }
  }

  #reject(found: ParsedLines, from: string): LossEvent {
    for (const { code, message } of found.rejected) {
      this.#options.onRejected?.({ code, message: `\`${from}\`: ${message}` })
    }
    const reason = 'undecodable'
    this.#lost[reason] = (this.#lost[reason] ?? 0) + found.rejectedCount
    return this.#loss(reason, found.rejectedCount, found.events)
  }

  #loss(reason: string, count: number, around: readonly SnugEvent[]): LossEvent {
    // An unreadable line has no time, so the events around it bound the gap.
    const now = this.now().toISOString()
    const [from, to] = [around.at(0)?.time ?? now, around.at(-1)?.time ?? now]
    const { node, name } = this.#options
    const loss = { reason, count, from, to }
    return { v: 1, kind: 'loss', time: now, node, source: name, loss }
  }

  #ignore(what: string): void {
    const isNew = !this.#ignored.has(what)
    const name = isNew && this.#ignored.size >= namesCounted ? 'other' : what
    this.#ignored.set(name, (this.#ignored.get(name) ?? 0) + 1)
  }
}

function hasRoom(counts: Readonly<Record<string, number>>): boolean {
  return Object.keys(counts).length < namesCounted
}
