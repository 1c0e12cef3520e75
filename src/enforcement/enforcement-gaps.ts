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
  /** Containers that were assigned late, and when. */
  readonly #assigned = new Map<string, number>()
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
    this.#assigned.set(container, assignment.assignedMs)
    for (const kept of [this.#late, this.#assigned]) {
      const [oldest] = kept.keys()
      if (kept.size > lateKept && oldest !== undefined) kept.delete(oldest)
    }
  }

  /** Whether the kernel could not stop an event of that time, because the assignment came later. */
  isBefore(container: string, timeMs: number): boolean {
    return timeMs < (this.#assigned.get(container) ?? -Infinity)
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
    this.#assigned.delete(container)
  }
}

export function lengthOf({ fromMs, toMs }: EnforcementGap): number {
  return toMs - fromMs
}
