import type { Allowance } from './allowance.ts'
import type { BehaviourObject } from '../behaviour/behaviour.ts'
import type { DerivedReads } from '../learning/derived-reads.ts'
import type { Shaper } from '../behaviour/shape.ts'
import type { Widening } from '../behaviour/widening.ts'

/** What the matcher asks of a profile, live or compiled. */
export interface ProfileReader {
  allowance(key: string): Allowance | undefined
  all(): Iterable<Allowance>
  /** Behaviours of one kind by one executable, and behaviours with one object: where the nearest are found. */
  byActor(kind: string, exe: string): readonly Allowance[]
  byObject(object: BehaviourObject): readonly Allowance[]
  /** What may take more than its own object, by {@link groupOf}. */
  readonly patterns: Patterns
  /** What follows from the image's own files. */
  readonly derived: DerivedReads
  readonly size: number
  readonly shaper: Shaper
}

export interface Patterns {
  /** True where a person rejected anything at all. */
  readonly anyRejected: boolean
  /** Shaped paths that a person rejected. */
  refused(group: string): readonly Allowance[]
  /** Other shaped paths, the most specific first. */
  shaped(group: string): readonly Allowance[]
  /** Blocks of addresses, the smallest first, and of the same block what was rejected. */
  blocks(group: string): readonly Allowance[]
  /** What the kernel's form had to make wider. */
  widened(group: string): readonly Widening[]
}
