import type { ImageRef } from '../../core/event/event.ts'

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
  /** Containers that the kernel has not confirmed as assigned yet, and when they acted first. */
  readonly #awaited = new Map<string, number | undefined>()
  #worst: EnforcementGap | undefined

  /** The longest gap of the present day (UTC). */
  worst(nowMs: number): EnforcementGap | undefined {
    const isToday =
      this.#worst !== undefined &&
      Math.floor(this.#worst.toMs / dayMs) === Math.floor(nowMs / dayMs)
    return isToday ? this.#worst : undefined
  }

  /** The kernel will confirm the assignment of a container that started: {@link late} or {@link onTime}. */
  awaits(container: string): void {
    put(this.#awaited, container, undefined)
  }

  /** The assignment was sent after the container's start. */
  sentLate(container: string, sentMs: number): void {
    put(this.#assigned, container, sentMs)
  }

  /** Returns the gap, where events of the container show it already. */
  late(container: string, assignment: LateAssignment): EnforcementGap | undefined {
    const firstMs = this.#awaited.get(container)
    this.#awaited.delete(container)
    put(this.#assigned, container, assignment.assignedMs)
    put(this.#late, container, assignment)
    return firstMs === undefined ? undefined : this.acted(container, firstMs)
  }

  /** All events of the container were judged by its version. */
  onTime(container: string): void {
    this.#awaited.delete(container)
    this.#assigned.delete(container)
  }

  /** Whether the kernel could not stop an event of that time, because the assignment came later. */
  isBefore(container: string, timeMs: number): boolean {
    return timeMs < (this.#assigned.get(container) ?? -Infinity)
  }

  /** The container's earliest event is the first that the kernel judges; returns the gap that it shows. */
  acted(container: string, timeMs: number): EnforcementGap | undefined {
    const late = this.#late.get(container)
    if (late === undefined) {
      const isFirst = this.#awaited.has(container) && this.#awaited.get(container) === undefined
      if (isFirst) this.#awaited.set(container, timeMs)
      return undefined
    }
    this.#late.delete(container)
    const { image, assignedMs } = late
    if (timeMs >= assignedMs) return undefined
    const gap = { image, container, fromMs: timeMs, toMs: assignedMs }
    this.total += 1
    const worst = this.worst(assignedMs)
    if (worst === undefined || lengthOf(gap) > lengthOf(worst)) this.#worst = gap
    return gap
  }

  /** The kernel may still confirm that it was assigned too late. */
  ended(container: string): void {
    this.#late.delete(container)
    this.#assigned.delete(container)
  }
}

/** The oldest goes where there is no room. */
function put<T>(kept: Map<string, T>, container: string, value: T): void {
  kept.set(container, value)
  const [oldest] = kept.keys()
  if (kept.size > lateKept && oldest !== undefined) kept.delete(oldest)
}

export function lengthOf({ fromMs, toMs }: EnforcementGap): number {
  return toMs - fromMs
}
