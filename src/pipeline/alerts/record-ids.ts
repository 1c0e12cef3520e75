import { decodeTime, monotonicFactory } from 'ulid'

/**
 * Ids of alerts and audit entries, each greater than the one before: also where the clock was set back, and after a
 * restart. What a sink has is all up to one id, so an id out of order would be one that is never sent.
 */
export class RecordIds {
  readonly #next = monotonicFactory()
  #floorMs = 0

  /** All that come are greater than this one. */
  after(id: string): void {
    this.#floorMs = Math.max(this.#floorMs, timeOf(id) + 1)
  }

  next(nowMs: number): string {
    return this.#next(Math.max(nowMs, this.#floorMs))
  }
}

/** 0 where it is no id of ours. */
function timeOf(id: string): number {
  try {
    return decodeTime(id)
  } catch {
    return 0
  }
}
