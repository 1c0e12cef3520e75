import type { Origin } from './event.ts'

/** How an object is used: what a person decides on together. */
export const causeAccesses = [
  'read',
  'change',
  'map',
  'run',
  'connect',
  'listen',
  'identity',
  'capability',
  'syscall',
] as const
export type CauseAccess = (typeof causeAccesses)[number]

/** What an object is worth to an attacker, by where it lies. */
export const placeClasses = ['temporary', 'data', 'system', 'code', 'secret'] as const
export type PlaceClass = (typeof placeClasses)[number]

/** `most`: the world changed for all replicas. `few`: one of many does what the others do not. */
export const replicaShifts = ['most', 'few'] as const
export type ReplicaShift = (typeof replicaShifts)[number]

/** What the severity of a deviation depends on, and nothing else does. */
export interface RiskFacts {
  readonly access: CauseAccess
  readonly place: PlaceClass
  /** `new`: the profile has no behaviour of this kind by the program. `drift`: the image did not ship it. */
  readonly actor: 'known' | 'new' | 'drift'
  readonly origin: Origin
  /** The executed or mapped file did not come with the image. */
  readonly drift: boolean
  /** The image ships the object. */
  readonly shipped: boolean
  /** The profile has the actor do the same there, to names of the same kind. */
  readonly usual: boolean
  /** It does not leave the container: loopback, or a unix socket. */
  readonly local: boolean
  /** Root gave up its identity. */
  readonly leavesRoot: boolean
  /** Different names of the cause so far. */
  readonly names: number
  readonly replicas?: ReplicaShift | undefined
  /** A schedule of the image starts it. */
  readonly scheduled: boolean
}
