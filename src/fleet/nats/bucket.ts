import { describeError, SnugError } from '../../errors.ts'
import type { NatsAccess } from '../../support/config/nats-access.ts'
import { type FollowedMessage, type StreamClient, StreamLog } from './stream-log.ts'

export interface BucketEntry {
  readonly key: string
  /** Parsed JSON; undefined where it is none, or too large. */
  readonly value: unknown
}

interface ReadValue {
  readonly revision: number
  readonly bytes: number
}

export interface BucketOptions {
  readonly access: NatsAccess
  readonly bucket: string
  readonly onPut: (entry: BucketEntry) => void
  /** Also of a key whose value was replaced by the removal before it could be read. */
  readonly onRemoved: (key: string) => void
  /** All that the bucket had at that time was read, after each connection. */
  readonly onListed: () => void
  /** The bucket cannot be read, or can be read again. */
  readonly onState: (fault: string | undefined) => void
}

/** Of a value that is read or written, in bytes; the server may allow less. */
const largestValue = 1_048_576
/** Values that wait in memory while a bucket is listed: each may be as large as the server takes. */
const valuesAhead = 64
/** For the headers of a message, and what the server adds. */
const headBytes = 1_024
/** Keys that an agent keeps, with those that were removed. */
export const bucketKeysKept = 200_000
/** Of all values that an agent keeps, in bytes. */
export const bucketBytesKept = 128 * 1_048_576

/**
 * A key-value bucket of JetStream: a stream with one message for each key, which is the number of its revision. It is
 * listed and watched by one consumer. Each connection reads all of it again, so a key whose removal was missed is gone
 * after that.
 */
export class Bucket {
  readonly #options: BucketOptions
  readonly #log: StreamLog
  readonly #prefix: string
  /** Of keys, also removed ones, which count for the next write. An own write has its number here before it is read. */
  readonly #revisions = new Map<string, number>()
  /** By key: its value, as it was read last. */
  readonly #values = new Map<string, ReadValue>()
  /** Keys of own values that were not read yet. */
  readonly #written = new Set<string>()
  #bytes = 0
  #seen = new Set<string>()
  readonly #beyond = new Set<string>()
  #listed = false
  readonly #waiting = new Map<string, Set<() => void>>()

  constructor(options: BucketOptions) {
    this.#options = options
    const { access, bucket, onState } = options
    this.#prefix = `$KV.${bucket}.`
    this.#log = new StreamLog({
      access,
      source: { stream: `KV_${bucket}`, subject: `${this.#prefix}>` },
      begin: 'last-of-each',
      ahead: valuesAhead,
      largest: largestValue,
      onMessage: (message) => this.#take(message),
      onBegin: () => {
        this.#seen = new Set()
        // What is left of them is listed, or comes after that.
        this.#written.clear()
        this.#beyond.clear()
      },
      onCaughtUp: () => this.#caughtUp(),
      onReset: () => this.#forgetAll(),
      onState: (fault) => {
        if (fault !== undefined) this.#wakeAll()
        onState(fault)
      },
    })
  }

  /** Until the signal aborts; connects again as often as needed. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#log.run(signal)
  }

  /** Whether the whole of it was known at some time. */
  get listed(): boolean {
    return this.#listed
  }

  get connected(): boolean {
    return this.#log.client !== undefined
  }

  /** Keys with a value. */
  keys(): Iterable<string> {
    return new Set([...this.#values.keys(), ...this.#written])
  }

  /** Values that were not kept, since there are too many keys or bytes. */
  get beyond(): number {
    return this.#beyond.size
  }

  /** Of the largest value that can be written now, in bytes. */
  get largest(): number {
    return Math.min(largestValue, this.#log.client?.largest ?? Infinity) - headBytes
  }

  /** Of the last write of the key that is known; 0 where there is none. */
  revision(key: string): number {
    return this.#revisions.get(key) ?? 0
  }

  /**
   * Stores a value where nobody else has written the key since `revision`.
   *
   * Errors: FLEET_CONFLICT where somebody has, FLEET_TOO_LARGE, FLEET_REFUSED, FLEET_UNAVAILABLE.
   */
  async put(key: string, text: string, revision: number): Promise<void> {
    await this.#write(key, text, revision)
  }

  /** Leaves the key without a value. Errors: as of {@link put}. */
  async remove(key: string, revision: number): Promise<void> {
    await this.#write(key, '', revision, 'DEL')
  }

  /** Resolves once the key has another revision, or there is no connection. */
  async changed(key: string, revision: number): Promise<void> {
    if (!this.connected || this.revision(key) !== revision) return
    await new Promise<void>((resolve) => {
      const waiting = this.#waiting.get(key) ?? new Set()
      this.#waiting.set(key, waiting.add(resolve))
    })
  }

  async #write(key: string, text: string, revision: number, operation?: 'DEL'): Promise<void> {
    const { client } = this.#log
    if (client === undefined) throw new SnugError('FLEET_UNAVAILABLE', 'there is no connection')
    const bytes = Buffer.byteLength(text)
    if (bytes > this.largest) {
      const why = `\`${key}\` takes ${bytes} bytes, and NATS at most ${this.largest}`
      throw new SnugError('FLEET_TOO_LARGE', why)
    }
    try {
      const seq = await publish(client, `${this.#prefix}${key}`, text, revision, operation)
      const isRead = seq <= this.revision(key)
      this.#revise(key, seq)
      if (operation === 'DEL') this.#written.delete(key)
      else if (!isRead) this.#written.add(key)
    } catch (error) {
      throw bucketError(key, error)
    }
  }

  #take({ subject, seq, size, isRemoval, value }: FollowedMessage): void {
    const key = subject.slice(this.#prefix.length)
    if (seq >= this.revision(key)) this.#written.delete(key)
    const before = this.#values.get(key)
    if (before?.revision === seq) {
      // It came before, and comes again with a new connection.
      this.#seen.add(key)
      return
    }
    const isKnown = this.#revisions.has(key)
    const bytes = this.#bytes - (before?.bytes ?? 0) + size
    const isTooMuch =
      (!isKnown && this.#revisions.size >= bucketKeysKept) ||
      (!isRemoval && bytes > bucketBytesKept)
    if (isTooMuch) {
      this.#drop(key)
      if (this.#beyond.size < bucketKeysKept) this.#beyond.add(key)
      return
    }
    this.#beyond.delete(key)
    this.#revise(key, seq)
    if (isRemoval) this.#drop(key)
    else {
      this.#seen.add(key)
      this.#values.set(key, { revision: seq, bytes: size })
      this.#bytes = bytes
      this.#options.onPut({ key, value })
    }
    this.#wake(key)
  }

  /** The answer to a write comes before or after the messages that are read, in any order. */
  #revise(key: string, seq: number): void {
    if (seq > this.revision(key)) this.#revisions.set(key, seq)
  }

  #drop(key: string): void {
    this.#bytes -= this.#values.get(key)?.bytes ?? 0
    this.#values.delete(key)
    this.#options.onRemoved(key)
  }

  /** A key that did not come again was removed while nobody watched. */
  #caughtUp(): void {
    for (const key of this.#values.keys()) {
      if (this.#seen.has(key)) continue
      this.#revisions.delete(key)
      this.#drop(key)
    }
    this.#listed = true
    this.#options.onListed()
  }

  /** It is another bucket of the same name, whose revisions begin again. */
  #forgetAll(): void {
    for (const key of this.#values.keys()) this.#drop(key)
    this.#revisions.clear()
    this.#wakeAll()
  }

  #wake(key: string): void {
    const waiting = this.#waiting.get(key)
    this.#waiting.delete(key)
    for (const resolve of waiting ?? []) resolve()
  }

  #wakeAll(): void {
    for (const key of this.#waiting.keys()) this.#wake(key)
  }
}

async function publish(
  { js }: StreamClient,
  subject: string,
  text: string,
  revision: number,
  operation: 'DEL' | undefined,
): Promise<number> {
  const { default: nats } = await import('@nats-io/transport-node')
  const headers = nats.headers()
  if (operation !== undefined) headers.set('KV-Operation', operation)
  const expect = { lastSubjectSequence: revision }
  return (await js.publish(subject, text, { headers, expect, retries: 0 })).seq
}

/** Of JetStream: another write came before, with and without its number. */
const conflictCodes: readonly unknown[] = [10_071, 10_164]

function bucketError(key: string, error: unknown): SnugError {
  const { name, code, cause } = error as Error & { readonly code?: unknown }
  if (conflictCodes.includes(code))
    return new SnugError('FLEET_CONFLICT', `another writer changed \`${key}\``, { cause: error })
  const isRefused =
    name === 'JetStreamApiError' || (cause instanceof Error && cause.name === deniedName)
  if (isRefused)
    return new SnugError('FLEET_REFUSED', `NATS does not accept \`${key}\``, { cause: error })
  const message = `NATS does not answer: ${describeError(error)}`
  return new SnugError('FLEET_UNAVAILABLE', message)
}

const deniedName = 'PermissionViolationError'
