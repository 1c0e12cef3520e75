import { open, stat } from 'node:fs/promises'
import type { EventKind, LossEvent, SnugEvent } from '../event/event.ts'
import { SnugError } from '../errors.ts'
import { EventLineParser, type LineTaker, type ParsedLines } from './event-lines.ts'
import { FollowedFile } from './follow-file.ts'
import { openInputStream, streamChunks } from './input-stream.ts'
import type { PlaceFile, ReadPlace } from './place-file.ts'
import type {
  EventSource,
  SourceBatch,
  SourceMessage,
  SourceState,
  SourceStats,
  SourceSupport,
} from './source.ts'

export interface LineSourceOptions {
  /** A file, a named pipe, or `-` for standard input. */
  readonly path: string
  /** Names the node in events, and in the `loss` events that this source tells. */
  readonly node: string
  readonly now?: () => Date
  /** Told for each rejected line, up to a bound for each chunk; for the log. */
  readonly onRejected?: (line: { readonly code: string; readonly message: string }) => void
  /** Where the place that was reached in a followed file is kept; absent: a restart begins anew. */
  readonly place?: PlaceFile
  /** What a followed file got while there was no daemon counts as observed: true where no other source observes. */
  readonly keeps?: boolean
}

/** What a format's mapper may ask of its source. */
export interface LineContext {
  readonly node: string
  /** Name of the source: the `source` of the losses that the mapper tells. */
  readonly source: string
  readonly now: () => Date
  /** Counts a line that is read and tells no act; `what` is of a small set of words. */
  readonly ignore: (what: string) => void
}

/** What the sensor itself says that it dropped: it counts as of the instant at which it says so. */
export function toldLoss(
  { node, source }: LineContext,
  time: string,
  reason: string,
  count: number,
): LossEvent {
  const loss = { reason, count, from: time, to: time }
  return { v: 1, kind: 'loss', time, node, source, loss }
}

export interface LineMapper {
  readonly take: LineTaker
  /** For formats whose events are of several lines: what waits and is whole by now, or, at the `end`, all of it. */
  readonly settle?: (into: SnugEvent[], end: boolean) => void
  /** True while it holds part of an event: no place to go on from after a restart. */
  readonly holds?: () => boolean
}

/** A format of lines: what it is called, what it can tell, and who reads it. */
export interface LineFormat {
  readonly name: string
  readonly kinds: readonly EventKind[]
  /** See {@link SourceSupport}. */
  readonly byRule?: boolean
  readonly relays?: boolean
  /** A file is read on as it grows, through rotation and truncation; else once to its end. */
  readonly follow: boolean
  open(context: LineContext): LineMapper
}

const chunkBytes = 1 << 18
/** Kinds of lines that are counted by name; the rest share one count. */
const ignoredNames = 64
/** What was judged is in the store within a second: a place that is older than this can be kept. */
const placeLagMs = 3_000
const placeStepMs = 1_000

/**
 * Events from lines of text, whatever their format: from a file, a named pipe or standard input. Reads the next chunk
 * only when the last batch was taken, so memory stays flat however much there is. A named pipe has no end.
 *
 * After a kill, lines of the last few seconds are told again; after a stop, none.
 *
 * Errors: `SOURCE_UNREADABLE` where the input cannot be opened or read.
 */
export class LineSource implements EventSource {
  readonly name: string
  readonly supports: SourceSupport
  readonly #format: LineFormat
  readonly #options: LineSourceOptions
  readonly #now: () => Date
  readonly #lost: Record<string, number> = {}
  readonly #ignored = new Map<string, number>()
  readonly #mapper: LineMapper
  readonly #places: { readonly at: number; readonly place: ReadPlace }[] = []
  #parser: EventLineParser
  #reachedLine = 0
  #state: SourceState = { kind: 'starting' }
  #received = 0
  #delivered = 0
  #bytes = 0
  #used = false

  constructor(format: LineFormat, options: LineSourceOptions) {
    this.#format = format
    this.#options = options
    this.#now = options.now ?? (() => new Date())
    this.name = `${format.name}:${options.path}`
    const keeps = format.follow && options.keeps === true && options.place !== undefined
    const keeping = keeps ? { keeps } : {}
    const { kinds, byRule = false, relays = false } = format
    this.supports = { kinds, byRule, relays, filter: false, containers: false, ...keeping }
    this.#mapper = format.open({
      node: options.node,
      source: this.name,
      now: this.#now,
      ignore: (what) => this.#ignore(what),
    })
    this.#parser = new EventLineParser(this.#mapper.take)
  }

  get state(): SourceState {
    return this.#state
  }

  get stats(): SourceStats {
    return {
      received: this.#received,
      delivered: this.#delivered,
      lost: { ...this.#lost },
      facts: {
        path: this.#options.path,
        bytes: String(this.#bytes),
        lines: String(this.#parser.line - 1),
        ...Object.fromEntries(
          [...this.#ignored].map(([what, n]) => [`ignored ${what}`, String(n)]),
        ),
      },
    }
  }

  async *messages(signal: AbortSignal): AsyncGenerator<SourceBatch, void, undefined> {
    if (this.#used) throw new SnugError('INTERNAL', `the source \`${this.name}\` was already read`)
    this.#used = true
    try {
      if (signal.aborted) return
      const { path } = this.#options
      const isStream = path === '-' || (await this.#try(async () => (await stat(path)).isFIFO()))
      if (isStream) yield* this.#chunks(this.#stream(signal), signal)
      else if (this.#format.follow) yield* this.#followed(signal)
      else yield* this.#chunks(this.#once(signal), signal)
    } finally {
      this.#state = { kind: 'stopped' }
    }
  }

  async *#chunks(
    chunks: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): AsyncGenerator<SourceBatch, void, undefined> {
    for await (const chunk of chunks) {
      const batch = this.#push(chunk)
      if (batch.length > 0) yield batch
      if (signal.aborted) return
    }
    if (signal.aborted) return
    const batch = this.#end()
    if (batch.length > 0) yield batch
  }

  async *#followed(signal: AbortSignal): AsyncGenerator<SourceBatch, void, undefined> {
    const file = new FollowedFile(this.#options.path)
    const from = this.#options.place?.load()
    if (from !== undefined) this.#parser = new EventLineParser(this.#mapper.take, from.line)
    const parts = file.parts(signal, from)
    let hasBegun = false
    try {
      for (;;) {
        const { value: part, done } = await this.#try(() => parts.next())
        if (done === true || part === undefined) break
        if (!hasBegun && this.supports.keeps === true) {
          const kept = from !== undefined && part.kind !== 'turn'
          yield [{ type: 'began', kept }]
        }
        hasBegun = true
        let batch: SourceBatch = []
        if (part.kind !== 'gone') this.#state = { kind: 'running' }
        else if (this.#state.kind !== 'degraded') this.#state = this.#gone()
        if (part.kind === 'bytes') batch = this.#push(part.bytes)
        else if (part.kind === 'turn') batch = this.#turn(part.why)
        else batch = this.#settled()
        if (batch.length > 0) yield batch
        await this.#reach(file, part.kind === 'waiting' || signal.aborted)
      }
      // All that was given out was taken: whoever took it goes on to store it.
      await this.#reach(file, true)
      this.#keep(Number.POSITIVE_INFINITY)
    } finally {
      await file.close()
    }
  }

  /** Remembers the place that was reached, and keeps one whose acts are stored by now. */
  async #reach(file: FollowedFile, pauses: boolean): Promise<void> {
    if (this.#options.place === undefined) return
    const at = performance.now()
    const { line, held } = this.#parser
    const isNew = line !== this.#reachedLine && this.#mapper.holds?.() !== true
    const isTime =
      pauses || at - (this.#places.at(-1)?.at ?? Number.NEGATIVE_INFINITY) >= placeStepMs
    if (isNew && isTime) {
      const found = await file.place(held)
      if (found !== undefined) this.#places.push({ at, place: { ...found, line } })
      this.#reachedLine = line
    }
    this.#keep(at - placeLagMs)
  }

  #keep(until: number): void {
    let kept: ReadPlace | undefined
    while (this.#places[0] !== undefined && this.#places[0].at <= until) {
      kept = this.#places.shift()?.place
    }
    if (kept !== undefined) this.#options.place?.save(kept)
  }

  #gone(): SourceState {
    const reason = `there is no file \`${this.#options.path}\` for now`
    return { kind: 'degraded', reason, since: this.#now().toISOString() }
  }

  #push(chunk: Uint8Array): SourceBatch {
    this.#bytes += chunk.byteLength
    return this.#batch(this.#parser.push(chunk), false)
  }

  #end(): SourceBatch {
    return this.#batch(this.#parser.end(), true)
  }

  #settled(): SourceBatch {
    if (this.#mapper.settle === undefined) return []
    return this.#batch({ events: [], lines: [], rejected: [], rejectedCount: 0 }, false)
  }

  /** The file is another: what is left of the last line will not be completed. */
  #turn(why: 'rotated' | 'truncated' | 'lost-place'): SourceBatch {
    this.#places.length = 0
    this.#reachedLine = 0
    const batch = [...this.#end()]
    this.#parser = new EventLineParser(this.#mapper.take)
    if (why !== 'rotated') {
      // What stood there and was not read yet: nobody knows how much.
      const loss = this.#lossOf(why, 0, [])
      this.#lost[why] ??= 0
      batch.push({ type: 'event', event: loss })
    }
    return batch
  }

  #batch(found: ParsedLines, end: boolean): SourceBatch {
    const events = [...found.events]
    this.#mapper.settle?.(events, end)
    let told = 0
    for (const event of events) {
      if (event.kind !== 'loss' || event.source !== this.name) continue
      const { reason, count } = event.loss
      this.#lost[reason] = (this.#lost[reason] ?? 0) + count
      this.#received += count
      told += 1
    }
    this.#received += events.length - told + found.rejectedCount
    this.#delivered += events.length - told
    const batch: SourceMessage[] = events.map((event) => ({ type: 'event', event }))
    if (found.rejectedCount > 0) batch.push({ type: 'event', event: this.#reject(found) })
    return batch
  }

  #reject(found: ParsedLines): LossEvent {
    for (const { code, message } of found.rejected) {
      this.#options.onRejected?.({ code, message: `\`${this.#options.path}\`: ${message}` })
    }
    const reason = 'undecodable'
    this.#lost[reason] = (this.#lost[reason] ?? 0) + found.rejectedCount
    return this.#lossOf(reason, found.rejectedCount, found.events)
  }

  #lossOf(reason: string, count: number, around: readonly SnugEvent[]): LossEvent {
    // A line that does not read says nothing of when it was: the acts around it bound the gap.
    const now = this.#now().toISOString()
    const [from, to] = [around.at(0)?.time ?? now, around.at(-1)?.time ?? now]
    const { node } = this.#options
    const loss = { reason, count, from, to }
    return { v: 1, kind: 'loss', time: now, node, source: this.name, loss }
  }

  #ignore(what: string): void {
    const isNew = !this.#ignored.has(what)
    const name = isNew && this.#ignored.size >= ignoredNames ? 'other' : what
    this.#ignored.set(name, (this.#ignored.get(name) ?? 0) + 1)
  }

  async *#once(signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    const file = await this.#try(() => open(this.#options.path, 'r'))
    try {
      this.#state = { kind: 'running' }
      const buffer = Buffer.allocUnsafe(chunkBytes)
      while (!signal.aborted) {
        const { bytesRead } = await this.#try(() => file.read(buffer, 0, buffer.length, null))
        if (bytesRead === 0) return
        yield buffer.subarray(0, bytesRead)
      }
    } finally {
      await file.close()
    }
  }

  async *#stream(signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    const input = await this.#try(() => openInputStream(this.#options.path))
    this.#state = { kind: 'running' }
    try {
      yield* streamChunks(input, signal)
    } catch (error) {
      throw this.#unreadable(error)
    }
  }

  async #try<T>(work: () => T | Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw this.#unreadable(error)
    }
  }

  #unreadable(cause: unknown): SnugError {
    return new SnugError('SOURCE_UNREADABLE', `cannot read \`${this.#options.path}\``, { cause })
  }
}
