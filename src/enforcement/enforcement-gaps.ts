import type { ImageRef } from '../core/event/event.ts'

/** A container acted before the kernel had its assignment: until then it was observed, and not blocked. */
export interface EnforcementGap {
  readonly image: ImageRef
  readonly container: string
  /** Epoch milliseconds: its first event, and its assignment. */
  readonly fromMs: number
  readonly toMs: number
}

/** A container that was assigned after its start, and without events so far, as far as the agent observed. */
export interface LateAssignment {
  readonly image: ImageRef
  readonly assignedMs: number
}

const dayMs = 86_400_000
/** As many containers run on a node at most; the oldest go first. */
export const lateKept = 4_096

/**
 * Finds gaps in enforcement. The time between a container's start and its assignment is a gap only as far as the
 * container acted in it: its runtime prepares it for a while first.
 */
export class EnforcementGaps {
  /** All since the start. */
  total = 0
  readonly #late = new Map<string, LateAssignment>()
  #worst: EnforcementGap | undefined

  /** The longest gap of the present day (UTC). */
  worst(nowMs: number): EnforcementGap | undefined {
    const isToday =
      this.#worst !== undefined &&
      Math.floor(this.#worst.toMs / dayMs) === Math.floor(nowMs / dayMs)
    return isToday ? this.#worst : undefined
  }

  late(container: string, assignment: LateAssignment): void {
    this.#late.set(container, assignment)
    if (this.#late.size <= lateKept) return
    const [oldest] = this.#late.keys()
    if (oldest !== undefined) this.#late.delete(oldest)
  }

  /** The container's earliest event is the first that the kernel judges; returns the gap that it shows. */
  acted(container: string, timeMs: number): EnforcementGap | undefined {
    const late = this.#late.get(container)
    if (late === undefined) return undefined
    this.#late.delete(container)
    const { image, assignedMs } = late
    if (timeMs >= assignedMs) return undefined
    const gap = { image, container, fromMs: timeMs, toMs: assignedMs }
    this.total += 1
    const worst = this.worst(assignedMs)
    if (worst === undefined || lengthOf(gap) > lengthOf(worst)) this.#worst = gap
    return gap
  }

  ended(container: string): void {
    this.#late.delete(container)
  }
}

export function lengthOf({ fromMs, toMs }: EnforcementGap): number {
  return toMs - fromMs
}
