import { severities } from '../../../core/event/alert-words.ts'
import type { Alert } from '../../../core/event/alert.ts'

/** Decided alerts are evicted first, and alerts about the agent last. */
const ranks = ['decided', ...severities, 'own'] as const

/** Each rank keeps this share of the capacity, whatever the number of other alerts. */
const sharePerRank = 0.1

/** An alert, as far as its rank and its container go. */
export interface Evictable extends Pick<Alert, 'id' | 'severity' | 'type'> {
  readonly decision: Alert['decision'] | undefined
  readonly containerId: string | undefined
}

function rankOf({ decision, type, severity }: Evictable): number {
  if (decision !== undefined) return 0
  const isOwn = type === 'loss' || type === 'enforcement'
  return isOwn ? ranks.length - 1 : severities.indexOf(severity) + 1
}

/**
 * Selects the alert to evict from a full store. It takes the lowest rank above its share, then the
 * container with the most alerts, then the oldest alert. So a container cannot use up the quota of
 * others, nor a low severity that of a high one.
 */
export class EvictionOrder {
  readonly #capacity: number
  /** By container: most have one alert, which needs no set. */
  readonly #ranks = ranks.map(() => new Map<string, string | Set<string>>())
  readonly #sizes = ranks.map(() => 0)

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /**
   * The store has another alert in place of one; absent: none. One of another rank or container becomes the newest of its
   * rank.
   */
  replace(before: Evictable | undefined, now: Evictable | undefined): void {
    const isSame = before !== undefined && now !== undefined && rankOf(before) === rankOf(now)
    if (isSame && before.containerId === now.containerId) return
    if (before !== undefined) this.#remove(before)
    if (now !== undefined) this.#add(now)
  }

  #add(alert: Evictable): void {
    const rank = rankOf(alert)
    const { id, containerId = '' } = alert
    const containers = this.#ranks[rank]
    const ids = containers?.get(containerId)
    if (ids === undefined) containers?.set(containerId, id)
    else if (typeof ids === 'string') containers?.set(containerId, new Set([ids, id]))
    else ids.add(id)
    this.#sizes[rank] = (this.#sizes[rank] ?? 0) + 1
  }

  #remove(alert: Evictable): void {
    const rank = rankOf(alert)
    const { id, containerId = '' } = alert
    const containers = this.#ranks[rank]
    const ids = containers?.get(containerId)
    if (typeof ids === 'object') ids.delete(id)
    if (ids === id || (typeof ids === 'object' && ids.size === 0)) containers?.delete(containerId)
    this.#sizes[rank] = (this.#sizes[rank] ?? 0) - 1
  }

  next(): string | undefined {
    const share = Math.floor(this.#capacity * sharePerRank)
    const over = this.#sizes.findIndex((size) => size > share)
    const rank = over === -1 ? this.#sizes.findIndex((size) => size > 0) : over
    let most: string | Set<string> | undefined
    for (const ids of this.#ranks[rank]?.values() ?? []) {
      if (most === undefined || sizeOf(ids) > sizeOf(most)) most = ids
    }
    return typeof most === 'object' ? most.values().next().value : most
  }
}

function sizeOf(ids: string | Set<string>): number {
  return typeof ids === 'string' ? 1 : ids.size
}
