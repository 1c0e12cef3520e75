import { isoOf, type Micros, microsOf } from '../event/time.ts'
import { type Literal, type Sampled, type WitnessesJson, Witnesses } from '../behaviour/witness.ts'
import type { EvidenceBucket, EvidenceBuckets } from '../profile/profile-entry.ts'
import { compareText } from '../compare-text.ts'
import { member, type StoredBucket, type StoredBuckets, tuple } from '../profile/stored-entry.ts'

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

/** Buckets without guardrails and witnesses: of each bucket `upTo`, `first` and `last`. */
interface BucketNumbers {
  /** Width of a bucket. */
  readonly minutes: number
  readonly list: readonly number[]
}

/** Events of which the first were all at one moment, and the rest at another. */
interface Moments {
  readonly atFirst: number
  /** All of them. */
  readonly count: number
  readonly first: Micros
  readonly last: Micros
}

type Bucket = { -readonly [K in keyof Seen]: Seen[K] }

type Shown = Pick<Seen, 'guardrails' | 'witnesses'>

/** With no room to grow: most cells never get another bucket. */
function numbersOf(list: readonly Bucket[]): number[] {
  const numbers: number[] = []
  for (const { upTo, first, last } of list) numbers.push(upTo, first, last)
  return numbers.slice()
}

function shownOf(list: readonly Bucket[]): readonly Shown[] | undefined {
  const isBare = list.every((each) => each.guardrails.length === 0 && each.witnesses === undefined)
  return isBare ? undefined : list.map(({ guardrails, witnesses }) => ({ guardrails, witnesses }))
}

export interface Span {
  readonly from: Micros
  readonly to: Micros
}

function indexOf(when: Micros, minutes: number): number {
  return Math.floor(when / (minutes * FINEST))
}

/** Whether the finest bucket holds both. */
export function isOneBucket(a: Micros, b: Micros): boolean {
  return indexOf(a, 1) === indexOf(b, 1)
}

/**
 * When a cell's events were seen, to the bucket, so that forgetting by time can remove them.
 *
 * INVARIANT: widths are minutes times a power of two, and bucket n begins at n widths after the
 * epoch. So the buckets of any events are the same, whatever the order and the copies in which they
 * arrive.
 */
export class TimeBuckets {
  /** In the finest width: so it is a small number, which needs no memory of its own. */
  #minutes: number
  /** Of each bucket `upTo`, `first` and `last`: there are many buckets, and an object costs four times as much. */
  #numbers: number[]
  /** Guardrails and witnesses of the buckets; undefined where none has any. */
  #shown: readonly Shown[] | undefined

  private constructor(minutes: number, list: readonly Bucket[]) {
    this.#minutes = minutes
    this.#numbers = numbersOf(list)
    this.#shown = shownOf(list)
  }

  get #list(): Bucket[] {
    return Array.from({ length: this.#numbers.length / 3 }, (_, i) => ({
      upTo: this.#numbers[3 * i] ?? 0,
      first: this.#numbers[3 * i + 1] ?? 0,
      last: this.#numbers[3 * i + 2] ?? 0,
      guardrails: this.#shown?.[i]?.guardrails ?? NONE,
      witnesses: this.#shown?.[i]?.witnesses,
    }))
  }

  set #list(list: readonly Bucket[]) {
    this.#numbers = numbersOf(list)
    this.#shown = shownOf(list)
  }

  /** All that was seen so far, as one bucket that is as narrow as it can be. */
  static of(all: Seen): TimeBuckets {
    let minutes = 1
    while (indexOf(all.first, minutes) !== indexOf(all.last, minutes)) minutes *= 2
    return new TimeBuckets(minutes, [{ ...all }])
  }

  /** Events at two moments, which are in two of the finest buckets. */
  static ofMoments({ atFirst, count, first, last }: Moments): TimeBuckets {
    const buckets = new TimeBuckets(1, [])
    buckets.#numbers = [atFirst, first, first, count, last, last]
    return buckets
  }

  /** What {@link numbers} gives. */
  static ofNumbers({ minutes, list }: BucketNumbers): TimeBuckets {
    const buckets = new TimeBuckets(minutes, [])
    buckets.#numbers = list.slice()
    return buckets
  }

  /** Undefined where they are not all: a bucket has guardrails or witnesses. */
  numbers(): BucketNumbers | undefined {
    return this.#shown === undefined ? { minutes: this.#minutes, list: this.#numbers } : undefined
  }

  static from(json: EvidenceBuckets, kept?: number): TimeBuckets {
    return new TimeBuckets(
      json.minutes,
      json.list.map((bucket) => bucketOf(bucket, kept)),
    )
  }

  static ofStored({ minutes, list }: StoredBuckets, kept?: number): TimeBuckets {
    // Nearly all are of numbers alone, and a start reads very many of them.
    if (list.every(({ length }) => length <= 3)) {
      const numbers: number[] = []
      for (const [upTo, first, last] of list) numbers.push(upTo, first, last)
      return TimeBuckets.ofNumbers({ minutes, list: numbers })
    }
    return new TimeBuckets(
      minutes,
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
      minutes: this.#minutes,
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
    return this.#numbers.length <= 3
  }

  /** How many events were at the first moment, where {@link ofMoments} makes the same of it. */
  atFirstOf({ count, first, last }: Omit<Moments, 'atFirst'>): number | undefined {
    if (this.#minutes !== 1 || this.#shown !== undefined || this.#numbers.length !== 6) return
    const [atFirst, a, b, upTo, c, d] = this.#numbers
    const isSame = upTo === count && a === first && b === first && c === last && d === last
    return isSame ? atFirst : undefined
  }

  see(count: number, when: Micros): void {
    if (this.#seeLast(count, when)) return
    const list = this.#list
    const at = this.#place(list, when)
    for (const [i, bucket] of list.entries()) {
      if (i >= at) bucket.upTo += count
      if (i !== at) continue
      bucket.first = Math.min(bucket.first, when)
      bucket.last = Math.max(bucket.last, when)
    }
    this.#list = this.#fitted(list)
  }

  /** Most events belong to the last bucket. */
  #seeLast(count: number, when: Micros): boolean {
    const numbers = this.#numbers
    const at = numbers.length - 3
    const first = numbers[at + 1] ?? -Infinity
    if (this.#index(first) !== this.#index(when)) return false
    numbers[at] = (numbers[at] ?? 0) + count
    numbers[at + 1] = Math.min(first, when)
    numbers[at + 2] = Math.max(numbers[at + 2] ?? when, when)
    return true
  }

  trip(guardrails: readonly string[], when: Micros): void {
    this.#show(when, (bucket) => {
      bucket.guardrails = united(bucket.guardrails, guardrails)
    })
  }

  witness(literal: Literal, when: Micros, kept?: number): void {
    this.#show(when, (bucket) => {
      bucket.witnesses ??= new Witnesses(kept)
      bucket.witnesses.add(literal)
    })
  }

  #show(when: Micros, change: (bucket: Bucket) => void): void {
    const list = this.#list
    const index = this.#index(when)
    const bucket = list.findLast(({ first }) => this.#index(first) === index)
    if (bucket === undefined) return
    change(bucket)
    this.#shown = shownOf(list)
  }

  /** Merges the buckets of another copy. */
  join(other: TimeBuckets): void {
    this.#minutes = Math.max(this.#minutes, other.#minutes)
    this.#list = this.#fitted(this.#gathered([...this.#list, ...other.#list]))
  }

  /** Adds events that are none of these. */
  absorb(other: TimeBuckets): void {
    this.#minutes = Math.max(this.#minutes, other.#minutes)
    const own = this.#counts()
    const theirs = other.#counts()
    const counted = [
      ...this.#list.map((bucket, i) => ({ bucket, count: own[i] ?? 0 })),
      ...other.#list.map((bucket, i) => ({ bucket, count: theirs[i] ?? 0 })),
    ].sort((a, b) => a.bucket.first - b.bucket.first)
    // Cumulative counts of both together, in order of time: buckets then join by maximum.
    let upTo = 0
    const joined = counted.map(({ bucket, count }) => {
      upTo += count
      return { ...bucket, upTo }
    })
    this.#list = this.#fitted(this.#gathered(joined))
  }

  withoutWitnesses(): TimeBuckets {
    return new TimeBuckets(
      this.#minutes,
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
    return { minutes: this.#minutes, list: this.#list.map(jsonOf) }
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
    return indexOf(when, this.#minutes)
  }

  /** Where the bucket of that time is, made where it was not. */
  #place(list: Bucket[], when: Micros): number {
    const index = this.#index(when)
    let at = list.length
    for (; at > 0; at--) {
      const other = this.#index(list[at - 1]?.first ?? 0)
      if (other === index) return at - 1
      if (other < index) break
    }
    const upTo = list[at - 1]?.upTo ?? 0
    const fresh = { upTo, first: when, last: when, guardrails: NONE, witnesses: undefined }
    list.splice(at, 0, fresh)
    return at
  }

  #fitted(list: Bucket[]): Bucket[] {
    let fitted = list
    while (fitted.length > BUCKETS_KEPT) {
      this.#minutes *= 2
      fitted = this.#gathered(fitted)
    }
    return fitted
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
