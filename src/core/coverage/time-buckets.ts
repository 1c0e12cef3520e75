import { isoOf, type Micros, microsOf } from '../event/time.ts'
import type { Literal, Sampled, WitnessesJson } from '../behaviour/witness.ts'
import { compareText, type EvidenceBucket, type EvidenceBuckets } from '../profile/profile-entry.ts'
import { member, type StoredBucket, type StoredBuckets, tuple } from '../profile/stored-entry.ts'
import { Witnesses } from '../behaviour/witness.ts'

const NONE: readonly string[] = []

/** The finest time resolution of evidence, and of forgetting by time. */
const FINEST: Micros = 60_000_000
/** Buckets of one cell; where it has more, they are put together two by two. */
export const BUCKETS_KEPT = 8

/** Events within one bucket of time. */
export interface Seen {
  /**
   * Events from the first one up to the end of this bucket: cumulative, so that copies join by
   * maximum.
   */
  readonly upTo: number
  readonly first: Micros
  readonly last: Micros
  readonly guardrails: readonly string[]
  readonly witnesses: Witnesses | undefined
}

type Bucket = { -readonly [K in keyof Seen]: Seen[K] }

export interface Span {
  readonly from: Micros
  readonly to: Micros
}

/** Whether the finest bucket holds both. */
export function isOneBucket(a: Micros, b: Micros): boolean {
  return Math.floor(a / FINEST) === Math.floor(b / FINEST)
}

/**
 * When a cell's events were seen, to the bucket, so that forgetting by time can remove them.
 *
 * INVARIANT: widths are minutes times a power of two, and bucket n begins at n widths after the
 * epoch. So the buckets of any events are the same, whatever the order and the copies in which they
 * arrive.
 */
export class TimeBuckets {
  #width: Micros
  #list: Bucket[]

  private constructor(width: Micros, list: Bucket[]) {
    this.#width = width
    this.#list = list
  }

  /** All that was seen so far, as one bucket that is as narrow as it can be. */
  static of(all: Seen): TimeBuckets {
    let width = FINEST
    while (Math.floor(all.first / width) !== Math.floor(all.last / width)) width *= 2
    return new TimeBuckets(width, [{ ...all }])
  }

  static from(json: EvidenceBuckets, kept?: number): TimeBuckets {
    return new TimeBuckets(
      json.minutes * FINEST,
      json.list.map((bucket) => bucketOf(bucket, kept)),
    )
  }

  static ofStored({ minutes, list }: StoredBuckets, kept?: number): TimeBuckets {
    return new TimeBuckets(
      minutes * FINEST,
      list.map(([upTo, first, last, guardrails, witnesses]) => ({
        upTo,
        first,
        last,
        guardrails: member(guardrails) ?? NONE,
        witnesses: witnessesOf(member(witnesses), kept),
      })),
    )
  }

  stored(): StoredBuckets {
    return {
      minutes: this.#width / FINEST,
      list: this.#list.map(({ upTo, first, last, guardrails, witnesses }) =>
        tuple<StoredBucket>(
          upTo,
          first,
          last,
          guardrails.length === 0 ? undefined : guardrails,
          witnesses?.toJSON(),
        ),
      ),
    }
  }

  /** One bucket adds no information to the cell. */
  get isOne(): boolean {
    return this.#list.length <= 1
  }

  see(count: number, when: Micros): void {
    const at = this.#place(when)
    const bucket = this.#list[at]
    if (bucket === undefined) return
    bucket.first = Math.min(bucket.first, when)
    bucket.last = Math.max(bucket.last, when)
    for (let i = at; i < this.#list.length; i++) (this.#list[i] as Bucket).upTo += count
    this.#fit()
  }

  trip(guardrails: readonly string[], when: Micros): void {
    const bucket = this.#at(when)
    if (bucket !== undefined) bucket.guardrails = united(bucket.guardrails, guardrails)
  }

  witness(literal: Literal, when: Micros, kept?: number): void {
    const bucket = this.#at(when)
    if (bucket === undefined) return
    bucket.witnesses ??= new Witnesses(kept)
    bucket.witnesses.add(literal)
  }

  /** Merges the buckets of another copy. */
  join(other: TimeBuckets): void {
    this.#width = Math.max(this.#width, other.#width)
    this.#list = this.#gathered([...this.#list, ...other.#list])
    this.#fit()
  }

  /** Adds events that are none of these. */
  absorb(other: TimeBuckets): void {
    this.#width = Math.max(this.#width, other.#width)
    const own = this.#counts()
    const theirs = other.#counts()
    const counted = [
      ...this.#list.map((bucket, i) => ({ bucket, count: own[i] ?? 0 })),
      ...other.#list.map((bucket, i) => ({ bucket, count: theirs[i] ?? 0 })),
    ].sort((a, b) => a.bucket.first - b.bucket.first)
    // Cumulative counts of both together, in order of time: buckets then join by maximum.
    let upTo = 0
    this.#list = this.#gathered(
      counted.map(({ bucket, count }) => {
        upTo += count
        return { ...bucket, upTo }
      }),
    )
    this.#fit()
  }

  withoutWitnesses(): TimeBuckets {
    return new TimeBuckets(
      this.#width,
      this.#list.map((bucket) => ({ ...bucket, witnesses: undefined })),
    )
  }

  /** Forgets all other witnesses. */
  keepWitnesses(isKept: (sampled: Sampled, text: string) => boolean): void {
    for (const { witnesses } of this.#list) witnesses?.keep(isKept)
  }

  /**
   * Removes each bucket that touches the span, as a whole. Returns the span of the removed buckets, undefined where
   * none was removed.
   */
  forget(from: Micros, to: Micros): Span | undefined {
    const counts = this.#counts()
    const kept: Bucket[] = []
    let upTo = 0
    let gone: Span | undefined
    for (const [i, bucket] of this.#list.entries()) {
      if (bucket.last >= from && bucket.first <= to) {
        gone = {
          from: Math.min(gone?.from ?? bucket.first, bucket.first),
          to: Math.max(gone?.to ?? bucket.last, bucket.last),
        }
        continue
      }
      upTo += counts[i] ?? 0
      kept.push({ ...bucket, upTo })
    }
    this.#list = kept
    return gone
  }

  /** All buckets as one; undefined where there is none left. */
  whole(): Seen | undefined {
    const [head, ...rest] = this.#list
    if (head === undefined) return undefined
    const all = { ...head, witnesses: head.witnesses?.copy() }
    for (const bucket of rest) joinInto(all, bucket)
    return all
  }

  toJSON(): EvidenceBuckets {
    return { minutes: this.#width / FINEST, list: this.#list.map(jsonOf) }
  }

  /** Events of each bucket alone. */
  #counts(): readonly number[] {
    let before = 0
    return this.#list.map(({ upTo }) => {
      const own = Math.max(0, upTo - before)
      before = Math.max(before, upTo)
      return own
    })
  }

  #index(when: Micros): number {
    return Math.floor(when / this.#width)
  }

  #at(when: Micros): Bucket | undefined {
    const index = this.#index(when)
    return this.#list.findLast(({ first }) => this.#index(first) === index)
  }

  /** Where the bucket of that time is, made where it was not. */
  #place(when: Micros): number {
    const index = this.#index(when)
    let at = this.#list.length
    for (; at > 0; at--) {
      const other = this.#index(this.#list[at - 1]?.first ?? 0)
      if (other === index) return at - 1
      if (other < index) break
    }
    const upTo = this.#list[at - 1]?.upTo ?? 0
    const fresh = { upTo, first: when, last: when, guardrails: NONE, witnesses: undefined }
    this.#list.splice(at, 0, fresh)
    return at
  }

  #fit(): void {
    while (this.#list.length > BUCKETS_KEPT) {
      this.#width *= 2
      this.#list = this.#gathered(this.#list)
    }
  }

  #gathered(buckets: readonly Bucket[]): Bucket[] {
    const byIndex = new Map<number, Bucket>()
    for (const bucket of buckets) {
      const index = this.#index(bucket.first)
      const known = byIndex.get(index)
      if (known === undefined) {
        byIndex.set(index, { ...bucket, witnesses: bucket.witnesses?.copy() })
      } else joinInto(known, bucket)
    }
    return [...byIndex].sort(([a], [b]) => a - b).map(([, bucket]) => bucket)
  }
}

function joinInto(bucket: Bucket, other: Seen): void {
  bucket.upTo = Math.max(bucket.upTo, other.upTo)
  bucket.first = Math.min(bucket.first, other.first)
  bucket.last = Math.max(bucket.last, other.last)
  bucket.guardrails = united(bucket.guardrails, other.guardrails)
  if (other.witnesses === undefined) return
  bucket.witnesses ??= new Witnesses(other.witnesses.literals.kept)
  bucket.witnesses.merge(other.witnesses.toJSON())
}

function united(a: readonly string[], b: readonly string[]): readonly string[] {
  if (b.length === 0) return a
  return [...new Set([...a, ...b])].sort(compareText)
}

function witnessesOf(
  json: WitnessesJson | undefined,
  kept: number | undefined,
): Witnesses | undefined {
  return json === undefined ? undefined : Witnesses.from(json, kept)
}

function bucketOf(
  { upTo, first, last, guardrails, witnesses }: EvidenceBucket,
  kept: number | undefined,
): Bucket {
  return {
    upTo,
    first: microsOf(first),
    last: microsOf(last),
    guardrails: guardrails ?? NONE,
    witnesses: witnessesOf(witnesses, kept),
  }
}

function jsonOf({ upTo, first, last, guardrails, witnesses }: Bucket): EvidenceBucket {
  return {
    upTo,
    first: isoOf(first),
    last: isoOf(last),
    ...(guardrails.length === 0 ? {} : { guardrails }),
    ...(witnesses === undefined ? {} : { witnesses: witnesses.toJSON() }),
  }
}
