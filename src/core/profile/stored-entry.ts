import type { Origin } from '../event/event-words.ts'
import type { Micros } from '../event/time.ts'
import type { Actor, BehaviourId, BehaviourObject } from '../behaviour/behaviour.ts'
import type { User } from '../behaviour/user.ts'
import type { WitnessesJson } from '../behaviour/witness.ts'
import type { Decision, Inheritance, Phase, ProfileEntry } from './profile-entry.ts'

/** Absent members at the end of a tuple are left out, and others are 0. */
type Maybe<T> = T | 0

/** An evidence cell as the store has it: numbers instead of text for times, and no names of members. */
export type StoredCell = readonly [
  container: string,
  origin: Origin,
  phase: Phase,
  count: number,
  first: Micros,
  last: Micros,
  nodes: readonly string[],
  sources: readonly string[],
  session?: Maybe<string>,
  /** Absent: one. */
  containers?: Maybe<number>,
  guardrails?: Maybe<readonly string[]>,
  witnesses?: Maybe<WitnessesJson>,
  buckets?: Maybe<StoredBuckets>,
]

export interface StoredBuckets {
  readonly minutes: number
  readonly list: readonly StoredBucket[]
}

export type StoredBucket = readonly [
  upTo: number,
  first: Micros,
  last: Micros,
  guardrails?: Maybe<readonly string[]>,
  witnesses?: Maybe<WitnessesJson>,
]

/** `snug.behaviour/v2`: a behaviour as the store has it, without what follows from the rest of its profile. */
export interface StoredEntry {
  readonly schema: 'snug.behaviour/v2'
  readonly actor: Actor
  readonly uid: User
  readonly object: BehaviourObject
  readonly cells: readonly StoredCell[]
  readonly inherited?: Inheritance
  readonly decision?: Decision
  readonly fixed?: true
  /** Number of the write; its cells include the counts of all writes up to it. Absent: none. */
  readonly upTo?: number
}

/** Who showed known behaviours again. */
export interface CountedBy {
  readonly container: string
  readonly origin: Origin
  readonly session?: string | undefined
  readonly phase: Phase
  readonly node: string
  readonly source: string
}

/** Counts of known behaviours as the store has them: what one write adds to the evidence. */
export interface StoredCounts extends CountedBy {
  readonly ids: readonly BehaviourId[]
  /** Of each id: count, first and last time, which are within one minute. */
  readonly seen: readonly number[]
}

/** The counts of one write. */
export interface CountsOfWrite {
  readonly number: number
  /** Of its record. */
  readonly slot: number
  readonly counts: readonly StoredCounts[]
}

/** What the store has of the behaviours of one version. */
export interface StoredProfile {
  readonly entries: Iterable<AnyStoredEntry>
  /** In no order. */
  readonly counts: readonly CountsOfWrite[]
}

/** Earlier agents stored behaviours in the form of exports. */
export type AnyStoredEntry = StoredEntry | ProfileEntry

/** Without what is absent at the end, and 0 for what is absent before. */
export function tuple<T extends readonly unknown[]>(...members: readonly unknown[]): T {
  let length = members.length
  while (length > 0 && members[length - 1] === undefined) length -= 1
  return members.slice(0, length).map((member) => member ?? 0) as unknown as T
}

/** The member of a tuple; undefined where it is absent. */
export function member<T>(value: Maybe<T> | undefined): T | undefined {
  return value === 0 ? undefined : value
}
