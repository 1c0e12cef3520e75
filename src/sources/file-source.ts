import { constants, openSync } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { eventKinds, type LossEvent, type SnugEvent } from '../event/event.ts'
import { SnugError } from '../errors.ts'
import { EventLineParser, type ParsedLines } from './event-lines.ts'
import type {
  EventSource,
  SourceBatch,
  SourceMessage,
  SourceState,
  SourceStats,
  SourceSupport,
} from './source.ts'

export interface FileSourceOptions {
  /** A file of NDJSON, or `-` for standard input. */
  readonly path: string
  /** Names the node in the `loss` events that this source tells. */
  readonly node: string
  readonly now?: () => Date
  /** Told for each rejected line, up to a bound for each chunk; for the log. */
  readonly onRejected?: (line: { readonly code: string; readonly message: string }) => void
}

const chunkBytes = 1 << 18

/**
 * Recorded events from a file or a pipe, once from its beginning to its end. Reads the next chunk only
 * when the last batch was taken, so memory stays flat however large the file is. A named pipe has no
 * end: writers may come and go until the signal aborts.
 *
 * Errors: `SOURCE_UNREADABLE` where the file cannot be opened or read.
 */
export class FileSource implements EventSource {
  readonly name: string
  readonly supports: SourceSupport = { kinds: eventKinds, filter: false, containers: false }
  readonly #options: FileSourceOptions
  readonly #now: () => Date
  readonly #lost: Record<string, number> = {}
  #state: SourceState = { kind: 'starting' }
  #received = 0
  #delivered = 0
  #bytes = 0
  #lines = 0
  #used = false

  constructor(options: FileSourceOptions) {
    this.#options = options
    this.#now = options.now ?? (() => new Date())
    this.name = `file:${options.path}`
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
        lines: String(this.#lines),
      },
    }
  }

  async *messages(signal: AbortSignal): AsyncGenerator<SourceBatch, void, undefined> {
    if (this.#used) throw new SnugError('INTERNAL', `the source \`${this.name}\` was already read`)
    this.#used = true
    const parser = new EventLineParser()
    try {
      for await (const chunk of this.#chunks(signal)) {
        this.#bytes += chunk.byteLength
        const batch = this.#batch(parser, parser.push(chunk))
        if (batch.length > 0) yield batch
        if (signal.aborted) return
      }
      if (signal.aborted) return
      const batch = this.#batch(parser, parser.end())
      if (batch.length > 0) yield batch
    } finally {
      this.#state = { kind: 'stopped' }
    }
  }

  #batch(parser: EventLineParser, found: ParsedLines): SourceBatch {
    this.#received += found.events.length + found.rejectedCount
    this.#delivered += found.events.length
    this.#lines = parser.line - 1
    const batch: SourceMessage[] = found.events.map((event) => ({ type: 'event', event }))
    if (found.rejectedCount > 0) batch.push({ type: 'event', event: this.#reject(found) })
    return batch
  }

  #reject(found: ParsedLines): LossEvent {
    for (const { code, message } of found.rejected) {
      this.#options.onRejected?.({ code, message: `\`${this.#options.path}\`: ${message}` })
    }
    const reason = 'undecodable'
    this.#lost[reason] = (this.#lost[reason] ?? 0) + found.rejectedCount
    // A line that does not read says nothing of when it was: the acts around it bound the gap.
    const now = this.#now().toISOString()
    return {
      v: 1,
      kind: 'loss',
      time: now,
      node: this.#options.node,
      source: this.name,
      loss: {
        reason,
        count: found.rejectedCount,
        from: timeOf(found.events.at(0)) ?? now,
        to: timeOf(found.events.at(-1)) ?? now,
      },
    }
  }

  async *#chunks(signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    const { path } = this.#options
    if (path === '-') {
      yield* this.#stream(process.stdin, signal)
      return
    }
    const pipe = await this.#try(async () => (await stat(path)).isFIFO())
    // A blocking read of a pipe could not be called off; opened for both ways it waits for writers to come.
    if (pipe) {
      const fd = await this.#try(() => openSync(path, constants.O_RDWR | constants.O_NONBLOCK))
      yield* this.#stream(new Socket({ fd, readable: true, writable: false }), signal)
      return
    }
    const file = await this.#try(() => open(path, 'r'))
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

  async *#stream(
    input: Readable,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    this.#state = { kind: 'running' }
    // Ends the iteration below also while it waits for input that may never come.
    const stop = () => input.destroy()
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    try {
      for await (const chunk of input) yield chunk as Uint8Array
    } catch (error) {
      if (!signal.aborted) throw this.#unreadable(error)
    } finally {
      signal.removeEventListener('abort', stop)
      input.destroy()
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

function timeOf(event: SnugEvent | undefined): string | undefined {
  return event?.time
}
