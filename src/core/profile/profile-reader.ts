import type { Admission } from './allowance.ts'
import type { BehaviourObject } from '../behaviour/behaviour.ts'
import type { Shaper } from '../behaviour/shape.ts'
import type { Widening } from '../behaviour/widening.ts'

/** What the matcher asks of a profile, live or compiled. */
export interface Known {
  admission(key: string): Admission | undefined
  all(): Iterable<Admission>
  /** Behaviours of one kind by one executable, and behaviours with one object: where the nearest are found. */
  byActor(kind: string, exe: string): readonly Admission[]
  byObject(object: BehaviourObject): readonly Admission[]
  /** What may take more than its own object, by {@link groupOf}. */
  readonly patterns: Patterns
  readonly size: number
  readonly shaper: Shaper
}

export interface Patterns {
  /** True where a person rejected anything at all. */
  readonly anyRejected: boolean
  /** Shaped paths that a person rejected. */
  refused(group: string): readonly Admission[]
  /** Other shaped paths, the most specific first. */
  shaped(group: string): readonly Admission[]
  /** Blocks of addresses, the smallest first, and of the same block what was rejected. */
  blocks(group: string): readonly Admission[]
  /** What the kernel's form had to make wider. */
  widened(group: string): readonly Widening[]
}
