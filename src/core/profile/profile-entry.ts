import { compareText } from '../compare-text.ts'
import type { Origin } from '../event/event-words.ts'
import type { Actor, BehaviourId, BehaviourObject } from '../behaviour/behaviour.ts'
import type { WitnessesJson } from '../behaviour/witness.ts'
import type { User } from '../behaviour/user.ts'
import type { PlaceJson } from './place-schema.ts'

/**
 * `learned`: seen while the version was learning. `later`: seen after it, which by itself allows nothing. `derived`: a
 * read that follows from the image's own files, whenever it was seen: it allows to read the file as the image ships it.
 */
export type Phase = 'learned' | 'later' | 'derived'

/**
 * Evidence of one behaviour from one container, origin, session and phase; one agent writes it, so that
 * two copies of it merge by maximum, minimum and union. Times are RFC 3339 with six digits.
 */
export interface EvidenceCell {
  readonly container: string
  readonly origin: Origin
  readonly session?: string
  readonly phase: Phase
  /** Containers whose evidence was added up here; absent: it is of one. */
  readonly containers?: number
  readonly count: number
  readonly first: string
  readonly last: string
  readonly nodes: readonly string[]
  readonly sources: readonly string[]
  /** Ids of the guardrails that fired on it: such evidence allows nothing until a person approves. */
  readonly guardrails?: readonly string[]
  readonly witnesses?: WitnessesJson
  /** When it was seen, where that was at several times: by these it can be forgotten in part. */
  readonly buckets?: EvidenceBuckets
}

/**
 * Evidence by time: a few buckets of equal width, which grows with the time that the behaviour
 * continues.
 */
export interface EvidenceBuckets {
  /** Width: a power of two. */
  readonly minutes: number
  /** In order of time, at least two. */
  readonly list: readonly EvidenceBucket[]
}

export interface EvidenceBucket {
  /** Events up to the end of this bucket. */
  readonly upTo: number
  readonly first: string
  readonly last: string
  readonly guardrails?: readonly string[]
  readonly witnesses?: WitnessesJson
}

/** Allows events of this origin; for a shaped object, as far as its witnesses go. */
export interface Grant {
  readonly origin: Origin
  readonly witnesses?: WitnessesJson
}

/**
 * A person's decision on a behaviour. Of two, the later one applies; `withdrawn`: none applies, and the evidence counts
 * again.
 */
export interface Decision {
  readonly kind: 'approved' | 'rejected' | 'withdrawn'
  readonly by: string
  /** RFC 3339 */
  readonly at: string
  readonly reason?: string
  /** RFC 3339: the approval ends by itself. */
  readonly until?: string
  readonly onlyUid?: number
  /** Only events of this workload, named as `workloadText` names it. */
  readonly onlyWorkload?: string
  /** The evidence at the time of the approval: an earlier decision does not cover later evidence. */
  readonly grants: readonly Grant[]
}

/** From the version before, from a vendor, or a starter: expected, though this version has not shown it yet. */
export interface Inheritance {
  /** Digest of that version, {@link fromShipped} or {@link fromStarter}. */
  readonly from: string
  readonly grants: readonly Grant[]
}

const shippedPrefix = 'profile:'

/** The origin of what is in a profile that a vendor ships. */
export function fromShipped(name: string): string {
  return `${shippedPrefix}${name}`
}

/** The name of that profile; undefined where it was inherited from a version. */
export function shippedName(from: string): string | undefined {
  return from.startsWith(shippedPrefix) ? from.slice(shippedPrefix.length) : undefined
}

const starterPrefix = 'starter:'

/** The origin of what is in a starter profile. */
export function fromStarter(name: string): string {
  return `${starterPrefix}${name}`
}

/** The name of that starter profile; undefined where it comes from elsewhere. */
export function starterName(from: string): string | undefined {
  return from.startsWith(starterPrefix) ? from.slice(starterPrefix.length) : undefined
}

/** `snug.behaviour/v1`: one behaviour of a version, with its evidence. Plain data. */
export interface ProfileEntry {
  readonly schema: 'snug.behaviour/v1'
  readonly id: BehaviourId
  readonly actor: Actor
  readonly uid: User
  readonly object: BehaviourObject
  /** Sorted by container, origin, session, phase. */
  readonly cells: readonly EvidenceCell[]
  readonly inherited?: Inheritance
  readonly decision?: Decision
  /** It is that very file: the image ships it, or its path was cut. */
  readonly fixed?: true
  /** Of a place: what the evidence of its folder makes of it. Derived, and derived again where entries are merged. */
  readonly place?: PlaceJson
  /** The place that includes all of it: the entry is evidence of the place, and gets no line in lists. Derived. */
  readonly within?: BehaviourId
}

/** What a version passes on of a behaviour. Of its evidence only the witnesses count. */
export type Inheritable = Omit<ProfileEntry, 'cells' | 'place'> & {
  readonly cells: readonly Pick<EvidenceCell, 'origin' | 'phase' | 'guardrails' | 'witnesses'>[]
  readonly place?: Pick<PlaceJson, 'templates' | 'origins'>
}

export const behaviourStates = [
  'learned',
  'approved',
  'rejected',
  'pending',
  'quarantined',
  'apart',
  'derived',
] as const
/**
 * `learned` and `approved` are expected; `pending` was seen after learning and waits for review;
 * `quarantined` tripped a guardrail; `apart` was seen only in exec sessions; `derived` follows from the image's own
 * files, and is expected where the container did not change the file.
 */
export type BehaviourState = (typeof behaviourStates)[number]

type CellName = Pick<EvidenceCell, 'container' | 'origin' | 'phase'> & {
  readonly session?: string | undefined
}

/** Total order of cells: by container, origin, session, phase. */
export function compareCells(a: CellName, b: CellName): number {
  return (
    compareText(a.container, b.container) ||
    compareText(a.origin, b.origin) ||
    compareText(a.session ?? '', b.session ?? '') ||
    compareText(a.phase, b.phase)
  )
}

/** Of two decisions the later; of two at one instant the same one on every node. */
export function laterDecision(
  a: Decision | undefined,
  b: Decision | undefined,
): Decision | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return (compareText(a.at, b.at) || compareText(decisionText(a), decisionText(b))) >= 0 ? a : b
}

export function sameDecision(a: Decision | undefined, b: Decision | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return decisionText(a) === decisionText(b)
}

/** Equal for equal decisions, regardless of the order of keys: an API server may return them in another order. */
function decisionText(decision: Decision): string {
  const { kind, by, at, reason, until, onlyUid, onlyWorkload } = decision
  const grants = decision.grants.map(({ origin, witnesses }) => ({
    origin,
    ...(witnesses === undefined
      ? {}
      : { witnesses: { literals: witnesses.literals, places: witnesses.places } }),
  }))
  return JSON.stringify({ kind, by, at, reason, until, onlyUid, onlyWorkload, grants })
}
