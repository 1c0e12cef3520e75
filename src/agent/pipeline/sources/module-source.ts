import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { LossEvent, SnugEvent } from '../../../core/event/event.ts'
import { eventKinds } from '../../../core/event/event-words.ts'
import { parseEvent } from '../../../core/event/parse-event.ts'
import { describeError, SnugError } from '../../../errors.ts'
import type { LineTaker } from './event-lines.ts'
import { type LineFormat } from './line-format.ts'
import { LineSource, type LineSourceOptions } from './line-source.ts'
import type {
  EventSource,
  SourceBatch,
  SourceMessage,
  SourceState,
  SourceStats,
  SourceSupport,
} from './source.ts'

/** The options of a module that is loaded as a source. */
export interface ModuleOptions {
  /** The text after the module's path in the spec: `module:PATH?ARGUMENT`. */
  readonly argument: string
  readonly node: string
  /**
   * Creates a source of lines for a third-party format. It follows files, and resumes after a
   * restart.
   */
  readonly lines: (format: LineFormat, path: string) => EventSource
}

/** The default export of a source module. */
export type MakeSource = (options: ModuleOptions) => EventSource | Promise<EventSource>

const nothing: SourceStats = { received: 0, delivered: 0, lost: {}, facts: {} }

/**
 * A third-party source from a file. It runs with the rights of the daemon. Its events are still
 * validated like recorded events, and an invalid one is a loss. It cannot judge in the kernel: it
 * has no `control`.
 *
 * Errors: `SOURCE_UNREADABLE` if the module cannot be loaded or exports no source.
 */
export class ModuleSource implements EventSource {
  readonly name: string
  readonly #path: string
  readonly #argument: string
  readonly #options: Omit<LineSourceOptions, 'path'>
  #inner: EventSource | undefined
  #state: SourceState | undefined = { kind: 'starting' }
  #rejected = 0
  #used = false

  /** @param spec `PATH` or `PATH?ARGUMENT` */
  constructor(spec: string, options: Omit<LineSourceOptions, 'path'>) {
    const at = spec.indexOf('?')
    this.#path = at === -1 ? spec : spec.slice(0, at)
    this.#argument = at === -1 ? '' : spec.slice(at + 1)
    this.#options = options
    this.name = `module:${this.#path}`
  }

  get supports(): SourceSupport {
    const kinds = this.#inner?.supports.kinds ?? eventKinds
    const { containers = false, byRule = false, relays = false } = this.#inner?.supports ?? {}
    const reported = kinds.includes('loss') ? kinds : ([...kinds, 'loss'] as const)
    return { kinds: reported, byRule, relays, filter: false, containers }
  }

  get state(): SourceState {
    return this.#state ?? this.#inner?.state ?? { kind: 'starting' }
  }

  get stats(): SourceStats {
    const inner = this.#inner?.stats ?? nothing
    if (this.#rejected === 0) return inner
    const lost = { ...inner.lost, undecodable: (inner.lost['undecodable'] ?? 0) + this.#rejected }
    return { ...inner, delivered: inner.delivered - this.#rejected, lost }
  }

  async *messages(signal: AbortSignal): AsyncGenerator<SourceBatch, void, undefined> {
    if (this.#used) throw new SnugError('INTERNAL', `the source \`${this.name}\` was already read`)
    this.#used = true
    try {
      if (signal.aborted) return
      this.#inner = await this.#load()
      this.#state = undefined
      for await (const batch of this.#inner.messages(signal)) {
        const checked = this.#checked(batch)
        if (checked.length > 0) yield checked
      }
    } finally {
      this.#state = { kind: 'stopped' }
    }
  }

  async #load(): Promise<EventSource> {
    const url = pathToFileURL(resolve(this.#path)).href
    try {
      const module = (await import(/* @vite-ignore */ url)) as { default?: unknown }
      if (typeof module.default !== 'function')
        throw new Error('its default export is not a function')
      const make = module.default as MakeSource
      const source = await make({
        argument: this.#argument,
        node: this.#options.node,
        lines: (format, path) => new LineSource(forgiving(format), { ...this.#options, path }),
      })
      if (typeof source.messages !== 'function') throw new Error('its function returns no source')
      return source
    } catch (cause) {
      throw new SnugError('SOURCE_UNREADABLE', `cannot load \`${this.#path}\``, { cause })
    }
  }

  #checked(batch: SourceBatch): SourceBatch {
    const out: SourceMessage[] = []
    let rejected = 0
    for (const message of batch) {
      const event = message.type === 'event' ? sound(message.event) : undefined
      if (message.type !== 'event') out.push(message)
      else if (event === undefined) rejected += 1
      else out.push({ type: 'event', event })
    }
    if (rejected > 0) out.push({ type: 'event', event: this.#loss(rejected) })
    return out
  }

  #loss(count: number): LossEvent {
    this.#rejected += count
    const time = (this.#options.now?.() ?? new Date()).toISOString()
    const loss = { reason: 'undecodable', count, from: time, to: time }
    return { v: 1, kind: 'loss', time, node: this.#options.node, source: this.name, loss }
  }
}

/** An exception of the mapper rejects only the current line. */
function forgiving(format: LineFormat): LineFormat {
  return {
    ...format,
    open: (context) => {
      const mapper = format.open(context)
      const take: LineTaker = (line, into) => {
        try {
          mapper.take(line, into)
        } catch (cause) {
          throw new SnugError('EVENT_INVALID', describeError(cause))
        }
      }
      return { ...mapper, take }
    },
  }
}

/** Copies the event, because making it canonical changes it; undefined if it is no event. */
function sound(event: unknown): SnugEvent | undefined {
  try {
    return parseEvent(structuredClone(event))
  } catch {
    return undefined
  }
}
