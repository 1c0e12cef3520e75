import { describeError, SnugError } from '../../errors.ts'
import type { NatsAccess } from '../../support/config/nats-access.ts'
import type { FleetImage } from '../fleet-image.ts'
import { Bucket, type BucketEntry } from './bucket.ts'
import { decisionKey } from './fleet-keys.ts'
import {
  type DecisionContent,
  decisionText,
  type FleetValue,
  parseFleetValue,
  type SharedDecision,
} from './fleet-values.ts'
import { SharedDecisions } from './shared-decisions.ts'

export interface FleetBucketOptions {
  readonly access: NatsAccess
  /** Of JetStream, as `nats kv add` makes it. */
  readonly bucket: string
  /** A valid value. Of decisions, {@link FleetBucket.decisions} has it already. */
  readonly onValue: (value: FleetValue, key: string) => void
  /** A value that was there is no more. */
  readonly onGone: (value: FleetValue, key: string) => void
  /** All that the bucket had at that time was read, after each connection. */
  readonly onListed: () => void
  /** The bucket cannot be read, or can be read again. */
  readonly onState?: (fault: string | undefined) => void
  readonly onError?: (what: string, error: unknown) => void
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

/** Writes of one decision that another writer came before. */
const mostTries = 5
const nameLength = 200

/**
 * The bucket of a fleet: its valid values as they come and go, and the writes. It counts and names a value that is not
 * valid, and reads all others.
 */
export class FleetBucket {
  readonly decisions = new SharedDecisions()
  readonly #options: FleetBucketOptions
  readonly #now: () => number
  readonly #bucket: Bucket
  readonly #values = new Map<string, FleetValue>()
  /** By key: why its value, or a part of it, is ignored. */
  readonly #invalid = new Map<string, string>()
  #unread: string | undefined
  writes = 0

  constructor(options: FleetBucketOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
    const { access, bucket, onListed, onState } = options
    this.#bucket = new Bucket({
      access,
      bucket,
      onPut: (entry) => this.#put(entry),
      onRemoved: (key) => this.#removed(key),
      onListed,
      onState: (fault) => {
        this.#unread = fault
        onState?.(fault)
      },
    })
  }

  /** Until the signal aborts; connects again as often as needed. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#bucket.run(signal)
  }

  /** Whether the whole of it was known at some time. */
  get listed(): boolean {
    return this.#bucket.listed
  }

  get connected(): boolean {
    return this.#bucket.connected
  }

  /** Of the largest value that can be written now, in bytes. */
  get largest(): number {
    return this.#bucket.largest
  }

  /** Keys with a value, also one that is not valid. */
  keys(): Iterable<string> {
    return this.#bucket.keys()
  }

  /** Of the last write of the key that is known; 0 where there is none. */
  revision(key: string): number {
    return this.#bucket.revision(key)
  }

  /** Why the bucket cannot be read, with a code. */
  get unread(): string | undefined {
    if (this.#unread === undefined) return undefined
    return `the bucket \`${this.#options.bucket}\` cannot be read: ${this.#unread} (FLEET_UNAVAILABLE)`
  }

  /** How many values are ignored, and why the first one, with a code. */
  get ignored(): string | undefined {
    const { beyond } = this.#bucket
    if (beyond > 0)
      return `the bucket is too large: ${beyond} of its values are ignored (FLEET_VALUE_INVALID)`
    const [first] = this.#invalid.values()
    if (first === undefined) return undefined
    const others = this.#invalid.size === 1 ? '' : `, and ${this.#invalid.size - 1} more`
    return `a value of the fleet, or a part of it, is ignored: ${first} (FLEET_VALUE_INVALID)${others}`
  }

  /** Errors: as of {@link Bucket.put}. */
  async write(key: string, text: string, revision: number): Promise<void> {
    this.writes += 1
    await this.#bucket.put(key, text, revision)
  }

  /** Errors: as of {@link Bucket.put}. */
  async remove(key: string): Promise<void> {
    await this.#bucket.remove(key, this.#bucket.revision(key))
  }

  /**
   * Writes a decision over the one that stands. Of two writers at the same time, the second one asks `next` again once it
   * has the decision of the first one.
   *
   * @param next what to write now; undefined: nothing any more
   *
   * Errors: as of {@link Bucket.put}, and those of `next`.
   */
  async decide(
    image: FleetImage,
    subject: string,
    node: string,
    next: () => DecisionContent | undefined,
  ): Promise<void> {
    const key = decisionKey(image, subject)
    for (let tries = 1; ; tries++) {
      const revision = this.#bucket.revision(key)
      const content = next()
      if (content === undefined) return
      const decision: SharedDecision = { image, node, ...content }
      try {
        await this.write(key, decisionText(decision), revision)
        // A later one may have come meanwhile.
        if (this.decisions.isNews(image, content)) this.#stands(key, decision)
        return
      } catch (error) {
        if (!isCoded(error, 'FLEET_CONFLICT') || tries === mostTries) throw error
        await this.#bucket.changed(key, revision)
      }
    }
  }

  #stands(key: string, decision: SharedDecision): void {
    this.#values.set(key, { kind: 'decision', decision })
    this.decisions.came(decision)
  }

  #put({ key, value }: BucketEntry): void {
    try {
      this.#invalid.delete(key)
      const onLater = (error: SnugError): void => this.#ignores(key, error)
      const parsed = parseFleetValue(key, value, this.#now(), onLater)
      if (parsed.kind === 'decision') this.#stands(key, parsed.decision)
      else this.#values.set(key, parsed)
      this.#options.onValue(parsed, key)
    } catch (error) {
      // One bad value must not end the watch of all others.
      this.#removed(key)
      this.#ignores(key, error)
    }
  }

  #ignores(key: string, error: unknown): void {
    const name = printable(key)
    this.#invalid.set(key, `\`${name}\`: ${printable(describeError(error))}`)
    this.#options.onError?.(`value ${name}`, error)
  }

  #removed(key: string): void {
    this.#invalid.delete(key)
    const value = this.#values.get(key)
    if (value === undefined) return
    this.#values.delete(key)
    if (value.kind === 'decision') this.decisions.went(value.decision)
    this.#options.onGone(value, key)
  }
}

export function isCoded(error: unknown, code: SnugError['code']): boolean {
  return error instanceof SnugError && error.code === code
}

/** Anybody who may write a key chooses its letters, and a terminal prints them. */
function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?').slice(0, nameLength)
}
