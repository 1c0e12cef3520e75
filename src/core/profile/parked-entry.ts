import type { Actor, BehaviourId, BehaviourObject } from '../behaviour/behaviour.ts'
import type { User } from '../behaviour/user.ts'
import type { Place } from '../learning/place.ts'
import type { Decision, Inheritance } from './profile-entry.ts'
import type { StoredCell } from './stored-entry.ts'

/** A behaviour as a parked profile has it. */
export interface ParkedEntry {
  readonly id: BehaviourId
  readonly actor: Actor
  readonly uid: User
  readonly object: BehaviourObject
  /** Cells that may be made before it is worth folding evidence. */
  readonly room: number
  /** Its packed cells, or where these cannot be packed, as the store has them. */
  readonly cells: string | readonly StoredCell[]
  readonly inherited?: Inheritance
  readonly decision?: Decision
  readonly fixed?: true
  /** As they are: counts that came since places were derived may have others follow from the same evidence. */
  readonly place?: Place
  readonly within?: BehaviourId
}
