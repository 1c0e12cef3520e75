import { type Alert, severities } from '../../core/event/alert.ts'

/** Decided alerts are evicted first, and alerts about the agent last. */
const ranks = ['decided', ...severities, 'own'] as const

/** Each rank keeps this share of the capacity, whatever the number of other alerts. */
const sharePerRank = 0.1

function rankOf({ decision, type, severity }: Alert): number {
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
  readonly #places = new Map<string, { readonly rank: number; readonly container: string }>()

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** An alert whose rank changed becomes the newest of its new rank. */
  put(alert: Alert): void {
    const rank = rankOf(alert)
    const container = alert.container?.id ?? ''
    if (this.#places.get(alert.id)?.rank === rank) return
    this.remove(alert.id)
    this.#places.set(alert.id, { rank, container })
    const containers = this.#ranks[rank]
    const ids = containers?.get(container)
    if (ids === undefined) containers?.set(container, alert.id)
    else if (typeof ids === 'string') containers?.set(container, new Set([ids, alert.id]))
    else ids.add(alert.id)
    this.#sizes[rank] = (this.#sizes[rank] ?? 0) + 1
  }

  remove(id: string): void {
    const place = this.#places.get(id)
    if (place === undefined) return
    const { rank, container } = place
    this.#places.delete(id)
    const ids = this.#ranks[rank]?.get(container)
    if (typeof ids === 'object') ids.delete(id)
    if (ids === id || (typeof ids === 'object' && ids.size === 0))
      this.#ranks[rank]?.delete(container)
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
