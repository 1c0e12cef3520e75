import type { Alert } from '../../core/event/alert.ts'
import type { BehaviourKey } from '../../pipeline/sources/source.ts'
import type { KeyMeaning } from './key-meanings.ts'
import type { Share, SharedBound } from './shared-bound.ts'

/**
 * An unexpected event that was reported. Its repeats are counted by key, also after a restart.
 * Plain data: it is stored.
 */
export interface ReportedEvent extends KeyMeaning {
  readonly key: BehaviourKey
  readonly container: string
  readonly action: Alert['action']
  /** Fingerprint of the alert that it shares with others. */
  readonly alert?: string
}

/** Unexpected events of a version whose keys survive a restart of the daemon. */
export const reportedKept = 1_000
/** Stopped events that may repeat. */
export const actionsKept = 65_536

/** At the shared bound, a version loses so much of its events at once. */
const shedPart = 1 / 8

/**
 * The unexpected events of a version, which their repeats are counted for. Repeats come from containers that run, or
 * ended a short time ago: later, {@link forget} loses nothing.
 */
export class ReportedActs implements Share {
  /** By container and key. The oldest are dropped first. */
  readonly #acts = new Map<string, ReportedEvent>()
  /** Of each container, what the kernel did other than to report. */
  readonly #actions = new Map<string, Map<BehaviourKey, Alert['action']>>()
  #actionsSize = 0
  #bound: SharedBound | undefined

  get size(): number {
    return this.#acts.size + this.#actionsSize
  }

  /** From now on, it is a part of what all versions together may keep. */
  share(bound: SharedBound): void {
    this.#bound = bound
    bound.join(this)
  }

  all(): Iterable<ReportedEvent> {
    return this.#acts.values()
  }

  add(act: ReportedEvent): void {
    const name = `${act.key} ${act.container}`
    const isNew = !this.#acts.delete(name)
    this.#acts.set(name, act)
    if (this.#acts.size > reportedKept) this.#dropOldest(1)
    if (isNew) this.#bound?.grew()
  }

  /** Fingerprint of the alert that this container's latest event of that key shares with others. */
  alertOf(key: BehaviourKey, container: string): string | undefined {
    return this.#acts.get(`${key} ${container}`)?.alert
  }

  /** Records the action for the container's latest event of that key, which its repeats share. */
  setAction(key: BehaviourKey, container: string, action: Alert['action']): void {
    let actions = this.#actions.get(container)
    if (action === 'alerted') {
      if (actions?.delete(key) === true) this.#actionsSize -= 1
      if (actions?.size === 0) this.#actions.delete(container)
      return
    }
    if (actions === undefined) {
      actions = new Map()
      this.#actions.set(container, actions)
    }
    const isNew = !actions.has(key)
    actions.set(key, action)
    if (!isNew) return
    this.#actionsSize += 1
    if (this.#actionsSize > actionsKept) this.#dropActions()
    this.#bound?.grew()
  }

  actionOf(key: BehaviourKey, container: string): Alert['action'] {
    return this.#actions.get(container)?.get(key) ?? 'alerted'
  }

  /** No repeat of the container is counted any more. True where that changes what is stored. */
  forget(containers: ReadonlySet<string>): boolean {
    for (const container of containers) {
      this.#actionsSize -= this.#actions.get(container)?.size ?? 0
      this.#actions.delete(container)
    }
    const before = this.#acts.size
    for (const [name, act] of this.#acts) {
      if (containers.has(act.container)) this.#acts.delete(name)
    }
    return this.#acts.size < before
  }

  /** The oldest of the events, or the actions of the container with the most of them. */
  shed(): number {
    if (this.#acts.size < this.#actionsSize) return this.#dropActions()
    return this.#dropOldest(Math.ceil(this.#acts.size * shedPart))
  }

  #dropOldest(count: number): number {
    let dropped = 0
    for (const name of this.#acts.keys()) {
      if (dropped >= count) break
      this.#acts.delete(name)
      dropped += 1
    }
    return dropped
  }

  #dropActions(): number {
    let most = ''
    let size = 0
    for (const [container, actions] of this.#actions) {
      if (actions.size <= size) continue
      most = container
      size = actions.size
    }
    this.#actions.delete(most)
    this.#actionsSize -= size
    return size
  }
}
