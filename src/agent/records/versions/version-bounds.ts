import { SharedBound } from './shared-bound.ts'

/** Keys of the kernel with their meaning, of all versions together. */
export const allKeysKept = 65_536
/** Container runs of all versions together. */
export const allRunsKept = 16_384
/** Unexpected events, and actions of stopped events, of all versions together. */
export const allReportedKept = 65_536

/**
 * Behaviours in the profiles of all versions together, from which on a version with more than an equal part of it
 * records no further ones.
 */
export const allBehavioursKept = 80_000

/** What all versions together may keep. */
export class VersionBounds {
  readonly behaviours: BehaviourBound
  readonly keys = new SharedBound(allKeysKept)
  readonly runs = new SharedBound(allRunsKept)
  readonly reported = new SharedBound(allReportedKept)

  constructor(behaviours = allBehavioursKept) {
    this.behaviours = new BehaviourBound(behaviours)
  }
}

/**
 * Bounds the profiles of all versions. Nothing that was recorded goes: it is evidence. A flood in one version leaves
 * the others their equal parts.
 */
export class BehaviourBound {
  readonly #limit: number
  #total = 0
  #versions = 1

  constructor(limit: number) {
    this.#limit = limit
  }

  /** As counted now: what is inherited, merged or forgotten is noticed here. */
  counted(total: number, versions: number): void {
    this.#total = total
    this.#versions = Math.max(1, versions)
  }

  /** One profile recorded so many more. */
  grew(by: number): void {
    this.#total += by
  }

  /** Whether a version with so many behaviours is to record no further ones. */
  isFullFor(size: number): boolean {
    return this.#total >= this.#limit && size >= this.#limit / this.#versions
  }
}
