import { open, stat } from 'node:fs/promises'
import { SnugError } from '../../../errors.ts'
import { EventLineParser } from './event-lines.ts'
import { FollowedFile } from './follow-file.ts'
import { openInputStream, streamChunks } from './input-stream.ts'
import type { LineFormat } from './line-format.ts'
import { LineTally } from './line-tally.ts'
import type { PlaceFile, ReadPlace } from './place-file.ts'
import type { EventSource, SourceBatch, SourceState, SourceStats, SourceSupport } from './source.ts'

export interface LineSourceOptions {
  /** A file, a named pipe, or `-` for standard input. */
  readonly path: string
  /** Names the node in events, and in the `loss` events of this source. */
  readonly node: string
  readonly now?: () => Date
  /** Receives each rejected line, up to a bound for each chunk; for the log. */
  readonly onRejected?: (line: { readonly code: string; readonly message: string }) => void
  /** Where the offset in a followed file is kept; absent: a restart reads from the beginning. */
  readonly place?: PlaceFile
  /**
   * Data that a followed file received without a daemon counts as observed. True if no other source
   * observes.
   */
  readonly keeps?: boolean
}

const chunkBytes = 1 << 18
/** Judged events are stored within a second, so an offset older than this is safe to persist. */
const placeLagMs = 3_000
const placeStepMs = 1_000

/**
 * Events from lines of text in any format: from a file, a named pipe or standard input. It reads
 * the next chunk only after the last batch was taken, so memory stays constant for any input. A
 * named pipe has no end. After a kill, it reports the lines of the last few seconds again; after a
 * stop, none.
 *
 * Errors: `SOURCE_UNREADABLE` if the input cannot be opened or read.
 */
export class LineSource implements EventSource {
  readonly name: string
  readonly supports: SourceSupport
  readonly #format: LineFormat
  readonly #options: LineSourceOptions
  readonly #tally: LineTally
  readonly #places: { readonly at: number; readonly place: ReadPlace }[] = []
  #parser: EventLineParser
  #reachedLine = 0
  #state: SourceState = { kind: 'starting' }
  #bytes = 0
  #used = false

  constructor(format: LineFormat, options: LineSourceOptions) {
    this.#format = format
    this.#options = options
    this.name = `${format.name}:${options.path}`
    const keeps = format.follow && options.keeps === true && options.place !== undefined
    const keeping = keeps ? { keeps } : {}
    const { kinds, byRule = false, relays = false } = format
    this.supports = { kinds, byRule, relays, filter: false, containers: false, ...keeping }
    this.#tally = new LineTally(format, { ...options, name: this.name })
    this.#parser = this.#parserFrom(1)
  }

  get state(): SourceState {
    return this.#state
  }

  get stats(): SourceStats {
    return this.#tally.stats({
      path: this.#options.path,
      bytes: String(this.#bytes),
      lines: String(this.#parser.line - 1),
    })
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
    if (from !== undefined) this.#parser = this.#parserFrom(from.line)
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
        else batch = this.#tally.settled()
        if (batch.length > 0) yield batch
        await this.#reach(file, part.kind === 'waiting' || signal.aborted)
      }
      // The consumer took all batches, and stores them next.
      await this.#reach(file, true)
      this.#keep(Number.POSITIVE_INFINITY)
    } finally {
      await file.close()
    }
  }

  /** Remembers the current offset, and persists one whose events are stored by now. */
  async #reach(file: FollowedFile, pauses: boolean): Promise<void> {
    if (this.#options.place === undefined) return
    const at = performance.now()
    const { line, held } = this.#parser
    const isNew = line !== this.#reachedLine && this.#tally.mapper.holds?.() !== true
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
    return { kind: 'degraded', reason, since: this.#tally.now().toISOString() }
  }

  #parserFrom(line: number): EventLineParser {
    return new EventLineParser(this.#tally.mapper.take, line)
  }

  #push(chunk: Uint8Array): SourceBatch {
    this.#bytes += chunk.byteLength
    return this.#tally.batch(this.#parser.push(chunk), this.#options.path, false)
  }

  #end(): SourceBatch {
    return this.#tally.batch(this.#parser.end(), this.#options.path, true)
  }

  /** The file was replaced: the last incomplete line stays incomplete. */
  #turn(why: 'rotated' | 'truncated' | 'lost-place'): SourceBatch {
    this.#places.length = 0
    this.#reachedLine = 0
    const batch = [...this.#end()]
    this.#parser = this.#parserFrom(1)
    // Counts unread content as a loss of unknown size.
    if (why !== 'rotated') batch.push(this.#tally.lost(why))
    return batch
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
