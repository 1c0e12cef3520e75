import type { Consumer, JetStreamClient, JetStreamManager, JsMsg } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import { setTimeout as delay } from 'node:timers/promises'
import { describeError, SnugError } from '../../errors.ts'
import { connectNats } from '../../agent/pipeline/delivery/sinks/nats-connection.ts'
import { Backoff } from '../../support/backoff.ts'
import { Pace } from '../../support/pace.ts'
import type { NatsAccess } from '../../support/config/nats-access.ts'

/** A stream of JetStream, and the subject of its messages that are read. */
export interface StreamSource {
  readonly stream: string
  readonly subject: string
}

export interface StreamMessage {
  readonly seq: number
  /** When the stream received it, as RFC 3339. */
  readonly time: string
  /** Parsed JSON; undefined where it is none, or too large. */
  readonly value: unknown
}

export interface FollowedMessage extends StreamMessage {
  readonly subject: string
  /** In bytes. */
  readonly size: number
  /** It stands for the removal of the messages before it, as key-value buckets have it. */
  readonly isRemoval: boolean
}

export interface StreamFollowOptions {
  readonly access: NatsAccess
  readonly source: StreamSource
  /**
   * Where to begin: with the latest `latest` messages of the stream, or with the last message of each subject.
   */
  readonly begin: { readonly latest: number } | 'last-of-each'
  readonly onMessage: (message: FollowedMessage) => void
  /** Messages that the server may send ahead; absent: a thousand, for small ones. */
  readonly ahead?: number
  /** Larger messages are not parsed. In bytes; absent: all are. */
  readonly largest?: number
  /** The stream is read from `begin` on, after each connection. */
  readonly onBegin?: () => void
  /** All that the stream had at that time was read, after each connection. */
  readonly onCaughtUp?: () => void
  /** The stream is another one than before: what was read of the former one does not count. */
  readonly onReset?: () => void
  /** The stream cannot be read, or can be read again. */
  readonly onState?: (fault: string | undefined) => void
}

export interface StreamClient {
  readonly connection: NatsConnection
  readonly js: JetStreamClient
  readonly manager: JetStreamManager
  /** Of a message, with its headers, in bytes. */
  readonly largest: number
}

const pauses = { firstMs: 250, longestMs: 5_000 } as const
const mostAhead = 1_000
const blockMs = 5_000
/** Of key-value buckets: a key that was deleted or purged, or that expired. */
const removalHeaders = ['KV-Operation', 'Nats-Marker-Reason'] as const

/**
 * Reads a stream of JetStream as its log, from some place on and then as messages come. It keeps its place over lost
 * connections, so that it reads each message once. The server keeps nothing for it: its consumers are ordered ones, which
 * acknowledge nothing and end with the connection.
 */
export class StreamLog {
  readonly #options: StreamFollowOptions
  readonly #backoff = new Backoff(pauses)
  #client: StreamClient | undefined
  #next: number | undefined
  #created: string | undefined
  #caughtUp = false
  #fault: string | undefined = 'the stream was not read yet'
  #begin = 1

  constructor(options: StreamFollowOptions) {
    this.#options = options
  }

  /** Whether all that the stream had at some time was read. */
  get caughtUp(): boolean {
    return this.#caughtUp
  }

  get fault(): string | undefined {
    return this.#fault
  }

  /** Undefined while there is no connection. */
  get client(): StreamClient | undefined {
    return this.#client
  }

  /** The number of the first message that was to be read. */
  get begin(): number {
    return this.#begin
  }

  /** Until the signal aborts; connects again as often as needed. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#follow(signal)
        this.#become('the connection ended')
      } catch (error) {
        if (signal.aborted) return
        this.#become(describeError(error))
      }
      await delay(this.#backoff.next(), undefined, { signal }).catch(() => undefined)
    }
  }

  /**
   * The messages with a number from `from` on and below `to`, in order; deleted ones and those of other subjects are
   * missing.
   *
   * Errors: ALERT_LOG_UNAVAILABLE.
   */
  async range(from: number, to: number): Promise<readonly StreamMessage[]> {
    const found: StreamMessage[] = []
    if (from >= to) return found
    await this.#reading(
      { deliver_policy: 'by_start_sequence', opt_start_seq: from },
      to - from,
      (message) => {
        if (message.seq >= to) return false
        found.push(this.#read(message))
        return message.seq < to - 1
      },
    )
    return found
  }

  /** The number of the first message that the stream has, of any subject. Errors: ALERT_LOG_UNAVAILABLE. */
  async first(): Promise<number> {
    const { manager } = this.#connected()
    try {
      const { state } = await manager.streams.info(this.#options.source.stream)
      return state.first_seq
    } catch (error) {
      throw unavailable(error)
    }
  }

  /** The number of the first message from `timeMs` (epoch milliseconds) on; undefined where none is that late. */
  async seqAt(timeMs: number): Promise<number | undefined> {
    let seq: number | undefined
    const from = new Date(timeMs).toISOString()
    await this.#reading({ deliver_policy: 'by_start_time', opt_start_time: from }, 1, (message) => {
      seq = message.seq
      return false
    })
    return seq
  }

  /** The whole message; undefined where the stream has it no more. Errors: ALERT_LOG_UNAVAILABLE. */
  async message(seq: number): Promise<StreamMessage | undefined> {
    const { source } = this.#options
    const { manager } = this.#connected()
    try {
      const stored = await manager.streams.getMessage(source.stream, { seq })
      if (stored === null || stored.subject !== source.subject) return undefined
      return { seq, time: stored.time.toISOString(), value: jsonOf(stored.string()) }
    } catch (error) {
      throw unavailable(error)
    }
  }

  #connected(): StreamClient {
    if (this.#client !== undefined) return this.#client
    throw unavailable(new Error(this.#fault ?? 'there is no connection'))
  }

  async #reading(where: object, most: number, take: (message: JsMsg) => boolean): Promise<void> {
    const { source } = this.#options
    const { js } = this.#connected()
    let consumer: Consumer | undefined
    try {
      consumer = await js.consumers.get(source.stream, {
        ...where,
        filter_subjects: source.subject,
      })
      // Without it a request for messages that do not exist waits for new ones.
      if ((await consumer.info(true)).num_pending === 0) return
      const messages = await consumer.fetch({ max_messages: most, expires: blockMs })
      for await (const message of messages) {
        const goesOn = take(message)
        if (!goesOn || message.info.pending === 0) break
      }
    } catch (error) {
      throw unavailable(error)
    } finally {
      void consumer?.delete().catch(() => undefined)
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { access, source, begin, onMessage, onBegin, onCaughtUp } = this.#options
    const { default: streams } = await import('@nats-io/jetstream')
    const connection = await connectNats(access)
    const stop = (): void => void connection.close()
    signal.addEventListener('abort', stop, { once: true })
    try {
      const timeout = access.timeoutMs
      const js = streams.jetstream(connection, { timeout })
      const manager = await streams.jetstreamManager(connection, { timeout, checkAPI: false })
      const { state, created, config } = await manager.streams.info(source.stream)
      if (this.#created !== undefined && this.#created !== created) {
        this.#next = undefined
        this.#options.onReset?.()
      }
      this.#created = created
      const largest = Math.min(
        connection.info?.max_payload ?? Infinity,
        config.max_msg_size > 0 ? config.max_msg_size : Infinity,
      )
      this.#client = { connection, js, manager, largest }
      let where: object = { deliver_policy: 'last_per_subject' }
      if (begin !== 'last-of-each') {
        if (this.#next === undefined) {
          this.#begin = Math.max(state.first_seq, state.last_seq - begin.latest + 1, 1)
          this.#next = this.#begin
        }
        where = { deliver_policy: 'by_start_sequence', opt_start_seq: this.#next }
      }
      const consumer = await js.consumers.get(source.stream, {
        ...where,
        filter_subjects: source.subject,
      })
      const { num_pending: pending } = await consumer.info(true)
      let isBehind = true
      const caughtUp = (): void => {
        if (!isBehind) return
        isBehind = false
        this.#caughtUp = true
        onCaughtUp?.()
      }
      onBegin?.()
      this.#become(undefined)
      if (pending === 0) caughtUp()
      const messages = await consumer.consume({
        max_messages: this.#options.ahead ?? mostAhead,
      })
      void connection.closed().then(() => messages.stop())
      const pace = new Pace()
      for await (const message of messages) {
        this.#next = message.seq + 1
        this.#backoff.reset()
        onMessage(this.#read(message))
        if (message.info.pending === 0) caughtUp()
        // A long backlog leaves the thread to others.
        if (pace.isOver) await pace.turn()
      }
    } finally {
      signal.removeEventListener('abort', stop)
      this.#client = undefined
      await connection.close().catch(() => undefined)
    }
  }

  #read(message: JsMsg): FollowedMessage {
    const { seq, subject, time, data, headers } = message
    const isRemoval = removalHeaders.some((name) => (headers?.get(name) ?? '') !== '')
    const isRead = !isRemoval && data.length <= (this.#options.largest ?? Infinity)
    const value = isRead ? jsonOf(message.string()) : undefined
    return { seq, subject, time: time.toISOString(), size: data.length, isRemoval, value }
  }

  #become(fault: string | undefined): void {
    this.#fault = fault
    this.#options.onState?.(fault)
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function unavailable(cause: unknown): SnugError {
  if (cause instanceof SnugError) return cause
  return new SnugError('ALERT_LOG_UNAVAILABLE', 'the log of the alerts cannot be read', { cause })
}
