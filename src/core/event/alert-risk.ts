import type { Origin } from './event-words.ts'

/** How an object is used: the unit on which a person decides. */
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

/** The value of an object to an attacker, by its location. */
export const placeClasses = ['temporary', 'data', 'system', 'code', 'secret'] as const
export type PlaceClass = (typeof placeClasses)[number]

/** `most`: nearly all replicas began it together, which lowers nothing. `few`: one of many deviates from the others. */
export const replicaShifts = ['most', 'few'] as const
export type ReplicaShift = (typeof replicaShifts)[number]

/** Every fact that the severity of a deviation depends on. */
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
  /** It differs from what the window showed only in parts that were open there. */
  readonly usual: boolean
  /** It does not leave the container: loopback, or a unix socket. */
  readonly local: boolean
  /** Root gave up its identity. */
  readonly leavesRoot: boolean
  readonly replicas?: ReplicaShift | undefined
}
