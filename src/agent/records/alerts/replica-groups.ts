import type { ReplicaShift } from '../../../core/event/alert-words.ts'
import { aloneMs, replicaShift } from '../../../core/match/replicas.ts'

/** Containers of a version that show one cause, as far as they are kept apart. */
export interface ReplicaGroup {
  /** Ids of their alerts. */
  readonly alerts: readonly string[]
  readonly shift: ReplicaShift | undefined
  readonly shown: number
  readonly running: number
}

interface Group {
  /** By container: its alert, and when (epoch milliseconds) it first showed the cause. */
  readonly shown: Map<string, { readonly alert: string; readonly firstMs: number }>
  running: number
  shift: ReplicaShift | undefined
  /** When the figures in the group's alerts are next brought up to date; undefined: they are. */
  dueMs: number | undefined
}

/** Containers of one group that are kept apart: the oldest go first. */
export const replicasKept = 256
/** The figures in alerts of a group are at most so old, in milliseconds. */
export const figuresEveryMs = 60_000
/** Alerts that one check brings up to date, and then the rest of its group. */
const refreshedAtOnce = 256

/**
 * Which containers of a version show the same cause. A statement about one is true of all, so a group reports when the
 * statement changes. Its figures follow later, because each new container would otherwise rewrite the alerts of all
 * others.
 */
export class ReplicaGroups {
  readonly #groups = new Map<string, Group>()
  /** Alert → key of its group. */
  readonly #groupOf = new Map<string, string>()
  readonly #due = new Set<string>()

  /**
   * A container shows the cause for the first time.
   *
   * @returns the group with it; `others`: the statement about the others has changed, so their alerts need it now
   */
  add(
    key: string,
    one: { readonly container: string; readonly alert: string; readonly firstMs: number },
    running: number,
    nowMs: number,
  ): ReplicaGroup & { readonly others: boolean } {
    const group = this.#groups.get(key) ?? emptyGroup()
    this.#groups.set(key, group)
    const { container, alert, firstMs } = one
    const earlier = group.shown.get(container)
    if (earlier !== undefined) this.#groupOf.delete(earlier.alert)
    group.shown.set(container, { alert, firstMs })
    group.running = running
    this.#groupOf.set(alert, key)
    this.#bound(group)
    const before = group.shift
    const view = viewOf(group, nowMs)
    group.dueMs ??= Math.min(nowMs + figuresEveryMs, aloneAtMs(group, nowMs))
    this.#due.add(key)
    return { ...view, others: before !== view.shift }
  }

  /** Groups whose alerts are to be brought up to date, within a bound for one call. */
  due(nowMs: number): readonly ReplicaGroup[] {
    const found: ReplicaGroup[] = []
    let alerts = 0
    for (const key of this.#due) {
      if (alerts >= refreshedAtOnce) break
      const group = this.#groups.get(key)
      if (group?.dueMs === undefined) {
        this.#due.delete(key)
        continue
      }
      if (group.dueMs > nowMs) continue
      found.push(viewOf(group, nowMs))
      alerts += group.shown.size
      const atMs = aloneAtMs(group, nowMs)
      // The others still have time to show it too.
      group.dueMs = atMs < Infinity ? Math.min(nowMs + figuresEveryMs, atMs) : undefined
      this.#due.delete(key)
      if (group.dueMs !== undefined) this.#due.add(key)
    }
    return found
  }

  /** The alert is decided on or gone. */
  forget(alert: string): void {
    const key = this.#groupOf.get(alert) ?? ''
    this.#groupOf.delete(alert)
    const group = this.#groups.get(key)
    for (const [container, one] of group?.shown ?? []) {
      if (one.alert === alert) group?.shown.delete(container)
    }
    if (group?.shown.size !== 0) return
    this.#groups.delete(key)
    this.#due.delete(key)
  }

  #bound({ shown }: Group): void {
    const [oldest] = shown
    if (shown.size <= replicasKept || oldest === undefined) return
    shown.delete(oldest[0])
    this.#groupOf.delete(oldest[1].alert)
  }
}

function emptyGroup(): Group {
  return { shown: new Map(), running: 0, shift: undefined, dueMs: undefined }
}

function viewOf(group: Group, nowMs: number): ReplicaGroup {
  const { shown, running } = group
  const ones = [...shown.values()]
  group.shift = replicaShift({ firstMs: ones.map(({ firstMs }) => firstMs), running, nowMs })
  return { alerts: ones.map(({ alert }) => alert), shift: group.shift, shown: shown.size, running }
}

/** When the other replicas will have had their time; Infinity: they have had it. */
function aloneAtMs({ shown }: Group, nowMs: number): number {
  let first = Infinity
  for (const { firstMs } of shown.values()) first = Math.min(first, firstMs)
  const atMs = first + aloneMs
  return atMs > nowMs ? atMs : Infinity
}
