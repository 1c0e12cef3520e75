import type { Origin } from '../../../core/event/event-words.ts'
import type { BehaviourId } from '../../../core/behaviour/behaviour.ts'
import type { BehaviourKey } from '../../pipeline/sources/source.ts'
import type { Share, SharedBound } from './shared-bound.ts'

/** The meaning of a behaviour key of the kernel, used to attribute counts reported by key. */
export interface KeyMeaning {
  readonly behaviours: readonly BehaviourId[]
  readonly origin: Origin
  readonly session?: string
  readonly source: string
  readonly expected: boolean
}

/** What the meanings of many keys have in common: one object for all of them. */
type Manner = Omit<KeyMeaning, 'behaviours'>

interface Meant {
  readonly of: BehaviourId | readonly BehaviourId[]
  readonly manner: Manner
}

/** Most keys are of one behaviour, in the manner of the first key: there is only its id for these. */
type Kept = BehaviourId | Meant

/** Origins, sources, and expected or not: far more than there are. */
const MANNERS_KEPT = 256

/** Meanings of keys, in two generations of at most so many each. Keys that are in use stay. */
export class KeyMeanings implements Share {
  readonly #limit: number
  #bound: SharedBound | undefined
  #recent = new Map<BehaviourKey, Kept>()
  #old = new Map<BehaviourKey, Kept>()
  readonly #manners = new Map<string, Manner>()
  #usual: Manner | undefined
  /** Files with ever new names count for one place, one after the other: one object for all of them. */
  #last: Meant | undefined

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#recent.size + this.#old.size
  }

  /** From now on, it is a part of what all versions together may keep. */
  share(bound: SharedBound): void {
    this.#bound = bound
    bound.join(this)
  }

  /** Drops the keys that nobody used for a generation; where there are none, all. */
  shed(): number {
    const before = this.size
    this.renew()
    if (this.size === before) this.renew()
    return before - this.size
  }

  set(key: BehaviourKey, { behaviours, ...manner }: KeyMeaning): void {
    this.#keep(key, this.#keptOf(behaviours, this.#shared(manner)))
  }

  get(key: BehaviourKey): KeyMeaning | undefined {
    let kept = this.#recent.get(key)
    if (kept === undefined) {
      kept = this.#old.get(key)
      if (kept !== undefined) this.#keep(key, kept)
    }
    return kept === undefined ? undefined : this.#meaningOf(kept)
  }

  #keptOf(behaviours: readonly BehaviourId[], manner: Manner): Kept {
    const [only] = behaviours
    const isOne = behaviours.length === 1 && only !== undefined
    this.#usual ??= manner.session === undefined ? manner : undefined
    if (isOne && manner === this.#usual) return only
    const of = isOne ? only : behaviours
    const last = this.#last
    if (last?.of === of && last.manner === manner) return last
    this.#last = { of, manner }
    return this.#last
  }

  #meaningOf(kept: Kept): KeyMeaning | undefined {
    if (typeof kept === 'string') return this.#usual && { ...this.#usual, behaviours: [kept] }
    const { of, manner } = kept
    return { ...manner, behaviours: typeof of === 'string' ? [of] : of }
  }

  /** No key is in use any more. Those of before are still found. */
  renew(): void {
    this.#old = this.#recent
    this.#recent = new Map()
  }

  #keep(key: BehaviourKey, kept: Kept): void {
    if (this.#recent.has(key)) {
      this.#recent.set(key, kept)
      return
    }
    if (this.#recent.size >= this.#limit) this.renew()
    this.#recent.set(key, kept)
    // A key of both generations counts once.
    if (!this.#old.delete(key)) this.#bound?.grew()
  }

  #shared(manner: Manner): Manner {
    const { origin, session, source, expected } = manner
    // There is no end to sessions, and few keys have one.
    if (session !== undefined) return manner
    const name = `${origin} ${source} ${expected}`
    const known = this.#manners.get(name)
    if (known !== undefined) return known
    if (this.#manners.size >= MANNERS_KEPT) this.#manners.clear()
    this.#manners.set(name, { origin, source, expected })
    return this.#manners.get(name) ?? manner
  }
}
