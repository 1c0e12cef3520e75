import { decodeTime, monotonicFactory } from 'ulid'

/**
 * Ids of alerts and audit entries. INVARIANT: each id is greater than the one before, also after a
 * clock change or a restart. A cursor of a sink covers all ids up to it, so the sink would never
 * receive an id out of order.
 */
export class RecordIds {
  readonly #next = monotonicFactory()
  #floorMs = 0

  /** All later ids are greater than this one. */
  after(id: string): void {
    this.#floorMs = Math.max(this.#floorMs, timeOf(id) + 1)
  }

  next(nowMs: number): string {
    return this.#next(Math.max(nowMs, this.#floorMs))
  }
}

/** 0 if the id has a different format. */
function timeOf(id: string): number {
  try {
    return decodeTime(id)
  } catch {
    return 0
  }
}
