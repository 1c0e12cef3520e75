import { nameOf } from './alert-name.ts'
import { ReviewGroups } from './review-groups.ts'
import type { KeptAlert } from './stream-record.ts'

interface NodeCounts {
  alerts: number
  open: number
  /** When its latest alert was seen last. */
  last: string
}

/**
 * The latest alerts of the stream, each in its latest state, and what they add up to. Bounded: beyond `capacity` it lets
 * go of those that changed longest ago, which the stream still has.
 */
export class AlertWindow {
  readonly groups = new ReviewGroups()
  /** Name of an ImageProfile → alerts without a decision. */
  readonly openByProfile = new Map<string, number>()
  readonly byNode = new Map<string, NodeCounts>()
  open = 0
  /** By id, in the order of their latest messages. */
  readonly #alerts = new Map<string, KeptAlert>()
  readonly #capacity: number
  #dropped = false
  #sorted: { readonly revision: number; readonly alerts: readonly KeptAlert[] } | undefined
  /** Rises with each change. */
  revision = 0

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get size(): number {
    return this.#alerts.size
  }

  /** Whether alerts were let go of; then those with a message before {@link oldest} are in the stream only. */
  get dropped(): boolean {
    return this.#dropped
  }

  /** The one whose latest message is the oldest. */
  get oldest(): KeptAlert | undefined {
    const [first] = this.#alerts.values()
    return first
  }

  put(alert: KeptAlert): void {
    const name = nameOf(alert)
    const before = this.#alerts.get(name)
    this.#remove(name)
    this.#alerts.set(name, withReopening(alert, before))
    this.#count(alert, 1)
    if (alert.decision === undefined) this.groups.add(name, alert)
    this.revision += 1
    if (this.#alerts.size <= this.#capacity) return
    const [oldest] = this.#alerts.keys()
    if (oldest !== undefined) this.#remove(oldest)
    this.#dropped = true
  }

  clear(): void {
    this.#alerts.clear()
    this.groups.clear()
    this.openByProfile.clear()
    this.byNode.clear()
    this.open = 0
    this.#dropped = false
    this.revision += 1
  }

  /** Whether its latest state is here: an older message about it is out of date. */
  has(alert: KeptAlert): boolean {
    return this.#alerts.has(nameOf(alert))
  }

  newestFirst(): readonly KeptAlert[] {
    if (this.#sorted?.revision !== this.revision) {
      this.#sorted = { revision: this.revision, alerts: [...this.#alerts.values()].reverse() }
    }
    return this.#sorted.alerts
  }

  #remove(name: string): void {
    const alert = this.#alerts.get(name)
    if (alert === undefined) return
    this.#alerts.delete(name)
    this.#count(alert, -1)
    if (alert.decision === undefined) this.groups.remove(name, alert)
  }

  #count({ node, profile, decision, lastSeen }: KeptAlert, by: 1 | -1): void {
    const open = decision === undefined ? by : 0
    const known = this.byNode.get(node) ?? { alerts: 0, open: 0, last: '' }
    known.alerts += by
    known.open += open
    if (lastSeen > known.last) known.last = lastSeen
    if (known.alerts === 0) this.byNode.delete(node)
    else this.byNode.set(node, known)
    this.open += open
    if (profile === undefined || open === 0) return
    const left = (this.openByProfile.get(profile) ?? 0) + open
    if (left === 0) this.openByProfile.delete(profile)
    else this.openByProfile.set(profile, left)
  }
}

/** Somebody withdrew the decision: a closing from before does not count any more. */
function withReopening(alert: KeptAlert, before: KeptAlert | undefined): KeptAlert {
  if (before === undefined || alert.decision !== undefined) return alert
  const reopenedAt = before.decision === undefined ? before.reopenedAt : alert.receivedAt
  return reopenedAt === undefined ? alert : { ...alert, reopenedAt }
}
