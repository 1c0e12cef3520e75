import type { Origin } from '../event/event-words.ts'
import type { BehaviourId } from './behaviour.ts'
import type { PathPattern } from './language.ts'

/** A pattern that stands for several behaviours which the kernel cannot hold one by one. */
export interface Widening {
  /** Of `groupOf`: one actor, uid and access. */
  readonly group: string
  readonly origin: Origin
  readonly pattern: PathPattern
  /** One of the behaviours that it includes: matches of the pattern count there. */
  readonly id: BehaviourId
  readonly key: string
}
